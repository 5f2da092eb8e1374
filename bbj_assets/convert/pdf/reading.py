"""A PDF as words at their places, its outline and its properties: all that is asked of the PDF library.

The library is PDFium, the engine of Chrome's viewer, through pypdfium2. pypdf was tried first. Its words are right
too, but not where they stand: code loses its indentation, cells of a table run together, and the widths that would
tell are not given. On the 2,415 pages of R's reference manual pypdf needs 100 seconds just to tokenize the pages;
PDFium gives every character with its place in 28. It also decrypts AES and knows the encodings of Asian fonts. All
in all, that manual is parsed in 38 seconds of one core and 160 MB.

PDFium is C++ and reads what strangers wrote. It is fuzzed as few libraries are, has no scripts and no network in
this build, and runs in a process of its own with limits of memory and time (`ingest.workers`).
"""

import ctypes
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pypdfium2.raw as pdfium

from bbj_assets.convert.pdf.geometry import OBLIQUE, Word, clean
from bbj_assets.convert.pdf.words import Font, read_words
from bbj_assets.errors import ParseError

MAX_PAGES = 20_000
"""A file that claims more is damaged: its page count alone would keep a worker busy."""

MAX_OUTLINE_ENTRIES = 50_000
MAX_OUTLINE_DEPTH = 32

_ONE_AT_A_TIME = threading.RLock()
"""PDFium is not made for threads."""

_ERRORS = {
    pdfium.FPDF_ERR_PASSWORD: "it is encrypted, and the empty password does not open it. Save it without a password",
    pdfium.FPDF_ERR_SECURITY: "its encryption is not supported. Save it without a password",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        words: in the order in which the page draws them.
        turn: quarter turns that most of its text makes in the coordinates of the file.
    """

    words: tuple[Word, ...]
    turn: int


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A bookmark.

    Attributes:
        level: from 0.
        page: where it leads, from 0; None when it leads nowhere.
        x, y: the place on that page, in the coordinates of the file; None where it does not say.
    """

    title: str
    level: int
    page: int | None
    x: float | None = None
    y: float | None = None


class Pdf:
    """An open file. `open_pdf` makes it."""

    def __init__(self, handle: pdfium.FPDF_DOCUMENT) -> None:
        self._handle = handle
        self.page_count = int(pdfium.FPDF_GetPageCount(handle))

    def property(self, name: str) -> str:
        """A value of the document's properties (`Title`, `Author`), or nothing."""
        key = name.encode()
        length = pdfium.FPDF_GetMetaText(self._handle, key, None, 0)
        if not 2 < length < 20_000:
            return ""
        buffer = ctypes.create_string_buffer(length)
        pdfium.FPDF_GetMetaText(self._handle, key, buffer, length)
        return " ".join(clean(buffer.raw[: length - 2].decode("utf-16-le", "replace")).split())

    def outline(self) -> Iterator[OutlineEntry]:
        """The bookmarks, each before those below it. One that is met a second time ends its branch."""
        seen: set[int] = set()
        stack = [pdfium.FPDFBookmark_GetFirstChild(self._handle, None)]
        while stack and len(seen) < MAX_OUTLINE_ENTRIES:
            bookmark = stack.pop()
            address = ctypes.addressof(bookmark.contents) if bookmark else 0
            if not address or address in seen:
                continue
            seen.add(address)
            yield self._entry(bookmark, len(stack))
            stack.append(pdfium.FPDFBookmark_GetNextSibling(self._handle, bookmark))
            if len(stack) <= MAX_OUTLINE_DEPTH:
                stack.append(pdfium.FPDFBookmark_GetFirstChild(self._handle, bookmark))

    def _entry(self, bookmark: "pdfium.FPDF_BOOKMARK", level: int) -> OutlineEntry:
        length = min(pdfium.FPDFBookmark_GetTitle(bookmark, None, 0), 20_000)
        buffer = ctypes.create_string_buffer(length)
        pdfium.FPDFBookmark_GetTitle(bookmark, buffer, length)
        title = " ".join(clean(buffer.raw[: max(length - 2, 0)].decode("utf-16-le", "replace")).split())
        target = pdfium.FPDFBookmark_GetDest(self._handle, bookmark)
        page = pdfium.FPDFDest_GetDestPageIndex(self._handle, target) if target else -1
        if not 0 <= page < self.page_count:
            return OutlineEntry(title, level, None)
        count, numbers = ctypes.c_ulong(), (ctypes.c_float * 4)()
        view = pdfium.FPDFDest_GetView(target, count, numbers)
        x: float | None = None
        y: float | None = None
        if view == pdfium.PDFDEST_VIEW_XYZ:
            has_x, has_y, has_zoom = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
            at_x, at_y, zoom = ctypes.c_float(), ctypes.c_float(), ctypes.c_float()
            pdfium.FPDFDest_GetLocationInPage(target, has_x, has_y, has_zoom, at_x, at_y, zoom)
            x, y = at_x.value if has_x.value else None, at_y.value if has_y.value else None
        elif view in {pdfium.PDFDEST_VIEW_FITH, pdfium.PDFDEST_VIEW_FITBH} and count.value:
            y = numbers[0]
        elif view in {pdfium.PDFDEST_VIEW_FITV, pdfium.PDFDEST_VIEW_FITBV} and count.value:
            x = numbers[0]
        elif view == pdfium.PDFDEST_VIEW_FITR and count.value == len(numbers):
            x, y = numbers[0], numbers[3]
        return OutlineEntry(title, level, page, _finite(x), _finite(y))

    def pages(self) -> Iterator[Page]:
        """All pages in order; one that cannot be read is empty."""
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
        ParseError: no PDF, damaged beyond repair, encrypted, or without pages. `name` is said in the message.
    """
    with _ONE_AT_A_TIME:
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
        characters[word.style.turn] += len(word.text)
    page_turn = pdfium.FPDFPage_GetRotation(page) % 4
    most = max(range(OBLIQUE), key=lambda turn: (characters[turn], turn == page_turn))
    return Page(words, most if characters[most] else page_turn)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
