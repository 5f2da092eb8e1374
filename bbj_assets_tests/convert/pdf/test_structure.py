"""The declared structure of a file: what pypdf reads of it, its limits, and what damage leaves of it."""

import io
import logging

import pytest
from pypdf import PdfReader
from pypdf import PdfWriter as Encrypter

from bbj_assets.convert.pdf.structure import MAX_OUTLINE_DEPTH, MAX_OUTLINE_ENTRIES, OutlineEntry, read_structure
from bbj_assets_tests.convert.pdf.manuals import FILLER, heading, prose, read
from bbj_assets_tests.convert.pdf.pdf_writer import Entry, PdfWriter, assemble

PAGES = {
    2: b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
    3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    4: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
}


def outline_of(catalog: bytes, nodes: dict[int, bytes]) -> tuple[OutlineEntry, ...]:
    """Return the outline of a file of two pages whose catalog has these entries."""
    raw = assemble({1: b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog, **PAGES, **nodes})
    return read_structure(raw, page_count=2).outline


def manual() -> bytes:
    """Return a manual of two sections with a title, an author and a named destination."""
    writer = PdfWriter(
        info={"Title": "Files, \u00c6r\u00f8", "Author": "BASIS"},
        outline=[Entry("Files", 0), Entry("Locks", 1, "/XYZ 0 800 0", level=1, name="locks")],
    )
    for title in ("Files", "Locks"):
        writer.page(heading(title, 780), prose(FILLER, top=740))
    return writer.build()


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_a_file_that_the_empty_password_opens_has_its_structure(algorithm: str) -> None:
    encrypter = Encrypter(clone_from=PdfReader(io.BytesIO(manual())))
    encrypter.encrypt("", "owner", algorithm=algorithm)
    out = io.BytesIO()
    encrypter.write(out)

    encrypted = out.getvalue()

    assert "Locks".encode("utf-16-be") not in encrypted
    assert read_structure(encrypted, page_count=2) == read_structure(manual(), page_count=2)
    assert [(d.title, d.content, d.section_path) for d in read(encrypted)] == [
        ("Files", FILLER, ("Files, \u00c6r\u00f8",)),
        ("Locks", FILLER, ("Files, \u00c6r\u00f8", "Files")),
    ]


def test_a_name_is_found_in_the_name_tree_and_in_the_older_dictionary() -> None:
    catalog = b"/Outlines 7 0 R /Names << /Dests 5 0 R >> /Dests << /old [4 0 R /FitH 500] >>"
    nodes = {
        5: b"<< /Kids [6 0 R 5 0 R] >>",
        6: b"<< /Names [(z) << /D [3 0 R /Fit] >> (a) [4 0 R /FitR 1 2 3 4]] >>",
        7: b"<< /First 8 0 R /Last 10 0 R >>",
        8: b"<< /Title (Z) /Dest (z) /Next 9 0 R >>",
        9: b"<< /Title (A) /A << /S /GoTo /D (a) >> /Next 10 0 R >>",
        10: b"<< /Title (Old) /Dest /old >>",
    }

    assert outline_of(catalog, nodes) == (
        OutlineEntry("Z", 0, 0),
        OutlineEntry("A", 0, 1, 1.0, 4.0),
        OutlineEntry("Old", 0, 1, None, 500.0),
    )


def test_an_entry_that_leads_to_another_file_has_no_page() -> None:
    nodes = {
        7: b"<< /First 8 0 R /Last 8 0 R >>",
        8: b"<< /Title (Other) /A << /S /GoToR /F (other.pdf) /D [1 /Fit] >> >>",
    }

    assert outline_of(b"/Outlines 7 0 R", nodes) == (OutlineEntry("Other", 0, None),)


def test_a_title_is_one_line_without_its_language_code() -> None:
    text = "\x1ben\x1bKeyed\r\n files".encode("utf-16-be").hex().encode()
    nodes = {7: b"<< /First 8 0 R /Last 8 0 R >>", 8: b"<< /Title <feff%s> /Dest [3 0 R /Fit] >>" % text}

    assert outline_of(b"/Outlines 7 0 R", nodes) == (OutlineEntry("Keyed files", 0, 0),)


def test_missing_numbers_are_no_position() -> None:
    nodes = {
        7: b"<< /First 8 0 R /Last 9 0 R >>",
        8: b"<< /Title (One) /Dest [3 0 R /XYZ (72) null 0] /Next 9 0 R >>",
        9: b"<< /Title (Two) /Dest [3 0 R /FitR 1 2] >>",
    }

    assert outline_of(b"/Outlines 7 0 R", nodes) == (OutlineEntry("One", 0, 0), OutlineEntry("Two", 0, 0))


def test_an_outline_is_cut_at_its_limits() -> None:
    count = MAX_OUTLINE_ENTRIES + 10
    wide = {10 + at: b"<< /Title (E) /Next %d 0 R >>" % (11 + at) for at in range(count)}
    deep = {10 + at: b"<< /Title (E) /First %d 0 R >>" % (11 + at) for at in range(200)}
    root = {7: b"<< /First 10 0 R >>"}

    assert len(outline_of(b"/Outlines 7 0 R", root | wide)) == MAX_OUTLINE_ENTRIES
    assert max(entry.level for entry in outline_of(b"/Outlines 7 0 R", root | deep)) == MAX_OUTLINE_DEPTH


@pytest.mark.parametrize(
    ("found", "damage", "warning"),
    [
        (b"12 0 R] /Count", b"12 0 R 2 0 R] /Count", "cannot read the outline (pypdf: PdfReadError)"),
        (b"/Next", b"/Nxet", "the outline breaks off in 1 places"),
        (b"/Dest (locks)", b"/Dest (lucks)", "1 entries of the outline lead to a name or a page that the file lacks"),
    ],
    ids=["page-tree", "sibling", "name"],
)
def test_damage_in_the_structure_is_a_warning_and_the_text_stays(
    found: bytes, damage: bytes, warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    writer = PdfWriter(outline=[Entry("Files", 0), Entry("Locks", 1, name="locks")])
    for title in ("Files", "Locks"):
        writer.page(heading(title, 780), prose(FILLER, top=740))
    raw = writer.build()
    assert found in raw
    damaged = raw.replace(found, damage)

    with caplog.at_level(logging.WARNING):
        documents = read(damaged)

    assert warning in str(documents[0].metadata["warnings"])
    assert "".join(document.content for document in documents).count("A keyed file") == 2
    assert not caplog.records
