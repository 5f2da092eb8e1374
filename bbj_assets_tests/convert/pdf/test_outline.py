"""Sections by the outline: each entry gets the text from its heading up to the next one."""

import pytest

from bbj_assets_tests.convert.pdf.manuals import FILLER, URL, heading, prose, read_pages
from bbj_assets_tests.convert.pdf.pdf_writer import Entry, Text

TWO_ON_A_PAGE = [
    heading("Files", 780),
    *prose("Files keep records.", top=750),
    heading("Locks", 600, 14),
    *prose("Locks keep others out.", top=570),
]


def test_sections_have_the_path_of_the_outline_and_their_pages() -> None:
    outline = [Entry("Files", 0), Entry("Keys", 1, level=1), Entry("Long keys", 2, level=2), Entry("Locks", 3)]
    pages = [[heading(entry.title, 780), *prose(f"About {entry.title}. {FILLER}", top=740)] for entry in outline]

    documents = read_pages(*pages, outline=outline)

    assert [(d.source_url, d.section_path, d.metadata["pages"]) for d in documents] == [
        (f"{URL}#files", ("manual",), [1, 1]),
        (f"{URL}#keys", ("manual", "Files"), [2, 2]),
        (f"{URL}#long-keys", ("manual", "Files", "Keys"), [3, 3]),
        (f"{URL}#locks", ("manual",), [4, 4]),
    ]
    assert [d.content for d in documents] == [f"About {entry.title}. {FILLER}" for entry in outline]


@pytest.mark.parametrize(
    ("view", "extra"),
    [
        ("/XYZ 72 620 0", {}),
        ("/XYZ null null null", {}),
        ("/Fit", {}),
        ("/FitB", {}),
        ("/FitH 620", {}),
        ("/FitBH 620", {}),
        ("/FitV 72", {}),
        ("/FitR 72 500 300 620", {}),
        ("/FitH null", {}),
        ("/Nonsense 1 2", {}),
        ("", {}),
        ("/XYZ 72 620 0", {"name": "locks.1"}),
        ("/Fit", {"name": "locks.1", "action": True}),
        ("/XYZ 72 620 0", {"action": True}),
    ],
)
def test_every_kind_of_destination_finds_its_heading(view: str, extra: dict[str, str | bool]) -> None:
    outline = [Entry("Files", 0), Entry("Locks", 0, view, level=1, **extra)]  # type: ignore[arg-type]

    documents = read_pages(TWO_ON_A_PAGE, outline=outline)

    assert [(d.title, d.content) for d in documents] == [
        ("Files", "Files keep records."),
        ("Locks", "Locks keep others out."),
    ]


def test_a_heading_that_is_a_picture_is_where_its_entry_leads() -> None:
    page = [*prose("Files keep records.", top=750), *prose("Locks keep others out.", top=570)]

    documents = read_pages(page, outline=[Entry("Files", 0), Entry("Locks", 0, "/XYZ 72 600 0")])

    assert [(d.title, d.content) for d in documents] == [
        ("Files", "Files keep records."),
        ("Locks", "Locks keep others out."),
    ]


@pytest.mark.parametrize("page", [None, 99])
def test_an_entry_without_a_target_is_only_in_the_path(page: int | None) -> None:
    outline = [Entry("Part one", page), Entry("Files", 0, level=1)]

    [document] = read_pages([heading("Files", 780), *prose(FILLER, top=740)], outline=outline)

    assert (document.title, document.section_path) == ("Files", ("manual", "Part one"))


def test_an_outline_without_targets_is_ignored() -> None:
    [document] = read_pages(prose(FILLER), outline=[Entry("Files"), Entry("Locks", 7)])

    assert (document.source_url, document.content) == (URL, FILLER)


def test_text_before_the_first_section_is_a_document() -> None:
    documents = read_pages(prose("All rights reserved."), TWO_ON_A_PAGE, outline=[Entry("Files", 1)])

    assert [(d.source_url, d.title, d.section_path) for d in documents] == [
        (URL, "manual", ()),
        (f"{URL}#files", "Files", ("manual",)),
    ]
    assert documents[0].content == "All rights reserved."


def test_the_title_has_the_number_of_the_heading() -> None:
    page = [Text(72, 780, "3.1", 16, "Bold"), Text(120, 780, "Keyed files", 16, "Bold"), *prose(FILLER, top=740)]

    [document] = read_pages(page, outline=[Entry("Keyed files", 0)])

    assert (document.title, document.content) == ("3.1 Keyed files", FILLER)


def test_a_heading_of_two_lines_is_one() -> None:
    page = [heading("How keyed files", 780), heading("are backed up", 756), *prose(FILLER, top=720)]

    [document] = read_pages(page, outline=[Entry("How keyed files are backed up", 0)])

    assert (document.title, document.content) == ("How keyed files are backed up", FILLER)


def test_an_entry_that_aims_at_the_end_of_the_page_before_its_heading_finds_it() -> None:
    pages = [[heading("Files", 780), *prose(FILLER, top=740)], [heading("Locks", 780), *prose(FILLER, top=740)]]

    documents = read_pages(*pages, outline=[Entry("Files", 0), Entry("Locks", 0, "/XYZ 0 60 0")])

    assert [(d.title, d.content) for d in documents] == [("Files", FILLER), ("Locks", FILLER)]


def test_sections_with_equal_titles_have_different_urls() -> None:
    pages = [[heading("Syntax", 780), *prose(f"Form {n}. {FILLER}", top=740)] for n in range(3)]

    documents = read_pages(*pages, outline=[Entry("Syntax", n) for n in range(3)])

    assert [d.source_url for d in documents] == [f"{URL}#syntax", f"{URL}#syntax-2", f"{URL}#syntax-3"]


def test_a_chapter_without_text_is_only_in_the_paths_of_its_sections() -> None:
    pages = [[heading("Files", 780), heading("Keys", 750, 14), *prose(FILLER, top=720)], TWO_ON_A_PAGE]

    documents = read_pages(*pages, outline=[Entry("Files", 0), Entry("Keys", 0, level=1), Entry("Locks", 1)])

    assert [(d.title, d.section_path) for d in documents] == [("Keys", ("manual", "Files")), ("Locks", ("manual",))]


def test_an_entry_that_contains_all_others_is_the_title_of_the_manual() -> None:
    outline = [Entry("Guide to Files", 0), Entry("Files", 0, level=1), Entry("Locks", 0, level=1)]

    documents = read_pages(TWO_ON_A_PAGE, outline=outline)

    assert [(d.title, d.section_path) for d in documents] == [
        ("Files", ("Guide to Files",)),
        ("Locks", ("Guide to Files",)),
    ]


def test_entries_are_sorted_by_their_pages() -> None:
    pages = [[heading(title, 780), *prose(f"About {title}. {FILLER}", top=740)] for title in ("Files", "Locks")]

    documents = read_pages(*pages, outline=[Entry("Locks", 1), Entry("Files", 0)])

    assert [(d.title, d.content) for d in documents] == [
        ("Files", f"About Files. {FILLER}"),
        ("Locks", f"About Locks. {FILLER}"),
    ]


def test_headings_below_the_outline_are_headings_of_the_section() -> None:
    page = [
        heading("Files", 780),
        *prose(FILLER, top=740),
        heading("Long keys", 640, 15),
        *prose(FILLER, top=610),
        Text(72, 520, "Limits", 11, "Bold"),
        *prose(FILLER, top=500),
    ]

    [document] = read_pages(page, outline=[Entry("Files", 0)])

    assert document.content == f"{FILLER}\n\n## Long keys\n\n{FILLER}\n\n### Limits\n\n{FILLER}"
