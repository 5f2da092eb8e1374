"""The words of a page: their characters, positions and styles.

PDFium puts a space where it sees a gap between two characters. It misses gaps that kerning has narrowed ("they
are" after a y, any word after a comma in the output of groff). So a word that is wider than its letters is measured
again, letter by letter. Measuring every letter of every word would double the time.
"""

import ctypes
import math
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import pypdfium2.raw as pdfium

from bbj_assets.convert.pdf.geometry import OBLIQUE, Style, Word, clean, rotated_point

MAX_CHARACTERS_A_PAGE = 400_000
"""A dense page of a manual has 6,000. More was made to exhaust its reader."""

_MONO_NAMES = re.compile(
    r"mono|courier|consol|typewriter|menlo|monaco|inconsolata|lettergothic|sourcecode|firacode|fixedsys|cour(?![a-z])"
    r"|^(?:cm|sf|ec|lm)\w*tt|(?<![a-z])tt(?:\d|$)|teletype|andale",
    re.IGNORECASE,
)
_BOLD_NAMES = re.compile(r"bold|black|heavy|demi|[-,]bd|^(?:cmb|sfbx|ecbx|lmb)", re.IGNORECASE)
_FIXED_PITCH = 1
_SPACE = 0.12
"""Font sizes: a narrower gap within a word is kerning."""

_SOFT_HYPHENS = "\x02\u00ad\ufffe"
"""PDFium returns U+0002 (U+FFFE in older builds) for a hyphen at the end of a line that it takes for a broken word."""

_WORD = re.compile(rf"[^\s\0{_SOFT_HYPHENS}]+[{_SOFT_HYPHENS}]?|[{_SOFT_HYPHENS}]")

_BOLD_WEIGHT = 700
_LONGEST_FONT_NAME = 200
_MARGIN = 1
"""Points by which a character may begin outside the page."""

_OBLIQUE_SHARE = 0.05
"""Quarter turns by which a baseline may differ from the edge of the page."""


@cache
def _text_object_function() -> Callable[[ctypes.c_void_p, int], int | None]:
    """Return `FPDFText_GetTextObject` with plain addresses: it is called twice a word, and pointer objects are slow.

    Raises:
        RuntimeError: the installed PDFium does not have the function; a call would go to address 0.
    """
    address = ctypes.cast(pdfium.FPDFText_GetTextObject, ctypes.c_void_p).value
    if not address:
        raise RuntimeError("PDFium has no FPDFText_GetTextObject: install the pypdfium2 version of constraints.txt.")
    return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(address)


@dataclass(slots=True)
class Font:
    """The traits of a font; `widths` has the width of each character met so far, in font sizes."""

    bold: bool
    mono: bool
    widths: dict[str, float] = field(default_factory=dict)


def read_words(page: "pdfium.FPDF_PAGE", text: "pdfium.FPDF_TEXTPAGE", fonts: dict[str, Font]) -> Iterator[Word]:
    """Yield the words of a page, in the order in which it draws them.

    Args:
        page: an open page.
        text: the text of that page.
        fonts: the fonts of the file by name; new ones are added.
    """
    yield from _Reader(page, text, fonts).words()


class _Reader:
    """Reads the words of one page; holds the buffers that PDFium writes to, and the styles met so far."""

    def __init__(self, page: "pdfium.FPDF_PAGE", text: "pdfium.FPDF_TEXTPAGE", fonts: dict[str, Font]) -> None:
        self._text = text
        self._text_object = _text_object_function()
        self._handle = ctypes.cast(text, ctypes.c_void_p)
        no_font = Font(bold=False, mono=False)
        self._styles: dict[int | None, tuple[Style, Font]] = {
            None: (Style(0.0, bold=False, mono=False, rotation=0), no_font)
        }
        self._fonts_by_name = fonts
        self._fonts: dict[int, Font] = {0: no_font}
        self._x, self._y, self._box = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF()
        self._at_x, self._at_y, self._at_box = map(ctypes.byref, (self._x, self._y, self._box))
        visible = pdfium.FS_RECTF()
        pdfium.FPDF_GetPageBoundingBox(page, visible)
        self._visible = (
            visible.left - _MARGIN,
            visible.bottom - _MARGIN,
            visible.right + _MARGIN,
            visible.top + _MARGIN,
        )

    def words(self) -> Iterator[Word]:
        """Yield the words, divided where their style changes."""
        characters = self._characters()
        found = [match.span() for match in _WORD.finditer(characters)]
        owners = [self._object_at(start) for start, _ in found]
        before = 0
        for (start, end), owner, next_owner in zip(found, owners, [*owners[1:], None], strict=False):
            spaced = start > before
            for first, stop, piece_owner in self._pieces(start, end, owner, next_owner):
                for word in self._without_gaps(first, characters[first:stop], piece_owner):
                    yield word._replace(spaced=True) if spaced else word
                    spaced = False
            before = end

    def _characters(self) -> str:
        """Return the text of the page; its indices are those of PDFium."""
        count = min(pdfium.FPDFText_CountChars(self._text), MAX_CHARACTERS_A_PAGE)
        buffer = (ctypes.c_ushort * (count + 1))()
        if pdfium.FPDFText_GetText(self._text, 0, count, buffer) == count + 1:
            characters = bytes(buffer)[:-2].decode("utf-16-le", "surrogatepass")
            if len(characters) == count:
                return characters
        # Some characters have no text, or are surrogates, so the indices would not be those of PDFium.
        codes = [pdfium.FPDFText_GetUnicode(self._text, at) for at in range(count)]
        return "".join([chr(code) if code <= sys.maxunicode else " " for code in codes])

    def _pieces(
        self, start: int, end: int, owner: int | None, next_owner: int | None
    ) -> Iterator[tuple[int, int, int | None]]:
        """Yield the parts of a word as (start, end, text object).

        The word begins in the text object `owner`, the next word in `next_owner`. Objects are drawn one after the
        other, so a word lies in one object when the next word begins in it.
        """
        if (owner is not None and owner == next_owner) or end - start == 1 or self._object_at(end - 1) == owner:
            yield start, end, owner
            return
        at = start
        for index in range(start + 1, end):
            other = self._object_at(index)
            if other != owner:
                yield at, index, owner
                at, owner = index, other
        yield at, end, owner

    def _object_at(self, index: int) -> int | None:
        """Return the address of the text object of a character, and remember its style."""
        address: int | None = self._text_object(self._handle, index)
        if address and address not in self._styles:
            self._styles[address] = self._style(address, index)
        return address

    def _without_gaps(self, start: int, text: str, owner: int | None) -> Iterator[Word]:
        """Yield the characters from `start` on as a word, or as several words if there are gaps between them."""
        word = self._word(start, text, owner)
        if word is None:
            return
        style, font = self._styles[owner]
        if len(text) > 1 and not font.mono:
            widths = font.widths
            try:
                letters = sum(map(widths.__getitem__, text))
            except KeyError:
                for at, character in enumerate(text, start):
                    if character not in widths:
                        x0, x1 = self._sides(at, style.rotation)
                        widths[character] = (x1 - x0) / (style.size or 1.0)
                letters = sum(map(widths.__getitem__, text))
            if word.x1 - word.x0 > (letters + _SPACE) * style.size:
                at = 0
                for stop in self._gaps(start, len(text), style):
                    if part := self._word(start + at, text[at:stop], owner):
                        yield part._replace(spaced=at > 0)
                    at = stop
                return
        yield word

    def _gaps(self, start: int, count: int, style: Style) -> list[int]:
        """Return where the separate parts of a word end, as indices in it; the last one is its end."""
        sides = [self._sides(index, style.rotation) for index in range(start, start + count)]
        gaps = [right[0] - left[1] for left, right in pairwise(sides)]
        spacing = statistics.median_low(gaps) if len(gaps) > 1 else 0.0  # of letter-spaced words
        return [at for at, gap in enumerate(gaps, 1) if gap - max(spacing, 0.0) > _SPACE * style.size] + [count]

    def _sides(self, index: int, rotation: int) -> tuple[float, float]:
        """Return where a character begins, and where the next one is expected."""
        pdfium.FPDFText_GetLooseCharBox(self._text, index, self._at_box)
        box = self._box
        match rotation:
            case 1:
                return box.bottom, box.top
            case 2:
                return -box.right, -box.left
            case 3:
                return -box.top, -box.bottom
        return box.left, box.right

    def _word(self, start: int, text: str, owner: int | None) -> Word | None:
        """Return the characters from `start` on as a word; None if they lie outside the page or are invisible."""
        hyphen = text[-1] in _SOFT_HYPHENS
        visible = clean(text[:-1]) + "-" if hyphen else clean(text)
        if not visible:
            return None
        pdfium.FPDFText_GetCharOrigin(self._text, start, self._at_x, self._at_y)
        x, y = self._x.value, self._y.value
        left, bottom, right, top = self._visible
        if not (left <= x <= right and bottom <= y <= top):
            return None
        style, _ = self._styles[owner]
        x0, baseline = rotated_point(x, y, style.rotation)
        _, x1 = self._sides(start + len(text) - 1, style.rotation)
        return Word(visible, x0, x1 if x0 < x1 < math.inf else x0, baseline, style, spaced=False, hyphen=hyphen)

    def _style(self, address: int, index: int) -> tuple[Style, Font]:
        matrix, size = pdfium.FS_MATRIX(), ctypes.c_float()
        text_object = ctypes.cast(address, pdfium.FPDF_PAGEOBJECT)
        pdfium.FPDFText_GetMatrix(self._text, index, matrix)
        pdfium.FPDFTextObj_GetFontSize(text_object, size)
        seen_size = abs(size.value) * math.hypot(matrix.c, matrix.d)
        font = pdfium.FPDFTextObj_GetFont(text_object)
        font_address = ctypes.cast(font, ctypes.c_void_p).value or 0
        if font_address not in self._fonts:
            self._fonts[font_address] = self._named(font)
        traits = self._fonts[font_address]
        size_seen = round(seen_size, 1) if math.isfinite(seen_size) else 0.0
        return Style(size_seen, traits.bold, traits.mono, _rotation(matrix.a, matrix.b)), traits

    def _named(self, font: "pdfium.FPDF_FONT") -> Font:
        """Return the font by its full name (`ABCDEF+Times`): subsets share the base name, not the widths."""
        buffer = ctypes.create_string_buffer(_LONGEST_FONT_NAME)
        pdfium.FPDFFont_GetBaseFontName(font, buffer, _LONGEST_FONT_NAME)
        name = buffer.value.decode("latin-1")
        if name not in self._fonts_by_name:
            self._fonts_by_name[name] = Font(*_font_traits(font, name.rpartition("+")[2]))
        return self._fonts_by_name[name]


def _rotation(a: float, b: float) -> int:
    if not (math.isfinite(a) and math.isfinite(b)) or math.hypot(a, b) == 0:
        return 0
    quarter = math.atan2(b, a) / (math.pi / 2)
    return round(quarter) % 4 if abs(quarter - round(quarter)) < _OBLIQUE_SHARE else OBLIQUE


def _font_traits(font: "pdfium.FPDF_FONT", name: str) -> tuple[bool, bool]:
    """Return whether a font is bold, and whether it is of fixed pitch. TeX sets no flags, so names count too."""
    bold = bool(_BOLD_NAMES.search(name)) or pdfium.FPDFFont_GetWeight(font) >= _BOLD_WEIGHT
    mono = bool(_MONO_NAMES.search(name)) or bool(pdfium.FPDFFont_GetFlags(font) & _FIXED_PITCH)
    return bold, mono
