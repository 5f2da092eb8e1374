"""Words into lines: what stands on one baseline, with no gap that a reader would take for a border.

Words come in the order in which the page draws them. That order is nearly always the order of reading within a
paragraph and within a cell, so a line is never made of words that the page draws far apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter

from bbj_assets.convert.pdf.geometry import Line, Span, Word, on_one_baseline
from bbj_assets.convert.pdf.reading import Page

_GAP = 0.9
"""Of the font size: a wider space may be the border of a cell or a column. Justified lines stay below it."""

_GAP_IN_CODE = 30
"""Spaces in a line of code; programs align their comments."""

_SPACE = 0.12
"""Of the font size: a narrower space is the kerning of a word that is set in pieces."""

_SCRIPT = 0.85
"""A superscript is at most this large."""

_TEXT, _MONO = itemgetter(0), itemgetter(1)


def page_lines(number: int, page: Page) -> list[Line]:
    """The lines of a page in the order in which it draws them; those that are turned come last.

    Args:
        number: of the page, from 0.
        page: as it was read.
    """
    by_rotation: dict[int, list[Word]] = defaultdict(list)
    for word in page.words:
        by_rotation[word.style.rotation].append(word)
    upright = [_line(number, run, rotated=False) for run in _runs(by_rotation.pop(page.rotation, []))]
    rotated = [_line(number, run, rotated=True) for _, words in sorted(by_rotation.items()) for run in _runs(words)]
    return upright + rotated


def joined(lines: Sequence[Line]) -> Line:
    """Lines beside each other, from left to right, as one."""
    spans = list(lines[0].spans)
    for line in lines[1:]:
        spans.append(Span(" ", mono=False))
        spans += line.spans
    whole = replace(
        lines[0],
        x1=max(line.x1 for line in lines),
        size=max(lines, key=lambda line: len(line.text)).size,
        bold=all(line.bold for line in lines),
        mono=all(line.mono for line in lines),
        hang=lines[1].x0 if len(lines) > 1 else lines[0].hang,
    )
    return with_spans(whole, spans)


def with_spans(line: Line, spans: Iterable[tuple[str, bool]]) -> Line:
    """The line at its place, saying something else."""
    merged = _merged(spans)
    return replace(line, spans=merged, text="".join(span.text for span in merged))


def rows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines that follow each other on one baseline, from left to right."""
    row: list[Line] = []
    for line in lines:
        if row and not (on_one_baseline(row[-1], line) and line.x0 >= row[-1].x1 - 0.3 * line.size):
            yield row
            row = []
        row.append(line)
    if row:
        yield row


@dataclass(slots=True)
class _Run:
    """The words of a line that is being read."""

    words: list[Word] = field(default_factory=list)
    y: float = 0.0
    x1: float = 0.0
    size: float = 0.0
    mono: bool = True

    def takes(self, word: Word) -> bool:
        last = self.words[-1]
        if last.hyphen:
            return False
        size = max(self.size, word.style.size, 1.0)
        lift = word.y - self.y
        if abs(lift) > 0.15 * size:
            smaller = min(self.size, word.style.size) <= _SCRIPT * size
            if not (smaller and abs(lift) < 0.6 * size):
                return False
        gap = word.x0 - self.x1
        if gap < -0.35 * size:
            return False
        if self.mono and word.style.mono and abs(word.style.size - self.size) < 0.5:
            return gap < _GAP_IN_CODE * max((last.x1 - last.x0) / len(last.text), 1.0)
        return gap < _GAP * size

    def add(self, word: Word) -> None:
        if not self.words or word.style.size > self.size:  # what is smaller may be a superscript
            self.y, self.size = word.y, word.style.size
        self.mono = self.mono and word.style.mono
        self.x1 = max(self.x1, word.x1) if self.words else word.x1
        self.words.append(word)


def _runs(words: Sequence[Word]) -> Iterator[_Run]:
    run = _Run()
    for word in words:
        if run.words and not run.takes(word):
            beside = abs(word.y - run.y) <= 0.15 * run.size and word.x0 >= run.x1
            yield from _parted(run, is_code=run.mono and not (beside and not word.style.mono))
            run = _Run()
        run.add(word)
    if run.words:
        yield from _parted(run, is_code=run.mono)


def _parted(run: _Run, *, is_code: bool) -> Iterator[_Run]:
    """A line of code as it is; what only begins like one, as a term does, without the wide gaps of code."""
    piece = _Run()
    for word in run.words:
        if piece.words and not is_code and word.x0 - piece.x1 >= _GAP * run.size:
            yield piece
            piece = _Run()
        piece.add(word)
    yield piece


def _line(page: int, run: _Run, *, rotated: bool) -> Line:
    words = run.words
    sizes: dict[float, int] = defaultdict(int)
    for word in words:
        sizes[word.style.size] += len(word.text)
    size = max(sizes, key=lambda size: sizes[size])
    letters = sum(len(word.text) for word in words)
    width = sum(word.x1 - word.x0 for word in words) / max(letters, 1)
    spans: list[tuple[str, bool]] = []
    first_end = None
    for at, word in enumerate(words):
        if at:
            before = words[at - 1]
            gap = word.x0 - before.x1
            spaces = 1 if word.spaced or gap > _SPACE * size else 0
            if spaces and first_end is None:
                first_end = before.x1
            if spaces and run.mono and width > 0:
                spaces = max(round(gap / width), 1)
            if spaces:
                spans.append((" " * spaces, word.style.mono and before.style.mono))
        spans.append((word.text, word.style.mono))
    merged = _merged(spans)
    return Line(
        page=page,
        x0=words[0].x0,
        x1=run.x1,
        y=run.y,
        size=size,
        bold=all(word.style.bold for word in words),
        mono=run.mono,
        text="".join(span.text for span in merged),
        spans=merged,
        first_width=(first_end or run.x1) - words[0].x0,
        rotated=rotated,
    )


def _merged(spans: Iterable[tuple[str, bool]]) -> tuple[Span, ...]:
    return tuple(Span("".join(map(_TEXT, group)), mono) for mono, group in groupby(spans, _MONO))
