"""Helpers that write a manual and read it back."""

import textwrap
from collections.abc import Sequence

from bbj_assets.convert.pdf import documents
from bbj_assets.documents import Document
from bbj_assets_tests.convert.pdf.pdf_writer import Entry, PdfWriter, Text, column

URL = "pdf://manual.pdf"

FILLER = (
    "A keyed file finds a record by its key, in a time that hardly grows with the file. The key is cut from the "
    "record, or given at every write. A second key costs time at each write and saves it at each search."
)
"""Three sentences of filler text, about the length of a paragraph."""


def read(raw: bytes) -> list[Document]:
    return list(documents(raw, name="manual.pdf", url=URL))


def read_pages(*pages: Sequence[Text], outline: Sequence[Entry] = ()) -> list[Document]:
    writer = PdfWriter(outline=outline)
    for page in pages:
        writer.page(page)
    return read(writer.build())


def content(*pages: Sequence[Text]) -> str:
    """Return the Markdown of a manual without sections."""
    [document] = read_pages(*pages)
    return document.content


def prose(text: str, *, width: int = 70, x: float = 72, top: float = 760) -> list[Text]:
    """Return the lines of a filled paragraph."""
    return column("\n".join(textwrap.wrap(text, width)), x=x, top=top)


def heading(text: str, y: float, size: float = 20) -> Text:
    return Text(72, y, text, size, "Bold")
