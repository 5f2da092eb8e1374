"""Markdown into pieces: single cases. `test_prose_laws` has the properties."""

from itertools import pairwise

import pytest

from bbj_assets.chunking import estimate_tokens
from bbj_assets.chunking.prose import split_markdown
from bbj_assets.source import ChunkSettings

SHORT = ChunkSettings(target_tokens=40, overlap_tokens=0)
DEFAULT = ChunkSettings()


def sentence(number: int) -> str:
    return f"Sentence {number} says that the grid selects a row when the user clicks on it."


def paragraph(length: int, first: int = 0) -> str:
    return " ".join(sentence(first + number) for number in range(length))


def bodies(text: str, settings: ChunkSettings = DEFAULT) -> list[str]:
    return [piece.body for piece in split_markdown(text, settings)]


@pytest.mark.parametrize("text", ["", "\n", " \t\n\r\n", "\f"])
def test_a_blank_text_has_no_pieces(text: str) -> None:
    assert split_markdown(text, DEFAULT) == []


def test_a_text_that_fits_is_one_unchanged_piece() -> None:
    text = "# Grid\n\nIntro.\n\n## Rows\n\n- a\n- b\n\n```bbj\nprint 1\n```"
    assert bodies(text) == [text]


def test_a_section_begins_a_piece_when_the_previous_piece_is_full_enough() -> None:
    first, second = f"## One\n\n{paragraph(10)}", f"## Two\n\n{paragraph(10)}"
    pieces = split_markdown(f"{first}\n\n{second}\n", DEFAULT)
    assert [(piece.headings, piece.body) for piece in pieces] == [(("One",), first), (("Two",), second)]


def test_small_sections_share_a_piece_under_their_common_heading() -> None:
    (piece,) = split_markdown("# Grid\n\n## Rows\n\nA row.\n\n## Columns\n\nA column.", DEFAULT)
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
def test_the_headings_of_a_piece_are_plain_text(heading: str, path: tuple[str, ...]) -> None:
    (piece,) = split_markdown(f"{heading}\n\nText.", DEFAULT)
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
def test_text_that_only_looks_like_a_heading_is_not_one(block: str) -> None:
    (piece,) = split_markdown(f"# Grid\n\nText.\n\n{block}", DEFAULT)
    assert piece.headings == ("Grid",)


@pytest.mark.parametrize("text", ["# One", "# One\n\n## Two\n\n## Three"])
def test_a_document_of_headings_is_one_piece(text: str) -> None:
    assert bodies(text) == [text]


def test_a_heading_is_in_the_piece_of_the_text_after_it() -> None:
    text = f"{paragraph(2)}\n\n### Next\n\n{paragraph(2, first=2)}"
    assert bodies(text, SHORT)[1].startswith("### Next\n\nSentence 2")


def test_a_last_heading_without_content_is_in_the_piece_before_it() -> None:
    assert bodies(f"# Grid\n\n{paragraph(2)}\n\n## Nothing", SHORT)[-1].endswith("## Nothing")


def test_a_long_paragraph_is_cut_at_sentences_and_overlaps_by_whole_sentences() -> None:
    pieces = split_markdown(paragraph(60), DEFAULT)
    assert len(pieces) > 2
    for previous, piece in pairwise(pieces):
        assert piece.body.startswith("Sentence ")
        assert piece.body.endswith(" on it.")
        assert piece.before.startswith("Sentence ")
        assert previous.body.endswith(piece.before.rstrip())
        assert 0 < estimate_tokens(piece.before) <= DEFAULT.overlap_tokens


def test_sections_do_not_overlap() -> None:
    text = "\n\n".join(f"## Section {number}\n\n{paragraph(10)}" for number in range(4))
    assert [piece.before for piece in split_markdown(text, DEFAULT)] == [""] * 4


def test_overlap_consists_of_whole_list_items() -> None:
    items = [f"- {sentence(number)}" for number in range(60)]
    pieces = split_markdown("\n".join(items), DEFAULT)
    assert len(pieces) > 2
    assert all(piece.before.splitlines() and set(piece.before.splitlines()) <= set(items) for piece in pieces[1:])


def test_a_code_block_within_the_hard_limit_is_not_cut() -> None:
    code = "```bbj\n" + "\n".join(f"print row!.getItem({number})" for number in range(70)) + "\n```"
    assert DEFAULT.target_tokens < estimate_tokens(code) <= DEFAULT.hard_limit
    found = bodies(f"# Grid\n\n{paragraph(12)}\n\n{code}\n\n{paragraph(12)}")
    assert code in found


def test_a_longer_code_block_is_cut_at_lines_and_every_piece_is_a_code_block() -> None:
    lines = [f"print row!.getItem({number})" for number in range(200)]
    code = "\n".join(["```bbj title=x", *lines, "```"])
    pieces = split_markdown(code, DEFAULT)
    assert len(pieces) > 2
    for piece in pieces:
        first, *inside, last = piece.content.split("\n")
        assert first.startswith("```bbj")
        assert last == "```"
        assert set(inside) <= set(lines)
    assert "\n".join(piece.body for piece in pieces) == code


def test_a_code_block_left_open_is_closed() -> None:
    (piece,) = split_markdown("# Grid\n\n~~~~ bbj\nprint 1\n", DEFAULT)
    assert (piece.body, piece.after) == ("# Grid\n\n~~~~ bbj\nprint 1", "\n~~~~")


def test_a_fence_below_an_html_tag_is_a_fence() -> None:
    code = "```bash\n" + "mvn install\n\n" * 20 + "```"
    assert any(
        code in body for body in bodies(f"<Tab>\n{code}\n</Tab>\n\n{paragraph(4)}", ChunkSettings(target_tokens=80))
    )


def test_a_long_table_is_cut_at_rows_and_every_piece_has_its_header() -> None:
    header = "| Method | Description |\n|---|---|"
    rows = [f"| `get{number}()` | {sentence(number)} |" for number in range(60)]
    pieces = split_markdown("\n".join([header, *rows]), DEFAULT)
    assert len(pieces) > 2
    assert all(piece.content.startswith(header + "\n| `get") for piece in pieces)
    assert all(set(piece.content.split("\n")[2:]) <= set(rows) for piece in pieces)


def test_a_repeated_table_header_loses_padding_that_would_take_too_much_room() -> None:
    header = f"| A | B |\n| {'-' * 300} | - |"
    first, *others = split_markdown("\n".join([header, *[f"| {sentence(n)} | x |" for n in range(60)]]), DEFAULT)
    assert first.body.startswith(header)
    assert {piece.before for piece in others} == {"| A | B |\n| --- | - |\n"}


def test_a_list_item_within_the_hard_limit_is_not_cut() -> None:
    item = f"- {paragraph(20)}\n\n  {paragraph(20)}"
    assert DEFAULT.target_tokens < estimate_tokens(item) <= DEFAULT.hard_limit
    assert item in bodies(f"{paragraph(12)}\n\n- one\n{item}\n- two")


def test_a_longer_list_item_is_cut_between_its_nested_items() -> None:
    inner = [f"  - {sentence(number)}" for number in range(120)]
    pieces = split_markdown("\n".join(["- All of these:", *inner]), ChunkSettings(overlap_tokens=0))
    assert len(pieces) > 2
    assert all(piece.content.startswith("- ") for piece in pieces)


def test_a_line_without_spaces_is_cut_anywhere() -> None:
    pieces = split_markdown("x" * 100_000, DEFAULT)
    assert "".join(piece.body for piece in pieces) == "x" * 100_000
    assert all(estimate_tokens(piece.content) <= DEFAULT.target_tokens for piece in pieces)


def test_text_slightly_over_the_target_is_cut_into_even_halves() -> None:
    first, second = (estimate_tokens(body) for body in bodies(paragraph(36)))
    assert abs(first - second) < DEFAULT.target_tokens // 4


def test_room_is_reserved_for_the_context_header() -> None:
    wide = split_markdown(paragraph(200), DEFAULT)
    narrow = split_markdown(paragraph(200), DEFAULT, reserved_tokens=80)
    assert max(estimate_tokens(piece.content) for piece in narrow) <= DEFAULT.target_tokens - 80
    assert len(narrow) > len(wide)
