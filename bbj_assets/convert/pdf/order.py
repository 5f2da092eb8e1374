"""The order in which the lines of a page are read.

The order in which a page draws them is right within a column, and mostly right between columns. It is wrong for
text that is drawn last but stands on top, and for a left column that is drawn after the right one. So lines that are
drawn downwards one after the other stay together (a run), and runs are sorted: the upper one first, then the left
one, and otherwise in the order of drawing.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.geometry import Line
from bbj_assets.convert.pdf.lines import rows

_MOST_RUNS = 400
"""A page with more runs is a drawing; its labels have no order."""

_RISE = 0.3
"""Font sizes by which the next row of a run may stand higher."""

_ASCENT, _DESCENT = 0.7, 0.2
"""Font sizes that the letters of a line reach above and below its baseline."""

_OVERLAP = 0.1
"""Share of the narrower run that must be above or below the other."""

_TOLERANCE = 2
"""Points by which the boxes of separate runs may overlap."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Lines that go down the page, and the box around them."""

    lines: tuple[Line, ...]
    x0: float
    x1: float
    top: float
    bottom: float


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """Return the lines of one page in reading order; rotated lines come last."""
    upright = [line for line in lines if not line.rotated]
    runs = _downward_runs(upright)
    if 1 < len(runs) <= _MOST_RUNS:
        runs = _sorted(_with_gaps_opened(runs))
    return [line for run in runs for line in run.lines] + [line for line in lines if line.rotated]


def _downward_runs(lines: Sequence[Line]) -> list[_Run]:
    runs: list[_Run] = []
    current: list[Line] = []
    last: list[Line] = []
    for row in rows(lines):
        if last and (row[0].y > last[-1].y + _RISE * row[0].size or not _overlap(_box(row), _box(last))):
            runs.append(_box(current))
            current = []
        current += row
        last = row
    if current:
        runs.append(_box(current))
    return runs


def _box(lines: Sequence[Line]) -> _Run:
    return _Run(
        tuple(lines),
        min(line.x0 for line in lines),
        max(line.x1 for line in lines),
        max(line.y + _ASCENT * line.size for line in lines),
        min(line.y - _DESCENT * line.size for line in lines),
    )


def _overlap(one: _Run, other: _Run) -> bool:
    """Return whether one stands above the other, rather than beside it."""
    shared = min(one.x1, other.x1) - max(one.x0, other.x0)
    return shared > _OVERLAP * min(one.x1 - one.x0, other.x1 - other.x0)


def _with_gaps_opened(runs: list[_Run]) -> list[_Run]:
    """Return the runs, divided where another run stands between two of their lines."""
    opened = []
    for run in runs:
        pieces = [run]
        for other in runs:
            if other is run:
                continue
            last = pieces[-1]
            if last.top > other.top and last.bottom < other.bottom and _overlap(last, other):
                above = [line for line in last.lines if line.y > other.top]
                below = [line for line in last.lines if line.y < other.bottom]
                if len(above) + len(below) == len(last.lines) and above and below:
                    pieces[-1:] = [_box(above), _box(below)]
        opened += pieces
    return opened


def _sorted(runs: list[_Run]) -> list[_Run]:
    """Sort the runs by `_order`; where it does not decide, as drawn."""
    after: list[list[int]] = [[] for _ in runs]
    waits_for = [0] * len(runs)
    for first, one in enumerate(runs):
        for second in range(first + 1, len(runs)):
            order = _order(one, runs[second])
            if order:
                before, behind = (first, second) if order < 0 else (second, first)
                after[before].append(behind)
                waits_for[behind] += 1
    ready = [at for at, count in enumerate(waits_for) if count == 0]
    waiting = {at for at, count in enumerate(waits_for) if count}
    done: list[_Run] = []
    while ready or waiting:
        if not ready:  # the rules contradict each other here
            ready.append(min(waiting))
            waiting.discard(ready[0])
        at = heapq.heappop(ready)
        done.append(runs[at])
        for behind in after[at]:
            waits_for[behind] -= 1
            if waits_for[behind] == 0 and behind in waiting:
                waiting.discard(behind)
                heapq.heappush(ready, behind)
    return done


def _order(one: _Run, other: _Run) -> int:
    """Return -1 when `one` must come first, 1 when `other` must, 0 when either may."""
    one_above = one.bottom >= other.top - _TOLERANCE
    other_above = other.bottom >= one.top - _TOLERANCE
    if _overlap(one, other):
        return -1 if one_above and not other_above else 1 if other_above and not one_above else 0
    if one_above or other_above:
        return 0
    return -1 if one.x1 <= other.x0 + _TOLERANCE else 1 if other.x1 <= one.x0 + _TOLERANCE else 0
