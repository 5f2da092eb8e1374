"""Front matter and encodings: from the bytes of a page to its metadata."""

import pytest

from bbj_assets.errors import ParseError
from bbj_assets_tests.sources.mdx.pages import Site, warnings


def test_front_matter_becomes_plain_metadata(site: Site) -> None:
    page = site.page(
        "---\ntitle: T\nsidebar_position: 3\nkeywords: [a, b]\nslug: /x\nunlisted: true\n"
        "date: 2024-02-01\ncustom: {deep: [1.5, null]}\n1: one\n---\nText"
    )

    assert page.metadata == {
        "sidebar_position": 3,
        "keywords": ["a", "b"],
        "slug": "/x",
        "unlisted": True,
        "date": "2024-02-01",
        "custom": {"deep": [1.5, None]},
        "1": "one",
    }
    assert page.content == "Text"


def test_a_draft_is_a_document_marked_as_draft(site: Site) -> None:
    assert site.page("---\ndraft: true\n---\nText").metadata["draft"] is True


def test_the_content_of_an_empty_page_is_its_description(site: Site) -> None:
    page = site.page("---\ndescription: What the cards are about.\n---\nimport C from '@theme/C';\n\n<C />\n")

    assert page.content == "What the cards are about."


@pytest.mark.parametrize(
    "yaml",
    [
        "title: Kept\nbroken: [",
        "title: Kept\nx: a: b",
        "title: Kept\nat: @x",
        "title: Kept\nday: 2024-13-45",
        "title: Kept\nx: !!timestamp nonsense",
        "title: Kept\nx: !!python/object:os.system {}",
        "title: Kept\nbase: &b {x: 1}\nmerged:\n  <<: *b",
        "title: Kept\ndeep: " + "[" * 3000 + "]" * 3000,
        "title: Kept\ndeep: " + "- " * 3000,
        "title: Kept\nself: &s [*s]",
        "title: Kept\na: &a [1,2,3,4,5,6,7,8,9]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)),
    ],
)
def test_invalid_front_matter_is_a_warning_and_the_page_is_kept(site: Site, yaml: str) -> None:
    page = site.page(f"---\n{yaml}\n---\nText")

    assert (page.title, page.content) == ("Kept", "Text")
    assert len(warnings(page)) == 1


@pytest.mark.parametrize(
    "text",
    ["---\nno end", "a\n---\nb: c\n---\n", "----\na: b\n----\n"],
)
def test_text_like_front_matter_is_content(site: Site, text: str) -> None:
    assert site.page(text).content == text.rstrip("\n")


@pytest.mark.parametrize(
    "raw",
    [
        "---\ntitle: Café\n---\nText".encode(),
        b"\xef\xbb\xbf---\r\ntitle: Caf\xc3\xa9\r\n---\r\nText\r\n",
        "---\ntitle: Café\n---\nText".encode("cp1252"),
        b"\xef\xbb\xbf" + "---\ntitle: Café\n---\nText".encode("cp1252"),
        "---\ntitle: Café\n---\nText".encode("utf-16"),
        b"---\rtitle: Caf\xc3\xa9\r---\rTe\x00xt",
    ],
)
def test_every_common_encoding_and_line_ending_is_read(site: Site, raw: bytes) -> None:
    page = site.page(raw)

    assert (page.title, page.content) == ("Café", "Text")


def test_binary_content_is_a_parse_error_with_the_position(site: Site) -> None:
    with pytest.raises(ParseError, match=r"byte 7 \(line 2\)"):
        site.documents(b"Hello\n.\x81\x8d")
