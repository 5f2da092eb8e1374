"""The laws of Markdown chunking, on arbitrary Markdown; markdown-it is the second opinion on what is a block."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.chunking import estimate_tokens
from bbj_assets.chunking.prose import split_markdown
from bbj_assets.settings import ChunkSettings
from bbj_assets_tests.chunking.markdown import documents, open_fences, paragraphs, top_level, wild_documents

lengths = st.builds(
    lambda target, share: ChunkSettings(target_tokens=target, overlap_tokens=target // share),
    st.sampled_from([40, 80, 400]),
    st.sampled_from([2, 8, 1000]),
)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(documents | wild_documents | st.text(), lengths)
def test_bodies_are_the_text(text, lengths):
    pieces = split_markdown(text, lengths)
    assert squeezed("".join(piece.body for piece in pieces)) == squeezed(text)
    assert all(squeezed(piece.body) for piece in pieces)


@given(documents, lengths)
def test_every_piece_closes_its_fences(text, lengths):
    for piece in split_markdown(text, lengths):
        assert open_fences(piece.content) == []


@given(documents, lengths)
def test_a_fence_within_the_hard_limit_is_in_one_piece(text, lengths):
    contents = [piece.body for piece in split_markdown(text, lengths)]
    for fence in top_level(text, "fence"):
        if estimate_tokens(fence) <= lengths.hard_limit:
            assert any(fence in content for content in contents), fence


@given(documents, lengths)
def test_every_table_row_is_whole_and_under_its_header(text, lengths):
    pieces = split_markdown(text, lengths)
    for table in top_level(text, "table_open"):
        header, delimiters, *rows = table.split("\n")
        head = f"{header}\n{delimiters}\n"
        if estimate_tokens(head) > lengths.target_tokens // 4:
            continue
        for row in rows:
            if estimate_tokens(row) <= lengths.hard_limit:
                assert any(head in piece.content and row in piece.body for piece in pieces), row


@given(documents, lengths)
def test_a_heading_is_followed_by_some_of_its_content(text, lengths):
    known = set(top_level(text, "heading_open"))
    for piece in split_markdown(text, lengths)[:-1]:
        found = [heading for heading in top_level(piece.content, "heading_open") if heading in known]
        is_outline = sum(map(estimate_tokens, found)) > lengths.target_tokens // 4
        assert is_outline or not found or not piece.content.endswith(found[-1])


@given(documents | wild_documents, lengths)
def test_no_piece_is_over_the_hard_limit_without_its_headings(text, lengths):
    for piece in split_markdown(text, lengths):
        headings = sum(map(estimate_tokens, top_level(piece.body, "heading_open")))
        assert estimate_tokens(piece.body) <= lengths.hard_limit + max(headings, lengths.target_tokens // 2)
        assert estimate_tokens(piece.before) <= lengths.target_tokens


@given(st.lists(paragraphs, max_size=10).map("\n\n".join), lengths)
def test_prose_fits_the_target(text, lengths):
    for piece in split_markdown(text, lengths):
        assert estimate_tokens(piece.content) <= lengths.target_tokens


@given(documents, lengths)
def test_overlap_is_the_end_of_what_precedes(text, lengths):
    pieces = split_markdown(text, lengths)
    said = ""
    for piece in pieces:
        repeats_markup = re.match(r"[\s>]*(`{3}|~{3}|\||<)|\\$", piece.before)
        if piece.before and not repeats_markup:
            assert squeezed(said).endswith(squeezed(piece.before))
            assert estimate_tokens(piece.before) <= lengths.overlap_tokens
        said += piece.body


@given(documents | wild_documents)
def test_the_same_text_gives_the_same_pieces_with_any_line_ends(text):
    lengths = ChunkSettings(target_tokens=64, overlap_tokens=16)
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = split_markdown(plain, lengths)
    assert split_markdown(plain, lengths) == expected
    assert split_markdown(plain.replace("\n", "\r\n"), lengths) == expected


@pytest.mark.parametrize(
    "unit",
    [
        "x", "`", "~", "!", "- ", "> ", ">", "* ", "# h\n\n", "word\n", "```\n", "<!--\n", "<div>\n", "|-|-|\n",
        "a\n---\n", "Foo bar. ", "\u8fd9\u662f\u3002", "[", "<a ", "1. a\n\n   b\n", "_", "#", "\n", "x ``` y ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "# t\n\n", "```\n", "- a\n\n  ", "| a |\n|---|\n"])
def test_endless_repetition_is_cut_like_anything_else(unit, before):
    lengths = ChunkSettings()
    text = before + unit * 4000
    pieces = split_markdown(text, lengths)
    assert squeezed("".join(piece.body for piece in pieces)) == squeezed(text)
    assert all(estimate_tokens(piece.content) <= lengths.hard_limit + lengths.target_tokens for piece in pieces)
