"""What the pages say of the repository is so: links, folders, modules, tables, packages, versions."""

import re
import tomllib
from importlib.resources import files
from urllib.parse import urlsplit

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.docs.pages import Page, all_pages, page

PAGES = all_pages()
ARCHITECTURE = page("docs/architecture.md")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TWO_SCREENS = 100


def anchors(page: Page) -> set[str]:
    """Return the anchors of the headings of a page, as repositories render them."""
    headings = re.findall(r"^#+ (.+)$", page.text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Page) -> None:
    for link in page.links:
        target = urlsplit(link)
        if target.scheme:
            continue
        file = (page.file.parent / target.path).resolve() if target.path else page.file
        assert file.exists(), link
        assert not target.fragment or target.fragment in anchors(Page(file)), link


def test_every_page_is_linked_from_another_one() -> None:
    linked = {(page.file.parent / urlsplit(link).path).resolve() for page in PAGES for link in page.links}

    assert [page.name for page in PAGES if page.name.startswith("docs/") and page.file not in linked] == []


def test_the_readme_fills_two_screens_at_most() -> None:
    assert len(page("README.md").text.splitlines()) <= TWO_SCREENS


def test_the_architecture_page_lists_every_folder() -> None:
    listed = {cell for row in ARCHITECTURE.rows for cell in re.findall(r"^`(bbj_assets/\w+)`", row[0])}
    package = REPOSITORY / "bbj_assets"

    assert listed == {f"bbj_assets/{path.parent.name}" for path in package.glob("*/__init__.py")}


def test_the_architecture_page_lists_every_table() -> None:
    migrations = (REPOSITORY / "bbj_assets/store/migrations").glob("*.sql")
    created = {name for file in migrations for name in re.findall(r"CREATE TABLE (\w+)", file.read_text("utf-8"))}
    section = ARCHITECTURE.text.partition("## The data model")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == created


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_exists(page: Page) -> None:
    for code in page.inline_code:
        if re.fullmatch(r"[\w/]+\.py", code) and code not in EXAMPLES:
            assert any((folder / code).is_file() for folder in ROOTS), code


EXAMPLES = {"bbj_assets/sources/asciidoc.py", "bbj_assets/embedding/embedders/letters.py"}
"""The modules that CONTRIBUTING.md adds."""
ROOTS = [
    REPOSITORY,
    REPOSITORY / "bbj_assets",
    REPOSITORY / "bbj_assets/sources",
    REPOSITORY / "sample_data",
    REPOSITORY / "sample_data/pdf",
]


def test_every_package_of_the_architecture_page_is_a_dependency() -> None:
    requirements = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    section = ARCHITECTURE.text.partition("## The libraries")[2]
    named = set(re.findall(r"`([a-z0-9-]+)`", section))

    assert len(named) == 9
    assert named <= {Requirement(requirement).name for requirement in requirements}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_range_of_python_versions_is_that_of_the_package(name: str) -> None:
    [(first, last)] = re.findall(r"Python (3\.\d+) to (3\.\d+)", page(name).text)
    allowed = SpecifierSet(PROJECT["requires-python"])

    assert f"{first}.0" in allowed
    assert f"{last}.0" in allowed
    assert f"3.{int(first.split('.')[1]) - 1}.0" not in allowed


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = page("CHANGELOG.md").text
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert all(
        re.fullmatch(r"\[\d+\.\d+\.\d+\](?: - (?:Unreleased|\d{4}-\d\d-\d\d))?", version) for version in versions
    )
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_the_hook_of_pre_commit_runs_make_check_without_a_network() -> None:
    configuration = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))

    [repository] = configuration["repos"]
    [hook] = repository["hooks"]
    assert repository["repo"] == "local"
    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert hook["language"] == "system"
    assert hook["entry"] == "make check"
    assert hook["pass_filenames"] is False


def test_the_package_says_that_it_is_typed() -> None:
    assert files("bbj_assets").joinpath("py.typed").is_file()
