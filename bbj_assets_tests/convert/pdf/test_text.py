"""Lines of a page as paragraphs, lists, code, tables and columns."""

from dataclasses import replace

import pytest

from bbj_assets_tests.convert.pdf.manuals import FILLER, content, heading, prose, read_pages
from bbj_assets_tests.convert.pdf.pdf_writer import Text, column


@pytest.mark.parametrize(
    ("line", "following", "elsewhere", "expected"),
    [
        ("BBj runs a pro-", "gram in its own window.", "", "BBj runs a program in its own window."),
        ("BBj runs a pro-", "gram in its own window.", "Any program can.", "BBj runs a program in its own window."),
        (
            "Lock a read-",
            "only file with care, please.",
            "A read-only file.",
            "Lock a read-only file with care, please.",
        ),
        ("Lock a read-", "only file with care, please.", "Read only this.", "Lock a read-only file with care, please."),
        ("The inter-", "preter reads config.bbx once.", "Inter alia.", "The interpreter reads config.bbx once."),
        ("Programs of Visual-", "PRO/5 run with BBj as well.", "", "Programs of Visual-PRO/5 run with BBj as well."),
        (
            "It listens on ports 2000-",
            "2010 of the server machine.",
            "",
            "It listens on ports 2000-2010 of the server machine.",
        ),
        ("Read it first -", "and only then write to it.", "", "Read it first - and only then write to it."),
    ],
)
def test_hyphens_of_line_ends(line: str, following: str, elsewhere: str, expected: str) -> None:
    page = column(f"{line}\n{following}")
    if elsewhere:
        page += column(elsewhere, top=500)

    assert content(page).split("\n\n")[0] == expected


INDENTED = """\
First. A keyed file finds a record by its key, in a time that hardly
grows with the file. The key is cut from the record, or given at every
write. A second key costs time at each write and saves it at each
search."""


def test_paragraphs_with_space_between_them() -> None:
    page = [*prose(f"First. {FILLER}"), *prose(f"Second. {FILLER}", top=690)]

    assert content(page) == f"First. {FILLER}\n\nSecond. {FILLER}"


def test_paragraphs_with_an_indented_first_line() -> None:
    second = column(INDENTED.replace("First", "Second"), top=760 - 4 * 13.2)
    page = [*column(INDENTED), replace(second[0], x=90), *second[1:]]

    assert content(page) == f"First. {FILLER}\n\nSecond. {FILLER}"


def test_a_paragraph_continues_on_the_next_page_before_the_footnotes() -> None:
    lines = "A keyed file finds a record by its key, in a time that\nhardly grows with the"
    pages = [
        [*column(lines, top=80), Text(72, 40, "1 An XKEYED file.", 8)],
        column("file. The key is cut from the record."),
    ]

    assert content(*pages) == (
        "A keyed file finds a record by its key, in a time that hardly grows with the file. "
        "The key is cut from the record.\n\n1 An XKEYED file."
    )


def test_lines_that_end_early_keep_their_ends() -> None:
    assert content(
        [*column("BASIS International Ltd.,\n5901 Jefferson Street,\nAlbuquerque"), *prose(FILLER, top=600)]
    ) == (f"BASIS International Ltd.,  \n5901 Jefferson Street,  \nAlbuquerque\n\n{FILLER}")


def test_lists_with_items_of_several_lines_and_lists_in_items() -> None:
    page = [
        *prose("To install it:", top=760),
        *[Text(80, 740, "\x95"), Text(98, 740, "Check the version of Java that is on the machine, and get a newer")],
        Text(98, 726, "one if it is needed."),
        *[Text(80, 706, "\x95"), Text(98, 706, "Choose a folder:")],
        *[Text(98, 692, "1."), Text(116, 692, "for the programs,")],
        *[Text(98, 678, "2."), Text(116, 678, "for the data.")],
        *[Text(80, 658, "\x95"), Text(98, 658, "Run the installer.")],
        *prose("Done.", top=630),
    ]

    assert content([Text(t.x, t.y, t.text.replace("\x95", "•"), t.size, t.font) for t in page]) == (
        "To install it:\n\n"
        "- Check the version of Java that is on the machine, and get a newer one if it is needed.\n"
        "- Choose a folder:\n"
        "  1. for the programs,\n"
        "  2. for the data.\n"
        "- Run the installer.\n\n"
        "Done."
    )


def test_labels_that_are_not_consecutive_are_kept() -> None:
    page = [
        *[Text(80, 740 - 14 * at, f"{label}) the {label} item of the list") for at, label in enumerate("abd")],
        *prose(FILLER, top=600),
    ]

    assert (
        content(page)
        == f"- a) the a item of the list\n- b) the b item of the list\n- d) the d item of the list\n\n{FILLER}"
    )


CODE = """\
for i = 1 to 10
    if mod(i, 2) = 0 then
        print i, "even"     ; rem aligned
    endif

next i"""


def test_code_keeps_its_indentation_and_its_blank_lines() -> None:
    page = [*prose(f"A loop: {FILLER}"), *column(CODE, x=90, top=680, size=9, font="Mono"), *prose(FILLER, top=560)]

    assert content(page) == f"A loop: {FILLER}\n\n```\n{CODE}\n```\n\n{FILLER}"


def test_code_continues_on_the_next_page() -> None:
    pages = [
        [*prose(FILLER), *column("open (1)file$\nrepeat", x=90, top=60, size=9, font="Mono")],
        [*column('    read (1)a$\nuntil a$=""', x=90, top=780, size=9, font="Mono"), *prose(FILLER, top=700)],
    ]

    assert content(*pages) == f'{FILLER}\n\n```\nopen (1)file$\nrepeat\n    read (1)a$\nuntil a$=""\n```\n\n{FILLER}'


def test_code_in_a_line_is_marked() -> None:
    line = [Text(72, 760, "Call"), Text(97, 760, "BBJ_HOME_*", font="Mono"), Text(168, 760, "with *care*.")]

    assert content([*line, *prose(FILLER, top=700)]) == f"Call `BBJ_HOME_*` with \\*care\\*.\n\n{FILLER}"


def test_a_term_in_code_is_not_run_together_with_code_that_describes_it() -> None:
    rows = [("quiet", "logical,", "no messages"), ("format", "string,", "of a date"), ("origin", "number,", "of a day")]
    page = [
        text
        for at, (term, kind, rest) in enumerate(rows)
        for text in (
            Text(72, 760 - 16 * at, term, font="Mono"),
            Text(160, 760 - 16 * at, kind, font="Mono"),
            Text(230, 760 - 16 * at, rest),
        )
    ]

    assert content([*page, *prose(FILLER, top=680)]).startswith(
        "| | | |\n| --- | --- | --- |\n| `quiet` | `logical,` | no messages |"
    )


def test_a_manual_all_in_fixed_pitch_is_not_code() -> None:
    page = column("This manual was written\nwith a typewriter.\n\nAll of it.", font="Mono")

    assert "```" not in content(page)


TABLE = (
    ("Option", "Meaning", "Default"),
    ("-t", "the terminal", "T0"),
    ("-c", "the configuration file", ""),
    ("-w", "the working folder", "the current one"),
)


def test_a_table_has_its_rows_and_columns() -> None:
    page = [
        *prose(FILLER),
        *[
            Text(x, 690 - 16 * at, cell, font="Bold" if at == 0 else "Times")
            for at, row in enumerate(TABLE)
            for x, cell in zip((72, 150, 320), row, strict=True)
            if cell
        ],
        *prose(FILLER, top=600),
    ]

    assert content(page) == (
        f"{FILLER}\n\n"
        "| Option | Meaning | Default |\n| --- | --- | --- |\n| -t | the terminal | T0 |\n"
        "| -c | the configuration file | |\n| -w | the working folder | the current one |\n\n"
        f"{FILLER}"
    )


def test_a_cell_of_several_lines_is_one_cell() -> None:
    """Word draws a cell as a whole, then begins the next one higher up."""
    rows = [
        (680, ["The workspace", "of the user"], ["where programs and data lie that", "nobody else sees"]),
        (640, ["The log"], ["what happened, line by line,", "with its time"]),
        (600, ["The cache"], ["nothing of value"]),
    ]
    page = list(prose(FILLER))
    for y, *cells in rows:
        for x, lines in zip((72, 200), cells, strict=True):
            page += [Text(x, y - 13 * at, line) for at, line in enumerate(lines)]

    assert content([*page, *prose(FILLER, top=560)]).split("\n\n")[1] == (
        "| | |\n| --- | --- |\n"
        "| The workspace of the user | where programs and data lie that nobody else sees |\n"
        "| The log | what happened, line by line, with its time |\n"
        "| The cache | nothing of value |"
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["left-first", "right-first"])
def test_columns_are_read_one_after_the_other(order: tuple[int, int]) -> None:
    columns = [prose(f"Left. {FILLER}", width=38, x=60), prose(f"Right. {FILLER}", width=38, x=310)]
    title = heading("On keyed files", 800, 12)

    text = content([text for at in order for text in columns[at]] + [title])

    assert text == f"## On keyed files\n\nLeft. {FILLER}\n\nRight. {FILLER}"


def test_a_heading_that_is_drawn_last_comes_first() -> None:
    page = [*prose(f"{FILLER} {FILLER}", top=740), heading("Files", 780)]

    [document] = read_pages(page)

    assert (document.title, document.content) == ("Files", f"{FILLER} {FILLER}")


def test_leader_dots_are_removed_from_a_table_of_contents() -> None:
    page = [
        Text(72, 760, "1 Files " + ". " * 40 + "3"),
        Text(72, 746, "1.1 Keys " + "." * 90 + " 5"),
        Text(72, 732, "2 Locks " + ". " * 40 + "12"),
    ]

    assert content(page) == "1 Files … 3  \n1.1 Keys … 5  \n2 Locks … 12"
