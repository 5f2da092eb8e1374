"""Markdown chunking, case by case."""

from itertools import pairwise

import pytest

from bbj_assets.chunking import estimate_tokens
from bbj_assets.chunking.prose import split_markdown
from bbj_assets.settings import ChunkSettings

SHORT = ChunkSettings(target_tokens=40, overlap_tokens=0)
NORMAL = ChunkSettings()


def sentence(number: int) -> str:
    return f"Sentence {number} says that the grid selects a row when the user clicks on it."


def paragraph(length: int, first: int = 0) -> str:
    return " ".join(sentence(first + number) for number in range(length))


def bodies(text: str, lengths: ChunkSettings = NORMAL) -> list[str]:
    return [piece.body for piece in split_markdown(text, lengths)]


@pytest.mark.parametrize("text", ["", "\n", " \t\n\r\n", "\f"])
def test_a_blank_text_has_no_pieces(text):
    assert split_markdown(text, NORMAL) == []


def test_what_fits_is_one_piece_with_its_text_unchanged():
    text = "# Grid\n\nIntro.\n\n## Rows\n\n- a\n- b\n\n```bbj\nprint 1\n```"
    assert bodies(text) == [text]


def test_a_section_begins_a_piece_when_the_one_before_has_substance():
    first, second = f"## One\n\n{paragraph(10)}", f"## Two\n\n{paragraph(10)}"
    pieces = split_markdown(f"{first}\n\n{second}\n", NORMAL)
    assert [(piece.headings, piece.body) for piece in pieces] == [(("One",), first), (("Two",), second)]


def test_small_sections_share_a_piece_under_their_common_heading():
    (piece,) = split_markdown("# Grid\n\n## Rows\n\nA row.\n\n## Columns\n\nA column.", NORMAL)
    assert piece.headings == ("Grid",)


@pytest.mark.parametrize(
    ("heading", "path"),
    [
        ("## The `setText()` method", ("The setText() method",)),
        ("## See [the *grid*](grid.md) ##", ("See the grid",)),
        ("## snake_case and __bold__ \\*", ("snake_case and bold *",)),
        ("Under\nlined\n---", ("Under lined",)),
        ("# A\n\n### C", ("A", "C")),
        ("## B\n\n# A", ("A",)),
        ("# A\n\n##", ("A",)),
        ("# C#", ("C#",)),
    ],
)
def test_the_path_is_what_a_reader_sees_of_the_headings(heading, path):
    (piece,) = split_markdown(f"{heading}\n\nText.", NORMAL)
    assert piece.headings == path


@pytest.mark.parametrize(
    "block",
    [
        "```\n# no heading\n```",
        "~~~~\n```\n# no heading\n~~~\n~~~~",
        "- item\n\n  ```\n  # no heading\n  ```",
        "> ```\n> # no heading\n> ```",
        "<!--\n# no heading\n\n# no heading\n-->",
        "<pre>\n# no heading\n\n# no heading\n</pre>",
        "    # no heading",
        "#no heading",
        "####### no heading",
        "\\# no heading",
        "```\n# no heading, and no end",
    ],
)
def test_what_only_looks_like_a_heading_is_none(block):
    (piece,) = split_markdown(f"# Grid\n\nText.\n\n{block}", NORMAL)
    assert piece.headings == ("Grid",)


@pytest.mark.parametrize("text", ["# One", "# One\n\n## Two\n\n## Three"])
def test_a_document_of_headings_is_one_piece(text):
    assert bodies(text) == [text]


def test_a_heading_goes_with_what_follows_it():
    text = f"{paragraph(2)}\n\n### Next\n\n{paragraph(2, first=2)}"
    assert bodies(text, SHORT)[1].startswith("### Next\n\nSentence 2")


def test_a_last_heading_without_content_goes_with_what_precedes_it():
    assert bodies(f"# Grid\n\n{paragraph(2)}\n\n## Nothing", SHORT)[-1].endswith("## Nothing")


def test_a_long_paragraph_is_cut_at_sentences_and_overlaps_by_whole_ones():
    pieces = split_markdown(paragraph(60), NORMAL)
    assert len(pieces) > 2
    for previous, piece in pairwise(pieces):
        assert piece.body.startswith("Sentence ")
        assert piece.body.endswith(" on it.")
        assert piece.before.startswith("Sentence ")
        assert previous.body.endswith(piece.before.rstrip())
        assert 0 < estimate_tokens(piece.before) <= NORMAL.overlap_tokens


def test_sections_do_not_overlap():
    text = "\n\n".join(f"## Section {number}\n\n{paragraph(10)}" for number in range(4))
    assert [piece.before for piece in split_markdown(text, NORMAL)] == [""] * 4


def test_overlap_is_of_whole_list_items():
    items = [f"- {sentence(number)}" for number in range(60)]
    pieces = split_markdown("\n".join(items), NORMAL)
    assert len(pieces) > 2
    assert all(piece.before.splitlines() and set(piece.before.splitlines()) <= set(items) for piece in pieces[1:])


def test_a_code_block_is_whole_up_to_the_hard_limit():
    code = "```bbj\n" + "\n".join(f"print row!.getItem({number})" for number in range(70)) + "\n```"
    assert NORMAL.target_tokens < estimate_tokens(code) <= NORMAL.hard_limit
    found = bodies(f"# Grid\n\n{paragraph(12)}\n\n{code}\n\n{paragraph(12)}")
    assert code in found


def test_a_longer_code_block_is_cut_at_lines_and_every_piece_is_a_code_block():
    lines = [f"print row!.getItem({number})" for number in range(200)]
    code = "\n".join(["```bbj title=x", *lines, "```"])
    pieces = split_markdown(code, NORMAL)
    assert len(pieces) > 2
    for piece in pieces:
        first, *inside, last = piece.content.split("\n")
        assert first.startswith("```bbj")
        assert last == "```"
        assert set(inside) <= set(lines)
    assert "\n".join(piece.body for piece in pieces) == code


def test_a_code_block_that_is_never_closed_is_closed():
    (piece,) = split_markdown("# Grid\n\n~~~~ bbj\nprint 1\n", NORMAL)
    assert (piece.body, piece.after) == ("# Grid\n\n~~~~ bbj\nprint 1", "\n~~~~")


def test_a_fence_below_an_html_tag_is_a_fence():
    code = "```bash\n" + "mvn install\n\n" * 20 + "```"
    assert any(
        code in body for body in bodies(f"<Tab>\n{code}\n</Tab>\n\n{paragraph(4)}", ChunkSettings(target_tokens=80))
    )


def test_a_long_table_is_cut_at_rows_under_its_header():
    header = "| Method | Description |\n|---|---|"
    rows = [f"| `get{number}()` | {sentence(number)} |" for number in range(60)]
    pieces = split_markdown("\n".join([header, *rows]), NORMAL)
    assert len(pieces) > 2
    assert all(piece.content.startswith(header + "\n| `get") for piece in pieces)
    assert all(set(piece.content.split("\n")[2:]) <= set(rows) for piece in pieces)


def test_a_repeated_table_header_is_not_padded_when_that_takes_too_much():
    header = f"| A | B |\n| {'-' * 300} | - |"
    first, *others = split_markdown("\n".join([header, *[f"| {sentence(n)} | x |" for n in range(60)]]), NORMAL)
    assert first.body.startswith(header)
    assert {piece.before for piece in others} == {"| A | B |\n| --- | - |\n"}


def test_a_list_item_is_whole_up_to_the_hard_limit():
    item = f"- {paragraph(20)}\n\n  {paragraph(20)}"
    assert NORMAL.target_tokens < estimate_tokens(item) <= NORMAL.hard_limit
    assert item in bodies(f"{paragraph(12)}\n\n- one\n{item}\n- two")


def test_a_longer_list_item_is_cut_between_the_items_inside_it():
    inner = [f"  - {sentence(number)}" for number in range(120)]
    pieces = split_markdown("\n".join(["- All of these:", *inner]), ChunkSettings(overlap_tokens=0))
    assert len(pieces) > 2
    assert all(piece.content.startswith("- ") for piece in pieces)


def test_a_line_without_spaces_is_cut_anywhere():
    pieces = split_markdown("x" * 100_000, NORMAL)
    assert "".join(piece.body for piece in pieces) == "x" * 100_000
    assert all(estimate_tokens(piece.content) <= NORMAL.target_tokens for piece in pieces)


def test_two_halves_rather_than_a_scrap_at_the_end():
    first, second = (estimate_tokens(body) for body in bodies(paragraph(36)))
    assert abs(first - second) < NORMAL.target_tokens // 4


def test_room_is_left_for_the_context_header():
    wide = split_markdown(paragraph(200), NORMAL)
    narrow = split_markdown(paragraph(200), NORMAL, reserved_tokens=80)
    assert max(estimate_tokens(piece.content) for piece in narrow) <= NORMAL.target_tokens - 80
    assert len(narrow) > len(wide)
