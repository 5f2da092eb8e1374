"""Documents into chunks: numbering, the context header and the token estimate."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.chunking import chunk_document, estimate_tokens
from bbj_assets.documents import Document, embedded_text
from bbj_assets.source import ChunkSettings
from bbj_assets_tests.chunking.markdown import documents

DEFAULT = ChunkSettings()
LONG_PARAGRAPH = "The grid selects a row when the user clicks on it. " * 30


def make_document(
    content: str, *, title: str = "Grid", section_path: tuple[str, ...] = ("DWC", "Controls")
) -> Document:
    return Document(source_url="mdx-dwc://grid.md", title=title, content=content, section_path=section_path)


@given(documents)
def test_chunks_are_numbered_and_count_the_tokens_of_their_embedded_text(content: str) -> None:
    chunks = chunk_document(make_document(content), DEFAULT)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.token_count == estimate_tokens(chunk.embedded_text) for chunk in chunks)
    again = chunk_document(make_document(content), DEFAULT)
    assert [chunk.content_hash for chunk in again] == [chunk.content_hash for chunk in chunks]


def test_the_context_header_is_section_path_then_title_then_heading() -> None:
    (chunk,) = chunk_document(make_document("## Rows\n\n### Selection\n\nText."), DEFAULT)
    assert chunk.context_header == "DWC > Controls > Grid > Rows > Selection"
    assert chunk.embedded_text == embedded_text(chunk.context_header, chunk.content)


def test_a_heading_equal_to_the_title_is_not_in_the_context_header() -> None:
    (chunk,) = chunk_document(make_document("# grid\n\n## Rows\n\nText."), DEFAULT)
    assert chunk.context_header == "DWC > Controls > Grid > Rows"


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_document_without_content_becomes_one_chunk_with_its_title(content: str) -> None:
    (chunk,) = chunk_document(make_document(content), DEFAULT)
    assert (chunk.ordinal, chunk.content, chunk.context_header) == (0, "Grid", "DWC > Controls > Grid")


@pytest.mark.parametrize(
    ("section_path", "title", "kept"),
    [
        (("Outermost " * 80, "Inner"), "Grid", "Inner > Grid > Rows"),
        (("a", "b"), "Grid " * 200, None),
        (tuple(f"Folder {n}" for n in range(200)), "Grid", None),
    ],
)
def test_the_context_header_is_bounded_and_keeps_title_and_heading(
    section_path: tuple[str, ...], title: str, kept: str | None
) -> None:
    text = f"## Rows\n\n{LONG_PARAGRAPH}"
    for chunk in chunk_document(make_document(text, title=title, section_path=section_path), DEFAULT):
        assert estimate_tokens(chunk.context_header) <= DEFAULT.target_tokens // 4
        assert " > Rows" in chunk.context_header
        assert "Grid" in chunk.context_header
        assert kept is None or chunk.context_header == kept


def test_the_context_header_counts_towards_the_target() -> None:
    path = tuple(f"Folder number {n}" for n in range(12))
    for chunk in chunk_document(make_document(f"## Rows\n\n{LONG_PARAGRAPH * 4}", section_path=path), DEFAULT):
        assert chunk.token_count <= DEFAULT.target_tokens + 1


def test_a_program_is_chunked_as_code() -> None:
    program = Document(source_url="file://a.bbj", title="a.bbj", content="print 1\n", format="bbj")
    (chunk,) = chunk_document(program, DEFAULT)
    assert "print 1" in chunk.content


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        (" \n\t", 0, 0),
        ("a", 1, 1),
        ("The quick brown fox jumps over the lazy dog.", 9, 12),
        ('window!.setCallback(window!.ON_CLOSE, "onClose")', 15, 24),
        ("\u8fd9\u662f\u4e00\u4e2a\u7528\u4e8e\u6d4b\u8bd5\u7684\u4e2d\u6587\u53e5\u5b50", 12, 17),
        ("\U0001f642\ud800", 1, 4),
    ],
)
def test_the_token_estimate_fits_prose_code_and_chinese(text: str, least: int, most: int) -> None:
    assert least <= estimate_tokens(text) <= most


@given(st.text(), st.text())
def test_the_estimate_for_joined_texts_is_at_most_the_sum_of_both(one: str, other: str) -> None:
    assert estimate_tokens(one) <= estimate_tokens(one + other) <= estimate_tokens(one) + estimate_tokens(other)


def test_real_documentation_is_chunked_without_loss(corpus: Path) -> None:
    pages = sorted((corpus / "gridex-docs").rglob("*.md"))
    assert pages
    for page in pages:
        content = page.read_text(encoding="utf-8")
        chunks = chunk_document(make_document(content), ChunkSettings(overlap_tokens=0))
        words = "".join("".join(chunk.content.split()) for chunk in chunks)
        assert len(words) >= len("".join(content.split()))
        assert max(chunk.token_count for chunk in chunks) <= 1.5 * DEFAULT.hard_limit
