"""Documents into chunks: numbering, the context header, and the estimate of tokens."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.chunking import chunk_document, estimate_tokens
from bbj_assets.documents import Document, embedded_text
from bbj_assets.settings import ChunkSettings
from bbj_assets_tests.chunking.markdown import documents

NORMAL = ChunkSettings()
LONG = "The grid selects a row when the user clicks on it. " * 30


def document(content: str, *, title: str = "Grid", section_path: tuple[str, ...] = ("DWC", "Controls")) -> Document:
    return Document(source_url="mdx-dwc://grid.md", title=title, content=content, section_path=section_path)


@given(documents)
def test_chunks_are_numbered_and_counted_as_they_are_embedded(content):
    chunks = chunk_document(document(content), NORMAL)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.token_count == estimate_tokens(chunk.embedded_text) for chunk in chunks)
    again = chunk_document(document(content), NORMAL)
    assert [chunk.content_hash for chunk in again] == [chunk.content_hash for chunk in chunks]


def test_the_header_is_section_path_then_title_then_heading():
    (chunk,) = chunk_document(document("## Rows\n\n### Selection\n\nText."), NORMAL)
    assert chunk.context_header == "DWC > Controls > Grid > Rows > Selection"
    assert chunk.embedded_text == embedded_text(chunk.context_header, chunk.content)


def test_a_heading_that_says_just_the_title_is_not_in_the_header():
    (chunk,) = chunk_document(document("# grid\n\n## Rows\n\nText."), NORMAL)
    assert chunk.context_header == "DWC > Controls > Grid > Rows"


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_document_without_content_is_found_by_its_title(content):
    (chunk,) = chunk_document(document(content), NORMAL)
    assert (chunk.ordinal, chunk.content, chunk.context_header) == (0, "Grid", "DWC > Controls > Grid")


@pytest.mark.parametrize(
    ("section_path", "title", "kept"),
    [
        (("Outermost " * 80, "Inner"), "Grid", "Inner > Grid > Rows"),
        (("a", "b"), "Grid " * 200, None),
        (tuple(f"Folder {n}" for n in range(200)), "Grid", None),
    ],
)
def test_the_header_is_bounded_and_keeps_title_and_heading(section_path, title, kept):
    text = f"## Rows\n\n{LONG}"
    for chunk in chunk_document(document(text, title=title, section_path=section_path), NORMAL):
        assert estimate_tokens(chunk.context_header) <= NORMAL.target_tokens // 4
        assert " > Rows" in chunk.context_header
        assert "Grid" in chunk.context_header
        assert kept is None or chunk.context_header == kept


def test_the_header_counts_towards_the_target():
    path = tuple(f"Folder number {n}" for n in range(12))
    for chunk in chunk_document(document(f"## Rows\n\n{LONG * 4}", section_path=path), NORMAL):
        assert chunk.token_count <= NORMAL.target_tokens + 1


def test_a_program_is_cut_by_its_own_structure():
    program = Document(source_url="file://a.bbj", title="a.bbj", content="print 1\n", format="bbj")
    (chunk,) = chunk_document(program, NORMAL)
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
def test_the_estimate_suits_prose_code_and_chinese(text, least, most):
    assert least <= estimate_tokens(text) <= most


@given(st.text(), st.text())
def test_the_estimate_of_a_whole_is_at_most_that_of_its_parts(one, other):
    assert estimate_tokens(one) <= estimate_tokens(one + other) <= estimate_tokens(one) + estimate_tokens(other)


def test_real_documentation_is_cut_without_loss(corpus: Path):
    pages = sorted((corpus / "gridex-docs").rglob("*.md"))
    assert pages
    for page in pages:
        content = page.read_text(encoding="utf-8")
        chunks = chunk_document(document(content), ChunkSettings(overlap_tokens=0))
        words = "".join("".join(chunk.content.split()) for chunk in chunks)
        assert len(words) >= len("".join(content.split()))
        assert max(chunk.token_count for chunk in chunks) <= 1.5 * NORMAL.hard_limit
