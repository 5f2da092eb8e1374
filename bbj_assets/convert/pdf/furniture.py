"""Running headers, footers and page numbers: lines that stand in the same place on page after page.

A line is removed only when every line farther out on its page is removed too, so that the text between is never
touched. Position alone does not decide: the first line of the text stands in the same place on every page. Words
alone do not decide either: reference pages that all begin with "Name" do so in the same place.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bbj_assets.convert.pdf.geometry import Line, letters_of
from bbj_assets.convert.pdf.page_numbers import page_numbers, without_numbers

_DEPTH = 6
"""Rows from the edge that are considered; addresses in footers have five lines."""

_SAME_PLACE = 2.5
"""Points; headers of left and right pages differ in their x, never in their y."""

_APART = 1.7
"""Font sizes: a header is farther from the text than lines of the text are from each other."""

_APART_ON_MOST_PAGES = 1.4
"""The same for text on most pages; it still must not be a line of a paragraph."""

_USUAL_SHARE = 0.3
"""Share of the rows of a slot that must hold a number for it to be the page number; see `_judge_numbers`."""

_MOST_PAGES = 0.6
"""Share of the pages (of the left or of the right ones, for a text of one side) that count as most pages."""

_REPEATS = 3
"""Pages on which a text must be for a repetition."""

_FEWEST_MARKED, _MARKED_SHARE = 5, 0.7
"""Number and share of the rows of a slot: if as many are furniture, so are the others that are apart from the text."""

_NEIGHBOUR_SHARE = 0.7
"""Share of the pages of a repetition that must follow each other."""

_BODY_SIZE = 1.05
"""Times the size of the text: text of this size or less is not a heading. The margin is for rounding."""

_NO_ROW_INSIDE = 99.0
"""Font sizes: the gap of the innermost row of a page, which is more than any threshold."""

_NEIGHBOURS = (-2, -1, 1, 2)
"""Steps from a page to its neighbours: the pages beside it, and the nearest of the same side (left or right)."""

_CELL = 4
"""Points: the grid on which places of rotated text are compared."""

_HEADING_NUMBER = re.compile(r"^(?:chapter|appendix|section|part)?\d*")

_SHORT = 12
"""Characters of a page number with its ornaments: "- 12 -", "Page 12"."""

_LARGEST = 1.3
"""Times the size of the text: the largest page number; the heading "Chapter 2" of page 2 is larger."""


@dataclass(slots=True)
class _Row:
    """A row near the top or the bottom of a page.

    Attributes:
        page: index of the page.
        edge: "top" or "bottom".
        depth: rows between it and the edge.
        gap: to the next row on the inner side, in font sizes; for a repeating row, beyond the repeating rows inside it.
        slot: a number that rows at the same height on their pages share.
        repeats: rows at the same height on other pages have the same text, apart from numbers.
        is_furniture: it is to be removed.
        is_sure: it is furniture even if its text occurs nowhere else.
    """

    page: int
    edge: str
    depth: int
    y: float
    lines: tuple[int, ...]
    text: str
    size: float
    gap: float
    slot: int = 0
    repeats: bool = False
    is_furniture: bool = False
    is_sure: bool = False


def furniture(
    pages: Sequence[Sequence[Line]], body_size: float, kept: Collection[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Return the furniture, as pairs of (page, index of the line on it).

    Args:
        pages: the lines of every page.
        body_size: the font size of most of the text, in points.
        kept: lines that are known to be text, such as those that the outline leads to.
    """
    found = _repeated_rotated_lines(pages)
    if len(pages) < 2:
        return found
    judged: list[_Row] = []
    for edge in ("top", "bottom"):
        rows = [row for page, lines in enumerate(pages) for row in _edge_rows(page, lines, edge)]
        rows = [row for row in rows if not any((row.page, at) in kept for at in row.lines)]
        _number_slots(rows)
        _measure_beyond_repetition(rows)
        open_pages = {row.page: 0 for row in rows}
        for depth in range(_DEPTH):
            at_depth = [row for row in rows if row.depth == depth and open_pages.get(row.page) == depth]
            _judge(at_depth, len(pages), body_size)
            for row in at_depth:
                if row.is_furniture:
                    open_pages[row.page] = depth + 1
        judged += rows
    unsure = [row for row in judged if row.is_furniture and not row.is_sure]
    found |= {(row.page, at) for row in judged if row.is_furniture for at in row.lines}
    return found - set(_only_occurrences(pages, found, unsure))


def _only_occurrences(
    pages: Sequence[Sequence[Line]], found: Collection[tuple[int, int]], unsure: Iterable[_Row]
) -> Iterator[tuple[int, int]]:
    """Yield the first of each group of repeating lines whose text occurs nowhere else.

    These are mostly the caption and the head of a table. A running title occurs as the heading of its chapter.
    """
    texts = {
        _HEADING_NUMBER.sub("", letters_of(line.text))
        for page, lines in enumerate(pages)
        for at, line in enumerate(lines)
        if (page, at) not in found
    }
    for row in sorted(unsure, key=lambda row: row.page):
        for at in row.lines:
            letters = _HEADING_NUMBER.sub("", letters_of(pages[row.page][at].text))
            if letters not in texts:
                texts.add(letters)
                yield row.page, at


def _edge_rows(page: int, lines: Sequence[Line], edge: str) -> list[_Row]:
    """Return the outermost rows of a page, from its edge inwards."""
    order = sorted((at for at, line in enumerate(lines) if not line.rotated), key=lambda at: -lines[at].y)
    rows: list[list[int]] = []
    for at in order:
        if rows and lines[rows[-1][0]].y - lines[at].y <= _SAME_PLACE:
            rows[-1].append(at)
        else:
            rows.append([at])
    if edge == "bottom":
        rows.reverse()
    found = []
    for depth, row in enumerate(rows[:_DEPTH]):
        row.sort(key=lambda at: lines[at].x0)
        y = lines[row[0]].y
        size = max(lines[at].size for at in row) or 1.0
        gap = abs(y - lines[rows[depth + 1][0]].y) / size if depth + 1 < len(rows) else _NO_ROW_INSIDE
        text = " ".join(lines[at].text for at in row)
        found.append(_Row(page, edge, depth, y, tuple(row), text, size, gap))
    return found


def _number_slots(rows: Sequence[_Row]) -> None:
    """Number the slots: rows at nearly the same height share one."""
    slot, last = 0, float("-inf")
    for row in sorted(rows, key=lambda row: row.y):
        if row.y - last > _SAME_PLACE:
            slot += 1
        last = row.y
        row.slot = slot


def _measure_beyond_repetition(rows: Sequence[_Row]) -> None:
    """Set the gap of rows that repeat together, such as the lines of an address, to that between them and the text."""
    pages: dict[tuple[int, str], set[int]] = defaultdict(set)
    for row in rows:
        pages[row.slot, without_numbers(row.text)].add(row.page)
    for row in rows:
        row.repeats = len(pages[row.slot, without_numbers(row.text)]) >= _REPEATS
    beyond = 0.0
    for inner, row in pairwise(reversed(rows)):  # from the inside to the outside of each page
        if inner.page != row.page or not row.repeats:
            beyond = 0.0
        elif not inner.repeats:  # the text begins here; on a page that repeats as a whole it begins nowhere
            beyond = row.gap
        row.gap = max(row.gap, beyond)


def _judge(rows: Sequence[_Row], page_count: int, body_size: float) -> None:
    """Mark the rows of one depth that are furniture."""
    by_slot: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        by_slot[row.slot].append(row)
    for slot in by_slot.values():
        _judge_numbers(slot, page_count, body_size)
        _judge_repetition(slot, page_count, body_size)
        marked = sum(row.is_furniture for row in slot)
        if marked >= _FEWEST_MARKED and marked >= _MARKED_SHARE * len(slot):
            for row in slot:  # the others are running titles that stand on one page only
                row.is_furniture |= row.gap >= _APART and row.size <= _BODY_SIZE * body_size


def _judge_numbers(rows: Sequence[_Row], page_count: int, body_size: float) -> None:
    """Mark rows that hold a number which increases with the pages.

    In a long manual the number of a footnote or of a version does that too on three or four pages, by chance. So the
    number must be in a good share of the slot; or the row must be little more than the number, on pages that follow
    each other.
    """
    numbered: dict[tuple[str, int], list[_Row]] = defaultdict(list)
    for row in rows:
        for kind, number in page_numbers(row.text):
            numbered[kind, number - row.page].append(row)
    for same in numbered.values():
        pages = {row.page for row in same}
        if len(pages) < (2 if page_count < 2 * _REPEATS else _REPEATS):
            continue
        is_usual = len(pages) >= _USUAL_SHARE * len(rows)
        for row in same:
            short = len(row.text) <= _SHORT
            if row.size <= _LARGEST * body_size and (
                (is_usual and (short or row.gap >= _APART)) or (short and _follow_each_other(pages))
            ):
                row.is_furniture = row.is_sure = True


def _judge_repetition(rows: Sequence[_Row], page_count: int, body_size: float) -> None:
    """Mark rows with the same text, apart from numbers, on pages that follow each other or on every other page.

    "Arguments" begins 194 of the 2,415 pages of R's reference manual, here and there, and each time it is a heading.
    """
    by_text: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_text[without_numbers(row.text)].append(row)
    for same in by_text.values():
        on_pages = {row.page for row in same}
        if len(on_pages) < _REPEATS or not _follow_each_other(on_pages):
            continue
        one_side = len({page % 2 for page in on_pages}) == 1
        on_most_pages = len(on_pages) >= _MOST_PAGES * page_count / (1 + one_side)
        apart, largest = (_APART_ON_MOST_PAGES, _LARGEST) if on_most_pages else (_APART, _BODY_SIZE)
        for row in same:
            if row.gap >= apart and row.size <= largest * body_size:
                row.is_furniture = True
                row.is_sure |= on_most_pages


def _follow_each_other(pages: Collection[int]) -> bool:
    """Return whether most of these pages have another one of them as a neighbour."""
    neighbours = sum(any(page + step in pages for step in _NEIGHBOURS) for page in pages)
    return neighbours >= _NEIGHBOUR_SHARE * len(pages)


def _repeated_rotated_lines(pages: Iterable[Sequence[Line]]) -> set[tuple[int, int]]:
    """Return rotated lines that repeat: text at the side of the pages, and watermarks."""
    places: dict[tuple[str, int, int], set[tuple[int, int]]] = defaultdict(set)
    for page, lines in enumerate(pages):
        for at, line in enumerate(lines):
            if line.rotated:
                places[without_numbers(line.text), round(line.x0 / _CELL), round(line.y / _CELL)].add((page, at))
    return {place for found in places.values() if len({page for page, _ in found}) >= _REPEATS for place in found}
