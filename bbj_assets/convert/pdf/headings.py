"""Headings, by their size and weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.geometry import Line, Unit, first_line
from bbj_assets.convert.pdf.lists import is_numbering, marker_of
from bbj_assets.convert.pdf.paragraphs import is_entry_of_contents
from bbj_assets.convert.pdf.typography import Typography

_LARGER = 1.12
"""Times the size of the text: a smaller difference is taste, not structure."""

_MOST_LINES = 4
_MOST_CHARACTERS = 200
_MOST_LINES_BOLD = 2
_MOST_CHARACTERS_BOLD = 90
_FEWEST_LETTERS = 2
_SAME_SIZE = 0.6
"""Points by which the sizes of headings of one level differ."""

_SAME_SIZE_IN_HEADING = 0.3
"""Points by which the sizes of the lines of one heading differ."""

_BOLD_SIZE = 0.95
"""Times the size of the text: the smallest bold heading."""

_LEADING_IN_HEADING = 1.5
"""Font sizes from baseline to baseline in one heading, at most."""

_RISE = 0.3
"""Font sizes by which the next line of a heading may stand higher: a number and its heading, beside each other."""

_BEYOND_LEADING = 0.2
"""Font sizes beyond the usual leading that separate a bold heading from the text above it."""

_MOST_SECTION_LEVELS = 3
_FEWEST_CHARACTERS_A_SECTION = 200


@dataclass(frozen=True, slots=True)
class Heading:
    """Lines that are the heading of the text below them.

    Attributes:
        start: index of its first unit.
        count: number of its units.
        level: from 0, by its style; the same for all headings of the manual in the same style.
        larger: whether it is larger than the text, not merely bold.
    """

    start: int
    count: int
    level: int
    larger: bool


def find_headings(units: Sequence[Unit], typography: Typography) -> dict[int, Heading]:
    """Return the headings among the units of a manual, by their first unit."""
    found: list[tuple[int, int, float, bool]] = []
    at = 0
    while at < len(units):
        count = _heading_at(units, at, typography)
        if count:
            line = first_line(units[at])
            found.append((at, count, line.size, line.size >= _LARGER * typography.size))
        at += max(count, 1)
    levels = _levels([size for _, _, size, larger in found if larger])
    lowest = max(levels.values(), default=-1) + 1
    return {
        start: Heading(start, count, levels[size] if larger else lowest, larger) for start, count, size, larger in found
    }


def section_levels(units: Sequence[Unit], headings: Mapping[int, Heading]) -> int:
    """Return how many levels of headings begin sections in a manual without an outline.

    Headings with only a line or two of text each are labels: of a form, of slides.
    """
    characters = sum(len(line.text) for unit in units for line in ((unit,) if isinstance(unit, Line) else unit.lines))
    larger = [heading for heading in headings.values() if heading.larger]
    levels = min(max((heading.level for heading in larger), default=-1) + 1, _MOST_SECTION_LEVELS)
    while levels and characters < _FEWEST_CHARACTERS_A_SECTION * sum(h.level < levels for h in larger):
        levels -= 1
    return levels


def _levels(sizes: Sequence[float]) -> dict[float, int]:
    levels: dict[float, int] = {}
    level, last = -1, float("inf")
    for size in sorted(set(sizes), reverse=True):
        if last - size > _SAME_SIZE:
            level += 1
            last = size
        levels[size] = level
    return levels


def _heading_at(units: Sequence[Unit], start: int, typography: Typography) -> int:
    """Return how many units from `start` form one heading; 0 for none."""
    first = units[start]
    if not isinstance(first, Line) or first.rotated or (first.mono and typography.has_code and not first.bold):
        return 0
    larger = first.size >= _LARGER * typography.size
    if not larger and not (first.bold and first.size >= _BOLD_SIZE * typography.size):
        return 0
    lines = [first]
    for unit in units[start + 1 : start + _MOST_LINES + 1]:
        last = lines[-1]
        if (
            not isinstance(unit, Line)
            or unit.rotated
            or unit.page != last.page
            or abs(unit.size - last.size) > _SAME_SIZE_IN_HEADING
        ):
            break
        if unit.bold != last.bold or not -_RISE * unit.size < last.y - unit.y <= _LEADING_IN_HEADING * unit.size:
            break
        lines.append(unit)
    if any(is_entry_of_contents(line.text) for line in lines):
        return 0
    text = " ".join(line.text for line in lines)
    if len(lines) > _MOST_LINES or len(text) > _MOST_CHARACTERS or sum(map(str.isalpha, text)) < _FEWEST_LETTERS:
        return 0
    if not larger and not _is_bold_heading(units, start, len(lines), text, typography):
        return 0
    return len(lines)


def _is_bold_heading(units: Sequence[Unit], start: int, count: int, text: str, typography: Typography) -> bool:
    if count > _MOST_LINES_BOLD or len(text) > _MOST_CHARACTERS_BOLD or text.endswith((".", ",", ";", ":")):
        return False
    line = first_line(units[start])
    marker = marker_of(text)
    if marker and not is_numbering(marker.text):
        return False
    usual = (typography.leading + _BEYOND_LEADING) * line.size
    before = first_line(units[start - 1]) if start else None
    if before and before.page == line.page and 0 <= before.y - line.y <= usual:
        return False
    following = units[start + count] if start + count < len(units) else None
    return isinstance(following, Line) and not (following.bold and following.page == line.page)
