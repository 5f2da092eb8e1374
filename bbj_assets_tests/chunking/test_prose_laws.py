"""Properties of Markdown chunking, on arbitrary Markdown. markdown-it decides independently what is a block."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.chunking import estimate_tokens
from bbj_assets.chunking.prose import split_markdown
from bbj_assets.source import ChunkSettings
from bbj_assets_tests.chunking.markdown import documents, open_fences, paragraphs, top_level, wild_documents

any_settings = st.builds(
    lambda target, share: ChunkSettings(target_tokens=target, overlap_tokens=target // share),
    st.sampled_from([40, 80, 400]),
    st.sampled_from([2, 8, 1000]),
)


def without_white_space(text: str) -> str:
    return "".join(text.split())


@given(documents | wild_documents | st.text(), any_settings)
def test_the_bodies_are_the_text(text: str, settings: ChunkSettings) -> None:
    pieces = split_markdown(text, settings)
    assert without_white_space("".join(piece.body for piece in pieces)) == without_white_space(text)
    assert all(without_white_space(piece.body) for piece in pieces)


@given(documents, any_settings)
def test_every_piece_closes_its_fences(text: str, settings: ChunkSettings) -> None:
    for piece in split_markdown(text, settings):
        assert open_fences(piece.content) == []


@given(documents, any_settings)
def test_a_fence_within_the_hard_limit_is_in_one_piece(text: str, settings: ChunkSettings) -> None:
    contents = [piece.body for piece in split_markdown(text, settings)]
    for fence in top_level(text, "fence"):
        if estimate_tokens(fence) <= settings.hard_limit:
            assert any(fence in content for content in contents), fence


@given(documents, any_settings)
def test_every_table_row_is_whole_and_below_its_header(text: str, settings: ChunkSettings) -> None:
    pieces = split_markdown(text, settings)
    for table in top_level(text, "table_open"):
        header, delimiters, *rows = table.split("\n")
        head = f"{header}\n{delimiters}\n"
        if estimate_tokens(head) > settings.target_tokens // 4:
            continue
        for row in rows:
            if estimate_tokens(row) <= settings.hard_limit:
                assert any(head in piece.content and row in piece.body for piece in pieces), row


@given(documents, any_settings)
def test_a_heading_is_followed_by_some_of_its_content(text: str, settings: ChunkSettings) -> None:
    known = set(top_level(text, "heading_open"))
    for piece in split_markdown(text, settings)[:-1]:
        found = [heading for heading in top_level(piece.content, "heading_open") if heading in known]
        is_outline = sum(map(estimate_tokens, found)) > settings.target_tokens // 4
        assert is_outline or not found or not piece.content.endswith(found[-1])


@given(documents | wild_documents, any_settings)
def test_no_piece_without_its_headings_is_over_the_hard_limit(text: str, settings: ChunkSettings) -> None:
    for piece in split_markdown(text, settings):
        headings = sum(map(estimate_tokens, top_level(piece.body, "heading_open")))
        assert estimate_tokens(piece.body) <= settings.hard_limit + max(headings, settings.target_tokens // 2)
        assert estimate_tokens(piece.before) <= settings.target_tokens


@given(st.lists(paragraphs, max_size=10).map("\n\n".join), any_settings)
def test_prose_fits_the_target(text: str, settings: ChunkSettings) -> None:
    for piece in split_markdown(text, settings):
        assert estimate_tokens(piece.content) <= settings.target_tokens


@given(documents, any_settings)
def test_overlap_is_the_end_of_the_text_before_it(text: str, settings: ChunkSettings) -> None:
    pieces = split_markdown(text, settings)
    text_so_far = ""
    for piece in pieces:
        repeats_markup = re.match(r"[\s>]*(`{3}|~{3}|\||<)|\\$", piece.before)
        if piece.before and not repeats_markup:
            assert without_white_space(text_so_far).endswith(without_white_space(piece.before))
            assert estimate_tokens(piece.before) <= settings.overlap_tokens
        text_so_far += piece.body


@given(documents | wild_documents)
def test_the_same_text_has_the_same_pieces_with_any_line_ends(text: str) -> None:
    settings = ChunkSettings(target_tokens=64, overlap_tokens=16)
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = split_markdown(plain, settings)
    assert split_markdown(plain, settings) == expected
    assert split_markdown(plain.replace("\n", "\r\n"), settings) == expected


@pytest.mark.parametrize(
    "unit",
    [
        "x", "`", "~", "!", "- ", "> ", ">", "* ", "# h\n\n", "word\n", "```\n", "<!--\n", "<div>\n", "|-|-|\n",
        "a\n---\n", "Foo bar. ", "\u8fd9\u662f\u3002", "[", "<a ", "1. a\n\n   b\n", "_", "#", "\n", "x ``` y ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "# t\n\n", "```\n", "- a\n\n  ", "| a |\n|---|\n"])
def test_long_repetitions_are_cut_within_the_limits(unit: str, before: str) -> None:
    settings = ChunkSettings()
    text = before + unit * 4000
    pieces = split_markdown(text, settings)
    assert without_white_space("".join(piece.body for piece in pieces)) == without_white_space(text)
    assert all(estimate_tokens(piece.content) <= settings.hard_limit + settings.target_tokens for piece in pieces)
