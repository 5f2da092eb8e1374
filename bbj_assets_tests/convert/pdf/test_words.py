"""The words of a page: all visible ones, and no others."""

import ctypes

import pypdfium2.raw as pdfium
import pytest

from bbj_assets.convert.pdf import words
from bbj_assets_tests.convert.pdf.manuals import FILLER, content, prose, read
from bbj_assets_tests.convert.pdf.pdf_writer import PdfWriter, Text, assemble, column, literal


def test_ligatures_are_spelled_out() -> None:
    mapping = (
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange "
        b"2 beginbfchar <80> <fb01> <81> <00b2> endbfchar endcmap end"
    )
    page = b"BT /F 11 Tf 72 700 Td <80> Tj (le a) Tj <81> Tj ET"
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F 6 0 R >> >> >>",
        5: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        6: b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding /ToUnicode 7 0 R >>",
        7: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(mapping), mapping),
    }

    [document] = read(assemble(objects))

    assert document.content == "file a²"  # a square is not a ligature; NFKC would change it


@pytest.mark.parametrize(
    ("page_rotation", "text_rotation", "place"),
    [(0, 0, (100, 700)), (90, 1, (100, 100)), (180, 2, (500, 100)), (270, 3, (100, 700))],
)
def test_a_rotated_page_is_read_upright(page_rotation: int, text_rotation: int, place: tuple[int, int]) -> None:
    down = {0: (0, -14), 1: (14, 0), 2: (0, 14), 3: (-14, 0)}[text_rotation]
    lines = ["The first line of a wide", "table is read first and", "the last one is read last."]
    writer = PdfWriter(page_entries=f"/Rotate {page_rotation}")
    writer.page(
        [
            Text(place[0] + at * down[0], place[1] + at * down[1], line, rotation=text_rotation)
            for at, line in enumerate(lines)
        ]
    )

    [document] = read(writer.build())

    assert document.content == " ".join(lines)


def test_text_outside_the_page_is_ignored() -> None:
    assert content([Text(72, 700, "Seen."), Text(700, 700, "Printed marks."), Text(72, -40, "Below.")]) == "Seen."


def test_a_label_at_the_side_does_not_interrupt_the_text() -> None:
    page = [*prose(FILLER), Text(40, 300, "Sales in 2024", rotation=1)]

    text = content(page)

    assert text.startswith(FILLER)
    assert text.endswith("Sales in 2024")


def test_private_characters_of_symbol_fonts_become_bullets() -> None:
    page = b"BT /Symbol 11 Tf 72 700 Td (\xb7) Tj /Times 11 Tf 18 0 Td (an item) Tj ET"
    writer = PdfWriter(pages=[page])

    [document] = read(writer.build())

    assert document.content == "- an item"


def test_gaps_between_words_are_spaces() -> None:
    """Programs such as groff and InDesign move the words of one string apart."""
    operators = b"BT /Times 11 Tf 72 700 Td [(they) -190 (are,) -200 (in) -180 (fact) 30 (ual) -250 (ly) ] TJ ET"

    [document] = read(PdfWriter(pages=[operators]).build())

    assert document.content == "they are, in factual ly"


def test_parentheses_and_backslashes_are_kept() -> None:
    assert content(column(r"print (err=label)a$, \n")) == r"print (err=label)a$, \n"
    assert literal(b"(") == rb"(\()"


def test_a_pdfium_without_its_text_object_function_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdfium, "FPDFText_GetTextObject", ctypes.c_void_p(None))

    with pytest.raises(RuntimeError, match="FPDFText_GetTextObject"):
        words._text_object_function.__wrapped__()
