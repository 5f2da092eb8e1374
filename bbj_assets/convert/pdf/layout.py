"""The layout of a whole manual: its units in reading order, with headings, footnotes and margins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.furniture import furniture
from bbj_assets.convert.pdf.geometry import Line, Unit, first_line
from bbj_assets.convert.pdf.headings import Heading, find_headings
from bbj_assets.convert.pdf.order import in_reading_order
from bbj_assets.convert.pdf.tables import with_tables
from bbj_assets.convert.pdf.typography import Typography, typography_of

_SMALL_PRINT = 0.92
"""Times the size of the text: the largest footnote."""

_MARGIN_CELL = 2
"""Points: left edges that round to the same multiple share a margin."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The result of `lay_out`.

    Attributes:
        units: the text without furniture, in reading order.
        headings: by their first unit.
        notes: indices of the units that are lines of footnotes.
        margins: for each unit, how far to the right the lines with its left edge reach.
        typography: sizes, leading and words of the manual.
    """

    units: Sequence[Unit]
    headings: Mapping[int, Heading]
    notes: frozenset[int]
    margins: Sequence[float]
    typography: Typography


def lay_out(pages: Sequence[Sequence[Line]], kept: frozenset[tuple[int, int]]) -> Layout:
    """Put the lines of all pages into reading order.

    Args:
        pages: the lines of each page, as drawn.
        kept: lines that are text though they may look like running headers, as (page, index).
    """
    typography = typography_of(pages)
    dropped = furniture(pages, typography.size, kept)
    units: list[Unit] = []
    for page, lines in enumerate(pages):
        text = [line for at, line in enumerate(lines) if (page, at) not in dropped]
        units += with_tables(in_reading_order(text))
    return Layout(
        units, find_headings(units, typography), _footnotes(units, typography.size), _margins(units), typography
    )


def begins_note(line: Line) -> bool:
    """Return whether a line of small print begins with the mark of a footnote."""
    return line.text[:1].isdigit() or line.text[:1] in {"*", "†", "‡", "§"}


def _margins(units: Sequence[Unit]) -> list[float]:
    margins: dict[tuple[int, int, int], float] = {}
    keys = []
    for unit in units:
        line = first_line(unit)
        keys.append((line.page, round(line.x0 / _MARGIN_CELL), round(line.size)))
        if isinstance(unit, Line) and not unit.rotated:
            margins[keys[-1]] = max(margins.get(keys[-1], line.x1), line.x1)
    return [margins.get(key, first_line(unit).x1) for key, unit in zip(keys, units, strict=True)]


def _footnotes(units: Sequence[Unit], size: float) -> frozenset[int]:
    """Return the small print at the end of pages, from the first line that begins with a mark."""
    small: list[int] = []
    text_of_page: int | None = None
    for at in range(len(units) - 1, -1, -1):
        unit = units[at]
        page = first_line(unit).page
        if page == text_of_page:
            continue
        if isinstance(unit, Line) and not unit.rotated and unit.size <= _SMALL_PRINT * size:
            small.append(at)
        else:
            text_of_page = page
    notes: set[int] = set()
    for at in reversed(small):
        if at - 1 in notes or begins_note(first_line(units[at])):
            notes.add(at)
    return frozenset(notes)
