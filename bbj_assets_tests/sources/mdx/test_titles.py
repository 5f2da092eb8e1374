"""Titles and breadcrumbs."""

import pytest

from bbj_assets.sources.mdx.titles import plain_text, readable
from bbj_assets_tests.sources.mdx.pages import Site


@pytest.mark.parametrize(
    ("text", "title", "content"),
    [
        ("---\ntitle: From YAML\n---\n# Heading\n\nText", "From YAML", "# Heading\n\nText"),
        ("---\ntitle: Same\n---\n\n# Same {#same}\n\nText", "Same", "Text"),
        ("# Heading `code` and **bold** {#id}\n\nText", "Heading code and bold", "Text"),
        ("Heading\n=======\n\nText", "Heading", "Text"),
        ("Text first\n\n# Heading\n\nMore", "Heading", "Text first\n\n# Heading\n\nMore"),
        ("## Only a second level\n", "Setup guide", "## Only a second level"),
        ("```sh\n# a comment\n```", "Setup guide", "```sh\n# a comment\n```"),
        ("import X from 'x';\n\n# Heading\n\nText", "Heading", "Text"),
        ("---\ntitle: <dwc-field>\n---\nText", "<dwc-field>", "Text"),
        ("---\ntitle: 25.10\n---\nText", "25.10", "Text"),
        ("---\ntitle: Masks: dates\n---\nText", "Masks: dates", "Text"),
        ("---\ntitle: '  '\n---\nText", "Setup guide", "Text"),
        ('---\ntitle: "a\\0b"\n---\nText', "ab", "Text"),
        ("# Chips <DocChip chip='since' label='25.10' /> {#id}\n\nText", "Chips", "since 25.10\n\nText"),
    ],
)
def test_the_title_is_not_repeated_in_the_content(site: Site, text: str, title: str, content: str) -> None:
    document = site.page(text, "01-first/02-setup_guide.md")

    assert (document.title, document.content) == (title, content)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("intro/index.md", "Intro"),
        ("intro/README.mdx", "Intro"),
        ("index.md", "Mdx test"),
        ("03-deep-dive/1. bbj-installation.md", "BBj installation"),
        ("7.0-changes.md", "7.0 changes"),
        ("42.md", "42"),
    ],
)
def test_a_page_without_a_title_has_the_name_of_its_file(site: Site, path: str, title: str) -> None:
    assert site.page("Text", path).title == title


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("getting-started", "Getting started"),
        ("003 - myDoc", "myDoc"),
        ("2021-11-notes", "2021 11 notes"),
        ("a1-doc", "A1 doc"),
        ("dwc_css-api", "DWC CSS API"),
    ],
)
def test_file_names_become_readable(name: str, expected: str) -> None:
    assert readable(name) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("a_b_c and _em_ and *em*", "a_b_c and em and em"),
        ("[**link**](x.md) ![alt](x.png)", "link alt"),
        ("`List<String>` \\<T\\> &amp;", "List<String> <T> &"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("`**kept**`", "**kept**"),
    ],
)
def test_a_heading_becomes_plain_text(markdown: str, expected: str) -> None:
    assert plain_text(markdown) == expected


def test_the_breadcrumb_has_folders_and_category_labels(site: Site) -> None:
    site.write(
        {"01-grids/_category_.json": '{"label": "All grids"}', "01-grids/02-rows/_category_.yml": "label: Rows!"}
    )

    document = site.page("Text", "01-grids/02-rows/03-more_rows/sorting.md")

    assert document.section_path == ("All grids", "Rows!", "More rows")


@pytest.mark.parametrize("path", ["guide/index.md", "guide/guide.md", "guide/overview.md"])
def test_the_breadcrumb_does_not_repeat_the_title(site: Site, path: str) -> None:
    assert site.page("---\ntitle: Guide\n---\nText", path).section_path == ()


@pytest.mark.parametrize("label", ["[", "[" * 100_000, '{"label": 5}', '"x"', "\xff"])
def test_a_broken_category_file_loses_only_its_label(site: Site, label: str) -> None:
    site.write({"guide/_category_.json": label.encode("latin-1")})

    assert site.page("Text", "guide/page.md").section_path == ("Guide",)


def test_missing_category_files_are_dependencies(site: Site) -> None:
    _, dependencies = site.documents("Text", "guide/page.md")

    assert dependencies == {"guide/_category_.json": "", "guide/_category_.yml": ""}
