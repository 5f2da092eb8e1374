"""Display URLs: the address that a reader opens."""

import pytest

from bbj_assets.documents import Document, Json
from bbj_assets.enrichment.display_urls import display_url
from bbj_assets.source import Source

BASE = "https://docs.example/course"


def display_url_of(
    source_url: str, parser: str, *, base: str | None = BASE, metadata: dict[str, Json] | None = None
) -> str | None:
    document = Document(source_url=source_url, title="T", content="", metadata=metadata or {})
    return display_url(document, Source("s", parser, display_url=base))


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("setup.md", "/setup"),
        ("01-basics/02_first window.mdx", "/basics/first%20window"),
        ("1. Intro/3 - Setup.md", "/Intro/Setup"),
        ("001-start/index.md", "/start"),
        ("start/README.md", "/start"),
        ("02-start/Start.md", "/start"),
        ("index.md", ""),
        ("2024-01-15-note.md", "/2024-01-15-note"),
        ("7.0-notes.md", "/7.0-notes"),
        ("a.mdx.md", "/a.mdx"),
        ("grids/100%.md", "/grids/100%25"),
    ],
)
def test_a_tutorial_page_has_the_url_that_docusaurus_assigns(path: str, page: str) -> None:
    assert display_url_of(f"mdx-dwc://{path}", "mdx") == BASE + page


@pytest.mark.parametrize(
    ("slug", "page"),
    [
        ("/", ""),
        ("/welcome", "/welcome"),
        ("first-steps", "/basics/first-steps"),
        ("../other/", "/other"),
        ("../../../up", "/up"),
        ("  ", "/basics/setup"),
        (3, "/basics/setup"),
    ],
)
def test_a_slug_in_the_front_matter_replaces_the_file_name(slug: Json, page: str) -> None:
    assert display_url_of("mdx-dwc://01-basics/setup.md", "mdx", metadata={"slug": slug}) == BASE + page


@pytest.mark.parametrize(
    ("parser", "source_url", "expected"),
    [
        ("flare", "flare://Content/bbjobjects/A b.htm", f"{BASE}/bbjobjects/A%20b.htm"),
        ("web-crawl", "https://site.example/help/a.htm", "https://site.example/help/a.htm"),
        ("wordpress", "https://site.example/2024/post/", "https://site.example/2024/post/"),
        ("pdf", "pdf://manual.pdf#intro", None),
        ("bbj-source", "file://demo/a.bbj", None),
        ("javadoc", "bbj_api://com.basis/BBjAPI", None),
    ],
)
def test_each_parser_has_its_own_rule(parser: str, source_url: str, expected: str | None) -> None:
    assert display_url_of(source_url, parser) == expected


def test_without_a_base_there_is_no_display_url() -> None:
    assert display_url_of("mdx-dwc://a.md", "mdx", base=None) is None
    assert display_url_of("flare://Content/a.htm", "flare", base=None) is None
