"""Running headers, footers and page numbers are removed; text that resembles them stays."""

from collections.abc import Callable

import pytest

from bbj_assets_tests.convert.pdf.manuals import FILLER, heading, prose, read_pages
from bbj_assets_tests.convert.pdf.pdf_writer import Entry, Text

ROMAN = ("i", "ii", "iii", "iv", "v", "vi")


def page_text(at: int) -> str:
    """Return text that shares no line with that of another page."""
    words = FILLER.removesuffix(".").split()
    return " ".join([f"Page text {at}.", *words[at:], *words[:at]]) + "."


def manual(furniture: Callable[[int], list[Text]], pages: int = 6) -> str:
    """Return the text of a manual whose pages differ, each with its furniture."""
    written = [[*furniture(at), *prose(page_text(at), top=740)] for at in range(pages)]
    return "\n\n".join(document.content for document in read_pages(*written))


@pytest.mark.parametrize(
    "furniture",
    [
        lambda _at: [Text(72, 800, "BBj Administrator Guide")],
        lambda at: [Text(290, 40, str(at + 1))],
        lambda at: [Text(290, 40, f"- {at + 7} -")],
        lambda at: [Text(290, 40, f"Page {at + 1} of 6")],
        lambda at: [Text(290, 40, ROMAN[at])],
        lambda at: [Text(290, 40, f"3-{at + 1}")],
        lambda at: [Text(72 if at % 2 else 400, 800, "Files" if at % 2 else "BBj Guide")],
        lambda at: [Text(72, 800, f"Chapter {at // 3 + 1}: Files and keys"), Text(500, 800, str(at + 11))],
        lambda at: [Text(72, 60, "BASIS"), Text(72, 50, "Albuquerque"), Text(72, 40, f"BBj Guide    {at + 1}")],
        lambda _at: [Text(30, 300, "Confidential", rotation=1)],
        lambda _at: [],
    ],
    ids=["header", "number", "dashes", "of", "roman", "by-chapter", "sides", "both", "address", "rotated", "none"],
)
def test_only_furniture_is_removed(furniture: Callable[[int], list[Text]]) -> None:
    assert manual(furniture) == "\n\n".join(map(page_text, range(6)))


def test_a_running_title_of_one_page_is_removed_with_others_in_its_place() -> None:
    titles = ("Files", "Files", "Files", "Files", "Files", "Locks", "Keys", "Keys", "Keys", "Keys")
    headings = {0: "1 Files", 5: "2 Locks", 6: "3 Keys"}

    text = manual(
        lambda at: [Text(72, 800, titles[at], 9), *[Text(72, 770, h, 11, "Bold") for h in (headings.get(at),) if h]],
        pages=10,
    )

    assert (text.count("Files"), text.count("Locks"), text.count("Keys")) == (1, 1, 1)


def test_equal_first_lines_of_pages_stay() -> None:
    """Pages of a reference: the same words at the same height, close to the text that follows them."""
    pages = [[Text(72, 780, "Syntax"), *prose(f"VERB{at} x. {FILLER}", top=766)] for at in range(3)]
    pages += [prose(f"Page text {at}. {FILLER}", top=780) for at in range(4)]

    text = "".join(document.content for document in read_pages(*pages))

    assert text.count("Syntax") == 3


def test_repeated_headings_at_the_top_of_pages_stay() -> None:
    """Most manuals of functions have a few headings over and over; some of them come to stand below the header."""
    at_the_top = {2, 7, 11, 15}
    pages = [
        [
            Text(72, 800, "Reference"),
            Text(72, 770, "Arguments" if at in at_the_top else f"verb{at}(a, b)", 11, "Bold"),
            *prose(page_text(at), top=740),
        ]
        for at in range(18)
    ]

    text = "".join(document.content for document in read_pages(*pages))

    assert text.count("Arguments") == len(at_the_top)
    assert "Reference" not in text


def test_repeated_lines_in_the_middle_of_pages_stay() -> None:
    pages = [
        [*prose(f"Text {at}. {FILLER}", top=780), Text(72, 600, "Press Enter."), *prose(FILLER, top=560)]
        for at in range(5)
    ]

    text = "".join(document.content for document in read_pages(*pages))

    assert text.count("Press Enter.") == 5


def test_a_number_that_does_not_count_pages_stays() -> None:
    years = (1985, 1991, 1995, 2001, 2013, 2020)
    pages = [
        [Text(72, 780, f"{year} was a year of BBj."), *prose(page_text(at), top=766)] for at, year in enumerate(years)
    ]

    text = "".join(document.content for document in read_pages(*pages))

    assert all(f"{year} was" in text for year in years)


def test_a_heading_that_the_outline_leads_to_is_never_furniture() -> None:
    pages = [[heading("Syntax", 800, 11), *prose(f"VERB{at} x. {FILLER}", top=740)] for at in range(6)]

    documents = read_pages(*pages, outline=[Entry("Syntax", at, "/XYZ 0 820 0") for at in range(6)])

    assert [(d.title, d.content[:5]) for d in documents] == [("Syntax", f"VERB{at}") for at in range(6)]


def test_numbers_of_chapters_are_not_page_numbers() -> None:
    pages = [[heading(f"Chapter {at + 1}", 800), *prose(f"{FILLER} {FILLER}", top=740)] for at in range(4)]

    assert [d.title for d in read_pages(*pages)] == [f"Chapter {at + 1}" for at in range(4)]
