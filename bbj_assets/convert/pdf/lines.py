"""Words into lines: words on one baseline, without a gap that a reader would take for a border.

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
"""Font sizes: a wider space may be the border of a cell or a column. Justified lines stay below it."""

_GAP_IN_CODE = 30
"""Widths of a character in a line of code; programs align their comments."""

_SPACE = 0.12
"""Font sizes: a narrower space is kerning within a word that is drawn in parts."""

_SCRIPT = 0.85
"""Times the size of the text beside it: the largest superscript or subscript."""

_SCRIPT_LIFT = 0.6
"""Font sizes by which a superscript or subscript is off the baseline, at most."""

_SAME_BASELINE = 0.15
"""Font sizes by which baselines within a line differ."""

_OVERLAP = 0.35
"""Font sizes by which a word may begin before the end of the word before it."""

_OVERLAP_IN_ROW = 0.3
"""Font sizes: the same for lines beside each other."""

_SAME_SIZE = 0.5
"""Points by which the sizes of one line of code differ."""

_TEXT, _MONO = itemgetter(0), itemgetter(1)


def page_lines(number: int, page: Page) -> list[Line]:
    """Return the lines of a page in the order in which it draws them; rotated lines come last.

    Args:
        number: index of the page, from 0.
        page: its words.
    """
    by_rotation: dict[int, list[Word]] = defaultdict(list)
    for word in page.words:
        by_rotation[word.style.rotation].append(word)
    upright = [_line(number, run, rotated=False) for run in _runs(by_rotation.pop(page.rotation, []))]
    rotated = [_line(number, run, rotated=True) for _, words in sorted(by_rotation.items()) for run in _runs(words)]
    return upright + rotated


def joined(lines: Sequence[Line]) -> Line:
    """Join lines beside each other, from left to right, to one line."""
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
    """Return the line with other text at the same place."""
    merged = _merged(spans)
    return replace(line, spans=merged, text="".join(span.text for span in merged))


def rows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield the groups of consecutive lines that stand on one baseline, from left to right."""
    row: list[Line] = []
    for line in lines:
        if row and not (on_one_baseline(row[-1], line) and line.x0 >= row[-1].x1 - _OVERLAP_IN_ROW * line.size):
            yield row
            row = []
        row.append(line)
    if row:
        yield row


@dataclass(slots=True)
class _Run:
    """The words of the current line."""

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
        if abs(lift) > _SAME_BASELINE * size:
            smaller = min(self.size, word.style.size) <= _SCRIPT * size
            if not (smaller and abs(lift) < _SCRIPT_LIFT * size):
                return False
        gap = word.x0 - self.x1
        if gap < -_OVERLAP * size:
            return False
        if self.mono and word.style.mono and abs(word.style.size - self.size) < _SAME_SIZE:
            return gap < _GAP_IN_CODE * max((last.x1 - last.x0) / len(last.text), 1.0)
        return gap < _GAP * size

    def add(self, word: Word) -> None:
        if not self.words or word.style.size > self.size:  # smaller text may be a superscript
            self.y, self.size = word.y, word.style.size
        self.mono = self.mono and word.style.mono
        self.x1 = max(self.x1, word.x1) if self.words else word.x1
        self.words.append(word)


def _runs(words: Sequence[Word]) -> Iterator[_Run]:
    run = _Run()
    for word in words:
        if run.words and not run.takes(word):
            beside = abs(word.y - run.y) <= _SAME_BASELINE * run.size and word.x0 >= run.x1
            yield from _parted(run, is_code=run.mono and not (beside and not word.style.mono))
            run = _Run()
        run.add(word)
    if run.words:
        yield from _parted(run, is_code=run.mono)


def _parted(run: _Run, *, is_code: bool) -> Iterator[_Run]:
    """Yield a line of code as it is; a line that only begins like code, such as a term, divided at its wide gaps."""
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
