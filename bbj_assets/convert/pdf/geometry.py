"""The records between a page and its Markdown: words, the lines that they form, and tables of lines.

All lengths are points, a 72nd of an inch. Coordinates are those of a reader who holds the page so that the text
reads from left to right: x grows to the right, y grows upwards.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


class Style(NamedTuple):
    """How a run of text is set.

    Attributes:
        size: of the font as it appears, in points.
        bold: whether the font is bold.
        mono: whether all its letters have the same width: code, mostly.
        rotation: of its baseline on the page, in quarter turns counter-clockwise; `OBLIQUE` for any other angle.
    """

    size: float
    bold: bool
    mono: bool
    rotation: int


OBLIQUE = 4
"""The rotation of text that is not parallel to an edge of the page."""

_SAME_BASELINE = 0.25
"""Font sizes by which baselines of one row differ, at most: superscripts and mixed fonts."""

_NO_LETTER = re.compile(r"[\W_]+")

_LIGATURES = str.maketrans(
    {chr(0xFB00 + at): text for at, text in enumerate(["ff", "fi", "fl", "ffi", "ffl", "st", "st"])}
)
_SYMBOLS = str.maketrans({"\uf0b7": "•", "\uf0a7": "▪", "\uf06e": "■", "\uf0d8": "➢", "\uf0fc": "✓", "\uf0e0": "→"})
"""Symbol and Wingdings use private characters; these are the bullets among them."""


class Word(NamedTuple):
    """Some characters in one style, on one baseline.

    Attributes:
        text: without ligatures and invisible characters.
        x0, x1: its left and right edge.
        y: its baseline.
        spaced: the page has a space before it.
        hyphen: it ends with a hyphen that only the end of the line requires.
    """

    text: str
    x0: float
    x1: float
    y: float
    style: Style
    spaced: bool
    hyphen: bool = False


class Span(NamedTuple):
    """A part of a line that is all code, or all not code."""

    text: str
    mono: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Words next to each other on one baseline: a line of a paragraph, a cell of a table, a line of code.

    Attributes:
        page: from 0.
        y: of the baseline.
        size: of most of its characters.
        bold: whether all of it is bold.
        mono: whether all of it has fixed pitch; then `text` has as many spaces as the page has room for.
        text: its characters.
        spans: the same text, divided by whether it is code.
        first_width: of its first word.
        hang: where its second part begins, when it was joined from two separate ones: a term and its
            description, a number and its heading. A line below that begins there continues the second part.
        rotated: it does not read in the direction of the page: a label of an axis, a watermark.
    """

    page: int
    x0: float
    x1: float
    y: float
    size: float
    bold: bool
    mono: bool
    text: str
    spans: tuple[Span, ...]
    first_width: float
    hang: float | None = None
    rotated: bool = False

    @property
    def character_width(self) -> float:
        """The mean width of a character, in points; in code, the width of each character."""
        return (self.x1 - self.x0) / max(len(self.text), 1)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a cell is any number of lines."""

    rows: tuple[tuple[tuple[Line, ...], ...], ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Its lines, row by row."""
        return tuple(line for row in self.rows for cell in row for line in cell)


Unit: TypeAlias = Line | Table
"""A step of the reading order, from top to bottom."""


def first_line(unit: Unit) -> Line:
    """Return the line where a unit begins."""
    return unit if isinstance(unit, Line) else unit.lines[0]


def on_one_baseline(one: Line, other: Line) -> bool:
    """Return whether two lines stand beside each other on the same page."""
    return one.page == other.page and abs(one.y - other.y) <= _SAME_BASELINE * max(one.size, other.size)


def lines_of(units: Iterable[Unit]) -> Iterator[Line]:
    """Yield the lines of units, in reading order."""
    for unit in units:
        if isinstance(unit, Line):
            yield unit
        else:
            yield from unit.lines


def rotated_point(x: float, y: float, rotation: int) -> tuple[float, float]:
    """Return a point in the coordinates in which text with this rotation, in quarter turns, reads upright."""
    match rotation:
        case 0:
            return x, y
        case 1:
            return y, -x
        case 2:
            return -x, -y
        case 3:
            return -y, x
    return x, y


def clean(text: str) -> str:
    """Return a text without ligatures and without invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return "".join(c for c in text.translate(_LIGATURES).translate(_SYMBOLS) if c.isprintable() and c != "\ufffd")


def letters_of(text: str) -> str:
    """Return the letters and digits of a text, for comparing the words of two texts."""
    return _NO_LETTER.sub("", text.casefold())
