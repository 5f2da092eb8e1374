"""The words of a PDF at their places on the page, read with PDFium.

PDFium is the engine of Chrome's viewer, used through pypdfium2. pypdf, which reads the structure of the file
(`structure`), is not used for text: it does not report where words stand. Code loses its indentation, cells of a table
run together, and the widths that would separate them are missing. On the 2,415 pages of R's reference manual pypdf
needs 100 seconds just to tokenize the pages; PDFium returns every character with its place in 28. The whole manual is
parsed in 38 seconds on one core and in 160 MB. PDFium also knows the encodings of Asian fonts.

PDFium is C++ and reads untrusted files. It is fuzzed as few libraries are, has no scripts and no network in this
build, and runs in a process of its own with limits of memory and time (`ingest.workers`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pypdfium2.raw as pdfium

from bbj_assets.convert.pdf.geometry import OBLIQUE, Word
from bbj_assets.convert.pdf.words import Font, read_words
from bbj_assets.errors import ParseError

MAX_PAGES = 20_000
"""A file that claims more is damaged: its page count alone would keep a worker busy."""

_PDFIUM_LOCK = threading.RLock()
"""PDFium is not thread-safe."""

_ERRORS = {
    pdfium.FPDF_ERR_PASSWORD: "it is encrypted, and the empty password does not open it. Save it without a password",
    pdfium.FPDF_ERR_SECURITY: "its encryption is not supported. Save it without a password",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        words: in the order in which the page draws them.
        rotation: of most of its text, in quarter turns counter-clockwise in the coordinates of the file.
    """

    words: tuple[Word, ...]
    rotation: int


class Pdf:
    """An open file. `open_pdf` makes it."""

    def __init__(self, handle: pdfium.FPDF_DOCUMENT) -> None:
        self._handle = handle
        self.page_count = int(pdfium.FPDF_GetPageCount(handle))

    def pages(self) -> Iterator[Page]:
        """Yield all pages in order; a page that cannot be read is empty."""
        fonts: dict[str, Font] = {}
        for number in range(self.page_count):
            page = pdfium.FPDF_LoadPage(self._handle, number)
            if not page:
                yield Page((), 0)
                continue
            try:
                yield _read_page(page, fonts)
            finally:
                pdfium.FPDF_ClosePage(page)


@contextmanager
def open_pdf(raw: bytes, name: str) -> Iterator[Pdf]:
    """Open the bytes of a file; an encrypted one with the empty password.

    Raises:
        ParseError: the bytes are no PDF, are damaged beyond repair, are encrypted with a password, or have no pages
            or too many. The message begins with `name`.
    """
    with _PDFIUM_LOCK:
        pdfium.FPDF_InitLibrary()  # does nothing the second time
        handle = pdfium.FPDF_LoadMemDocument64(raw, len(raw), None)
        if not handle:
            reason = _ERRORS.get(pdfium.FPDF_GetLastError(), "it is no PDF, or damaged. Save it anew")
            raise ParseError(f"{name}: {reason}, or leave it out with `exclude` in sources.toml.")
        try:
            pdf = Pdf(handle)
            if pdf.page_count < 1:
                raise ParseError(
                    f"{name}: it has no pages. Save it anew, or leave it out with `exclude` in sources.toml."
                )
            if pdf.page_count > MAX_PAGES:
                raise ParseError(
                    f"{name}: it claims {pdf.page_count} pages, and the limit is {MAX_PAGES}. Split it, or leave it "
                    "out with `exclude` in sources.toml."
                )
            yield pdf
        finally:
            pdfium.FPDF_CloseDocument(handle)


def _read_page(page: "pdfium.FPDF_PAGE", fonts: dict[str, Font]) -> Page:
    text = pdfium.FPDFText_LoadPage(page)
    if not text:
        return Page((), 0)
    try:
        words = tuple(read_words(page, text, fonts))
    finally:
        pdfium.FPDFText_ClosePage(text)
    characters = [0] * (OBLIQUE + 1)
    for word in words:
        characters[word.style.rotation] += len(word.text)
    page_rotation = pdfium.FPDFPage_GetRotation(page) % 4
    most = max(range(OBLIQUE), key=lambda rotation: (characters[rotation], rotation == page_rotation))
    return Page(words, most if characters[most] else page_rotation)
