"""Without an outline, larger headings begin the sections."""

from bbj_assets_tests.convert.pdf.manuals import FILLER, URL, heading, prose, read, read_pages
from bbj_assets_tests.convert.pdf.pdf_writer import PdfWriter, Text

MANUAL = [
    [heading("Files", 780, 20), *prose(f"One. {FILLER}", top=740), heading("Keys", 600, 15), *prose(FILLER, top=570)],
    [*prose(f"Two. {FILLER}", top=780), heading("Locks", 600, 20), *prose(FILLER, top=570)],
]


def test_larger_headings_are_nested_sections() -> None:
    documents = read_pages(*MANUAL)

    assert [(d.source_url, d.section_path, d.metadata["pages"]) for d in documents] == [
        (f"{URL}#files", ("manual",), [1, 1]),
        (f"{URL}#keys", ("manual", "Files"), [1, 2]),
        (f"{URL}#locks", ("manual",), [2, 2]),
    ]
    assert documents[1].content == f"{FILLER}\n\nTwo. {FILLER}"


def test_labels_in_large_type_are_not_sections() -> None:
    form = [Text(72, 780 - 40 * at, f"Field {at}", 18, "Bold" if at % 2 else "Times") for at in range(10)]

    documents = read_pages([*form, *prose("Sign here, please.", top=200)])

    assert len(documents) == 1


def test_the_title_is_that_of_the_file_or_the_largest_heading_of_the_first_page_or_the_name() -> None:
    def title_of(title_property: str, *page: Text) -> str:
        writer = PdfWriter(info={"Title": title_property})
        writer.page([*page, *prose(FILLER, top=700)])
        return read(writer.build())[0].title

    assert title_of("A Guide to Files", Text(72, 780, "Files", 24)) == "Files"
    assert title_of("", Text(72, 780, "Guide to Files", 24)) == "Guide to Files"
    assert title_of("Microsoft Word - files.doc", Text(72, 780, "Guide to Files", 24)) == "Guide to Files"
    assert title_of("files_v2.indd") == "manual"
    assert title_of("A Guide to Files") == "A Guide to Files"


def test_title_and_author_of_the_file_are_kept() -> None:
    writer = PdfWriter(info={"Title": "A Guide to Files", "Author": "BASIS, Ærø"})
    writer.page(prose(FILLER))

    [document] = read(writer.build())

    assert (document.title, document.metadata) == ("A Guide to Files", {"author": "BASIS, Ærø", "pages": [1, 1]})


def test_pages_without_text_are_a_warning() -> None:
    writer = PdfWriter()
    writer.page(prose(FILLER))
    for _ in range(4):
        writer.page()

    [document] = read(writer.build())

    assert document.metadata["warnings"] == ["4 of 5 pages have no text layer: 2, 3, 4, 5."]
