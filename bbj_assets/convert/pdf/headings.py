"""Headings, by their size and weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.geometry import Line, Unit, first_line
from bbj_assets.convert.pdf.lists import is_numbering, marker_of
from bbj_assets.convert.pdf.paragraphs import is_entry_of_contents
from bbj_assets.convert.pdf.typography import Typography

_LARGER = 1.12
"""Times the size of the text: what is less is a matter of taste, not of structure."""

_MOST_LINES = 4
_MOST_CHARACTERS = 200
_MOST_CHARACTERS_BOLD = 90
_SAME_SIZE = 0.6
_MOST_SECTION_LEVELS = 3
_FEWEST_CHARACTERS_A_SECTION = 200


@dataclass(frozen=True, slots=True)
class Heading:
    """Lines that head what follows.

    Attributes:
        start: the first unit of it.
        count: of units.
        level: from 0, by its looks; the same for all headings of the manual that look the same.
        larger: it is set larger than the text, not merely bold.
    """

    start: int
    count: int
    level: int
    larger: bool


def find_headings(units: Sequence[Unit], typography: Typography) -> dict[int, Heading]:
    """The headings among the units of a manual, by their first unit."""
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
    """How many levels of headings are worth a section each, where there is no outline.

    Sections of a line or two are no sections but labels: of a form, of slides.
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
    """How many units from `start` make one heading; 0 for none."""
    first = units[start]
    if not isinstance(first, Line) or first.rotated or (first.mono and typography.has_code and not first.bold):
        return 0
    larger = first.size >= _LARGER * typography.size
    if not larger and not (first.bold and first.size >= 0.95 * typography.size):
        return 0
    lines = [first]
    for unit in units[start + 1 : start + _MOST_LINES + 1]:
        last = lines[-1]
        if not isinstance(unit, Line) or unit.rotated or unit.page != last.page or abs(unit.size - last.size) > 0.3:
            break
        if unit.bold != last.bold or not -0.3 * unit.size < last.y - unit.y <= 1.5 * unit.size:
            break
        lines.append(unit)
    if any(is_entry_of_contents(line.text) for line in lines):
        return 0
    text = " ".join(line.text for line in lines)
    if len(lines) > _MOST_LINES or len(text) > _MOST_CHARACTERS or sum(map(str.isalpha, text)) < 2:
        return 0
    if not larger and not _is_bold_heading(units, start, len(lines), text, typography):
        return 0
    return len(lines)


def _is_bold_heading(units: Sequence[Unit], start: int, count: int, text: str, typography: Typography) -> bool:
    if count > 2 or len(text) > _MOST_CHARACTERS_BOLD or text.endswith((".", ",", ";", ":")):
        return False
    line = first_line(units[start])
    marker = marker_of(text)
    if marker and not is_numbering(marker.text):
        return False
    usual = (typography.leading + 0.2) * line.size
    before = first_line(units[start - 1]) if start else None
    if before and before.page == line.page and 0 <= before.y - line.y <= usual:
        return False
    following = units[start + count] if start + count < len(units) else None
    return isinstance(following, Line) and not (following.bold and following.page == line.page)
