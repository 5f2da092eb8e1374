"""The table of sources and the sample data that it points at fit together."""

import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from bbj_assets.settings import load_settings
from bbj_assets.source_table import SourceTable, load_sources

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_data"
NAMES = (
    "flare",
    "pdf",
    "mdx-dwc",
    "mdx-beginner",
    "mdx-db-modernization",
    "bbj-source",
    "wordpress-advantage",
    "wordpress-kb",
    "web-crawl",
    "javadoc",
)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> SourceTable:
    """sources.toml as a machine without BBj and without settings reads it."""
    monkeypatch.delenv("BBJ_HOME", raising=False)
    monkeypatch.delenv("DATA_DIR", raising=False)
    return load_sources(load_settings(config=ROOT / "sources.toml"))


def count(folder: str, pattern: str) -> int:
    return sum(file.is_file() for file in (SAMPLES / folder).rglob(pattern))


def test_the_table_has_the_ten_sources(config: SourceTable) -> None:
    enabled = {source.name for source in config.sources}

    assert sorted([*enabled, *config.disabled]) == sorted(NAMES)


def test_paths_of_enabled_sources_exist(config: SourceTable) -> None:
    roots = {source.name: source.roots for source in config.sources}

    assert roots.keys() >= {"mdx-dwc", "mdx-beginner", "mdx-db-modernization", "bbj-source", "javadoc"}
    assert all(root.is_dir() for paths in roots.values() for root in paths)


def test_paths_of_disabled_sources_exist_too() -> None:
    table = tomllib.loads((ROOT / "sources.toml").read_text(encoding="utf-8"))
    paths = [path for source in table["sources"] for path in source.get("paths", []) if "$" not in path]

    assert "flare" in paths
    assert [path for path in paths if not (SAMPLES / path).is_dir()] == []


@pytest.mark.parametrize("name", ["mdx-dwc", "mdx-beginner", "mdx-db-modernization"])
def test_a_tutorial_says_where_it_is_published_and_for_whom(config: SourceTable, name: str) -> None:
    (source,) = config.select((name,))

    assert source.display_url is not None
    assert source.display_url.startswith("https://")
    assert source.generation_tag == ("dwc" if name == "mdx-dwc" else "all")


def test_an_installation_in_bbj_home_replaces_the_sample_javadoc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "documentation" / "javadoc").mkdir(parents=True)
    monkeypatch.setenv("BBJ_HOME", str(tmp_path))
    monkeypatch.delenv("DATA_DIR", raising=False)

    (source,) = load_sources(load_settings(config=ROOT / "sources.toml")).select(("javadoc",))

    assert source.roots == (tmp_path / "documentation" / "javadoc",)


@pytest.mark.parametrize(
    ("folder", "pattern", "files"),
    [
        ("flare/Content", "*.htm", 19),
        ("flare/Content/Resources/Snippets", "*.flsnp", 5),
        ("flare/Project/TOCs", "*.fltoc", 3),
        ("flare/Output", "*.htm", 1),
        ("pdf", "*.pdf", 1),
        ("tutorials/dwc/docs", "[!_]*.md*", 7),
        ("tutorials/beginner/docs", "[!_]*.md*", 7),
        ("tutorials/db-modernization/docs", "[!_]*.md*", 6),
        ("tutorials", "_*.mdx", 2),
        ("bbj-source", "*.*", 11),
        ("bbj_home/documentation/javadoc", "*.json", 4),
        ("web/wordpress-advantage/wp-json", "page-*.json", 3),
        ("web/wordpress-kb/wp-json", "page-*.json", 2),
        ("web/webhelp", "*.htm", 9),
    ],
)
def test_the_samples_are_complete(folder: str, pattern: str, files: int) -> None:
    assert count(folder, pattern) == files


def test_flare_sources_begin_with_a_byte_order_mark() -> None:
    project = [
        file
        for folder in ("Content", "Project")
        for file in (SAMPLES / "flare" / folder).rglob("*.[fh]*")
        if file.suffix in {".htm", ".flsnp", ".fltoc", ".flvar", ".flcts", ".flglo"}
    ]

    assert len(project) == 31
    assert [file.name for file in project if not file.read_bytes().startswith(b"\xef\xbb\xbf")] == []


def test_one_program_is_stored_in_cp1252() -> None:
    stored = (SAMPLES / "bbj-source/reports/Preisliste.bbj").read_bytes()

    with pytest.raises(UnicodeDecodeError):
        stored.decode()
    assert "Größe und Währung" in stored.decode("cp1252")


def test_one_class_name_is_in_two_packages() -> None:
    packages = (SAMPLES / "bbj_home/documentation/javadoc").glob("*.json")
    names = Counter(
        entry["name"] for package in packages for entry in json.loads(package.read_text(encoding="utf-8"))["classes"]
    )

    assert [name for name, times in names.items() if times > 1] == ["BBjString"]


@pytest.mark.parametrize("site", ["wordpress-advantage", "wordpress-kb"])
def test_a_site_has_five_posts_of_two_years(site: str) -> None:
    posts = [
        post
        for page in (SAMPLES / "web" / site / "wp-json").rglob("page-*.json")
        for post in json.loads(page.read_text(encoding="utf-8"))
    ]

    assert len(posts) == len({post["link"] for post in posts}) == 5
    assert len({post["date"][:4] for post in posts}) == 2


def test_the_samples_stay_small() -> None:
    assert sum(file.stat().st_size for file in SAMPLES.rglob("*") if file.is_file()) < 400_000
