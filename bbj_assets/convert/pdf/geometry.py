"""The records between a page and its Markdown: words, the lines they stand on, and what lines make up.

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
        size: of the font as it is seen, in points.
        mono: all of its letters are as wide as each other: code, mostly.
        turn: quarter turns counter-clockwise that its baseline makes on the page; `OBLIQUE` for any other angle.
    """

    size: float
    bold: bool
    mono: bool
    rotation: int


OBLIQUE = 4

_NO_LETTER = re.compile(r"[\W_]+")

_LIGATURES = str.maketrans(
    {chr(0xFB00 + at): text for at, text in enumerate(["ff", "fi", "fl", "ffi", "ffl", "st", "st"])}
)
_SYMBOLS = str.maketrans({"\uf0b7": "•", "\uf0a7": "▪", "\uf06e": "■", "\uf0d8": "➢", "\uf0fc": "✓", "\uf0e0": "→"})
"""Symbol and Wingdings have no Unicode; of their private characters, these are the marks of lists."""


class Word(NamedTuple):
    """Some characters in one style, on one baseline.

    Attributes:
        spaced: the page has a space before it.
        hyphen: it ends with a hyphen that only the end of the line has called for.
    """

    text: str
    x0: float
    x1: float
    y: float
    style: Style
    spaced: bool
    hyphen: bool = False


class Span(NamedTuple):
    """A part of a line that is code, or is not."""

    text: str
    mono: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Words next to each other on one baseline: a line of a paragraph, a cell of a table, a line of code.

    Attributes:
        page: from 0.
        y: of the baseline.
        size: of most of its characters.
        bold: all of it is.
        mono: all of it is; then `text` has as many spaces as the page has room for.
        text: what it says.
        spans: the same, by whether it is code.
        first_width: of its first word.
        hang: where its second part begins, when it was put together of two that stand apart: a term and what it
            means, a number and its heading. A line below that begins there goes on with the second part.
        turned: it does not read in the direction of the page: a label of an axis, a watermark.
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
        """The mean width of a character; of a line of code, the width of each of them."""
        return (self.x1 - self.x0) / max(len(self.text), 1)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each of which is some lines or none."""

    rows: tuple[tuple[tuple[Line, ...], ...], ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """All of its lines, row by row."""
        return tuple(line for row in self.rows for cell in row for line in cell)


Unit: TypeAlias = Line | Table
"""What is read as one, from top to bottom."""


def first_line(unit: Unit) -> Line:
    """The line where a unit begins."""
    return unit if isinstance(unit, Line) else unit.lines[0]


def on_one_baseline(one: Line, other: Line) -> bool:
    """Whether a reader sees them beside each other, on the same page."""
    return one.page == other.page and abs(one.y - other.y) <= 0.25 * max(one.size, other.size)


def lines_of(units: Iterable[Unit]) -> Iterator[Line]:
    """All lines of units, in reading order."""
    for unit in units:
        if isinstance(unit, Line):
            yield unit
        else:
            yield from unit.lines


def rotated_point(x: float, y: float, rotation: int) -> tuple[float, float]:
    """A point in the coordinates of a reader who sees text with that many quarter turns upright."""
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
    """The text without ligatures and without characters that say nothing."""
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return "".join(c for c in text.translate(_LIGATURES).translate(_SYMBOLS) if c.isprintable() and c != "\ufffd")


def letters_of(text: str) -> str:
    """The letters and digits of a text, for comparing what two texts say."""
    return _NO_LETTER.sub("", text.casefold())
