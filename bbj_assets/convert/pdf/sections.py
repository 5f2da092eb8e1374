"""Where the sections of a manual begin: by its outline, or else by its headings.

An entry of an outline leads to a place on a page, or just to the page, and seldom exactly to its heading: programs
aim above it, at the top of its page, or at the end of the page before. So the heading is found by its words. The
place decides among headings with the same words, and where the heading is a picture.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.geometry import Line, Unit, first_line, letters_of, lines_of, rotated_point
from bbj_assets.convert.pdf.layout import Layout
from bbj_assets.convert.pdf.reflow import plain
from bbj_assets.convert.pdf.structure import OutlineEntry

_MOST_LINES_OF_A_TITLE = 4
_FIRST_UNITS = 3
"""Units at the top of the next page that may be the heading, when an entry leads to the end of a page."""

_LONGEST_NUMBERING = 20
_NUMBERING = re.compile(r"(?:chapter|appendix|part|section|kapitel|anhang)?(?:[0-9]*|[a-z]|[ivxlc]+)")
_ELSEWHERE = 1000.0
"""Points added to the distance of a heading that an earlier entry has taken, so that any other one is nearer."""

_NEARER = 4
"""Points by which a line counts as nearer to a target, for each point of its size."""

_TOLERANCE = 1
"""Points by which a target may be below the baseline of its line."""

_SHORTEST_TITLE = 3
"""Letters that must match besides the numbering."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the manual with a title.

    Attributes:
        title: its heading, or the title in the outline.
        path: the titles of the sections around it, outermost first.
        start: its first unit, which is its heading when there is one.
        heading: number of units of its heading, which the title repeats.
        end: the unit after its last one, which may begin its first subsection.
    """

    title: str
    path: tuple[str, ...]
    start: int
    heading: int
    end: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where an entry of the outline leads, in the coordinates of upright text.

    Attributes:
        entry: index of the entry in the outline.
        page: index of the page.
        x, y: left and top edge of the target; None for the whole page.
    """

    entry: int
    page: int
    x: float | None
    y: float | None


@dataclass(frozen=True, slots=True)
class _Place:
    """The start of a section: `count` units are its heading, whose text is `title`."""

    start: int
    count: int
    title: str


def targets(outline: Sequence[OutlineEntry], rotations: Sequence[int]) -> list[Target]:
    """Return the targets of the entries that have one; `rotations` has the rotation of the text of each page."""
    found = []
    for at, entry in enumerate(outline):
        if entry.page is None:
            continue
        x, y, rotation = entry.x, entry.y, rotations[entry.page]
        if rotation:  # only a whole point can be rotated
            x, y = rotated_point(x, y, rotation) if x is not None and y is not None else (None, None)
        found.append(Target(at, entry.page, x, y))
    return found


def titled_lines(
    outline: Sequence[OutlineEntry], found: Sequence[Target], pages: Sequence[Sequence[Line]]
) -> frozenset[tuple[int, int]]:
    """Return the lines that the outline leads to, as (page, index): they are text even if they repeat."""
    kept: set[tuple[int, int]] = set()
    letters_of_page: dict[int, list[str]] = {}
    for target in found:
        title = letters_of(outline[target.entry].title)
        lines = pages[target.page]
        if target.page not in letters_of_page:
            letters_of_page[target.page] = [letters_of(line.text) for line in lines]
        matching = [
            at for at, letters in enumerate(letters_of_page[target.page]) if title and _is_title(letters, title)
        ]
        if matching:
            kept.add((target.page, min(matching, key=lambda at: _distance(lines[at], target))))
    return frozenset(kept)


def outline_sections(outline: Sequence[OutlineEntry], found: Sequence[Target], layout: Layout) -> list[Section]:
    """Return the sections of the outline, in the order of the pages.

    An entry without a target is only a title in the paths of its children.
    """
    finder = _Finder(layout)
    places = {target.entry: finder.place(outline[target.entry].title, target) for target in found}
    paths: list[tuple[str, ...]] = []
    open_titles: list[str] = []
    for at, entry in enumerate(outline):
        del open_titles[entry.level :]
        paths.append(tuple(filter(None, open_titles)))
        open_titles += [""] * (entry.level - len(open_titles))
        open_titles.append(places[at].title if at in places else entry.title)
    ordered = sorted(places, key=lambda at: (places[at].start, at))
    ends = [places[at].start for at in ordered[1:]] + [len(layout.units)]
    sections = []
    for at, end in zip(ordered, ends, strict=True):
        place = places[at]
        heading = min(place.count, end - place.start)
        sections.append(Section(place.title or "Untitled", paths[at], place.start, heading, end))
    return sections


def heading_sections(layout: Layout, levels: int) -> list[Section]:
    """Return the sections under the headings of the first `levels` levels."""
    chosen = [heading for heading in layout.headings.values() if heading.larger and heading.level < levels]
    ends = [*(heading.start for heading in chosen[1:]), len(layout.units)]
    sections = []
    around: list[tuple[int, str]] = []
    for heading, end in zip(chosen, ends, strict=False):  # without headings there is still one end
        lines = lines_of(layout.units[heading.start : heading.start + heading.count])
        title = plain(list(lines), layout.typography.words)
        while around and around[-1][0] >= heading.level:
            around.pop()
        path = tuple(above for _, above in around)
        sections.append(Section(title, path, heading.start, heading.count, end))
        around.append((heading.level, title))
    return sections


class _Finder:
    """Finds headings by their words; remembers which ones are taken."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._letters = [letters_of(unit.text) if isinstance(unit, Line) else None for unit in layout.units]
        self._pages = _pages(layout.units)
        self._taken: set[int] = set()

    def place(self, title: str, target: Target) -> _Place:
        """Return where the section of an entry begins."""
        page = self._pages.get(target.page, range(0))
        found = self._heading(title, page, target)
        if found is None and self._leads_to_the_end(page, target):
            following = self._pages.get(target.page + 1, range(0))[:_FIRST_UNITS]
            found = self._heading(title, following, Target(target.entry, target.page + 1, None, None))
        if found is None:
            return _Place(self._first_below(page, target), 0, title)
        self._taken.add(found.start)
        return found

    def _heading(self, title: str, units: range, target: Target) -> _Place | None:
        letters = letters_of(title)
        found: list[tuple[float, int, int]] = []
        for at in units if letters else ():
            count = self._matching_units(letters, at, units.stop)
            if count:
                distance = _distance(first_line(self._layout.units[at]), target)
                found.append((distance + _ELSEWHERE * (at in self._taken), at, count))
        if not found:
            return None
        _, at, count = min(found)
        lines = lines_of(self._layout.units[at : at + count])
        return _Place(at, count, plain(list(lines), self._layout.typography.words))

    def _matching_units(self, title: str, start: int, end: int) -> int:
        """Return how many units from `start` form the title; 0 if they do not."""
        together = ""
        for at in range(start, min(start + _MOST_LINES_OF_A_TITLE, end)):
            line = self._letters[at]
            if line is None:
                return 0
            together += line
            if _is_title(together, title):
                return at - start + 1
            if len(together) > len(title) + _LONGEST_NUMBERING:
                return 0
        return 0

    def _leads_to_the_end(self, page: range, target: Target) -> bool:
        return not page or (target.y is not None and self._first_below(page, target) == page.stop)

    def _first_below(self, page: range, target: Target) -> int:
        """Return the first unit at or below the target, or the first one of a later page."""
        if not page:
            following = [units.start for number, units in self._pages.items() if number > target.page]
            return min(following, default=len(self._layout.units))
        if target.y is None:
            return page.start
        for at in page:
            line = first_line(self._layout.units[at])
            if line.y <= target.y + _TOLERANCE and not line.rotated and (target.x is None or line.x1 >= target.x):
                return at
        return page.stop


def _pages(units: Sequence[Unit]) -> Mapping[int, range]:
    """Return the range of units of each page that has any."""
    pages: dict[int, range] = {}
    for at, unit in enumerate(units):
        page = first_line(unit).page
        pages[page] = range(pages[page].start if page in pages else at, at + 1)
    return pages


def _distance(line: Line, target: Target) -> float:
    """Return the distance of a line from a target, in points; larger type counts as nearer, because it is a heading."""
    far = abs(target.y - line.y - line.size) if target.y is not None else 0.0
    return far - _NEARER * line.size


def _is_title(text: str, title: str) -> bool:
    """Return whether both are equal apart from the number of the chapter, which either may omit."""
    if text == title:
        return True
    if text[-1:] != title[-1:] or abs(len(text) - len(title)) > _LONGEST_NUMBERING:
        return False
    longer, shorter = (text, title) if len(text) > len(title) else (title, text)
    if len(shorter) < _SHORTEST_TITLE or not longer.endswith(shorter):
        return False
    return _NUMBERING.fullmatch(longer.removesuffix(shorter)) is not None
