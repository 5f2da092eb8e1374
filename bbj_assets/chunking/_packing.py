"""Sections into pieces: which sections share a piece, where a long one is cut, and what is repeated there."""

import re
from itertools import takewhile
from typing import NamedTuple

from bbj_assets.chunking._header import header_limit
from bbj_assets.chunking._units import (
    Grain,
    Limits,
    Unit,
    closing_fence,
    finer,
    sentence_starts,
    units,
)
from bbj_assets.chunking.pieces import Piece
from bbj_assets.chunking.tokens import estimate_tokens
from bbj_assets.convert.markdown_blocks import Block
from bbj_assets.source import ChunkSettings

_Path = tuple[str, ...]


class Section(NamedTuple):
    """A run of headings with the content below the last of them.

    Attributes:
        path: the headings that the content stands under, outermost first, as plain text.
        blocks: the headings, then the content; at least one block.
        start: offset in the text.
        end: offset in the text.
        tokens: estimate for the whole section.
        has_content: whether there is a block that is not a heading.
    """

    path: _Path
    blocks: list[Block]
    start: int
    end: int
    tokens: int
    has_content: bool


def longest_heading(target: int) -> int:
    """Return the most tokens of a heading. A longer one is treated, and cut, as text."""
    return target // 4


class Packer:
    """Packs sections into pieces, in order: `add` each of them, then `finish`.

    The piece being filled covers the text from `_start` to `_end`; `_start` is None while it has no body.

    Args:
        text: the whole text.
        settings: the lengths.
        reserved: tokens that the context header takes of every piece, besides the piece's own headings.
        last: the last block of the text.
    """

    def __init__(self, text: str, settings: ChunkSettings, *, reserved: int, last: Block) -> None:
        self._text = text
        self._settings = settings
        self._reserved = reserved
        self._last = last
        self._substance = settings.target_tokens // 4  # a smaller piece takes in more, if it can
        self._longest_header = header_limit(settings)
        self._least_capacity = max(settings.target_tokens - self._longest_header, settings.target_tokens // 2)
        self._pieces: list[Piece] = []
        self._clear()

    def _clear(self) -> None:
        self._start: int | None = None
        self._end = 0
        self._tokens = 0
        self._path: _Path | None = None  # the headings common to all content so far
        self._headings: _Path = ()  # those of the last section, for a piece without content
        self._before = self._after = ""
        self._nested = False
        self._at_line_start = True
        self._units: list[Unit] = []  # units of the section being cut that the next piece may repeat

    def add(self, section: Section) -> None:
        """Pack a section, whole if possible."""
        # Measure the header only for sections near the limit; most are not.
        fits = self._tokens + section.tokens <= self._least_capacity
        capacity = self._least_capacity if fits else self._capacity(section.path)
        if self._start is not None and self._begins_piece(section, capacity):
            self._flush()
        if section.has_content and self._tokens + section.tokens > capacity:
            self._cut(section, capacity)
            return
        if self._start is None:
            self._start = section.start
        self._end = section.end
        self._tokens += section.tokens
        self._after = ""
        self._set_headings(section)

    def finish(self) -> list[Piece]:
        """Close the last piece, and a fence left open in it, and return all pieces."""
        if self._start is not None:
            last = self._last
            is_left_open = last.kind == "fence" and not last.is_closed_fence and not self._after
            if is_left_open and estimate_tokens(self._text[last.start : last.end]) <= self._settings.hard_limit:
                self._after = "\n" + closing_fence(self._text, last)
            self._flush()
        return self._pieces

    def _begins_piece(self, section: Section, capacity: int) -> bool:
        """Return whether the piece ends before this section: it holds enough, or the section fits only a new piece."""
        overfull = self._tokens + section.tokens > capacity
        if section.has_content:
            return self._tokens >= self._substance or (overfull and section.tokens <= capacity)
        at_the_end = section.end == self._last.end  # headings with nothing below them stay with the text above
        return overfull and not (at_the_end and self._path is not None)

    def _capacity(self, path: _Path) -> int:
        header = min(self._reserved + estimate_tokens(" > ".join(path)), self._longest_header)
        return max(self._settings.target_tokens - header, self._least_capacity)

    def _set_headings(self, section: Section) -> None:
        self._headings = section.path
        if section.has_content:
            self._path = section.path if self._path is None else _common(self._path, section.path)

    def _cut(self, section: Section, capacity: int) -> None:
        """Pack a section that is too long for one piece, unit by unit.

        A unit that does not fit is cut further if that helps; otherwise the piece ends before it, and the next
        piece begins with a little of the text before the cut.
        """
        text = self._text
        target, hard = self._settings.target_tokens, self._settings.hard_limit
        limits = Limits(capacity, hard, longest_heading(target))
        waiting = [unit for block in section.blocks for unit in units(text, block, limits)]
        waiting.reverse()
        self._units = []
        self._set_headings(section)
        remaining = section.tokens
        goal = _goal(self._tokens + remaining, capacity)
        opening: Unit | None = None
        while waiting:
            unit = waiting.pop()
            candidate = unit if opening is None else _joined(opening, unit)
            if unit.grain is Grain.OPENING and waiting:
                opening = candidate
                continue
            tokens = self._tokens + candidate.tokens
            if self._start is None and candidate.before and not self._before:
                tokens += estimate_tokens(candidate.before)
            closed = tokens + estimate_tokens(candidate.after) if candidate.after else tokens
            if closed > capacity or (self._start is not None and self._tokens >= goal):
                is_small = self._tokens < self._substance
                if self._start is None and self._before:  # the repeated text leaves too little room
                    self._before, self._tokens = "", 0
                    waiting.append(unit)
                    continue
                is_first = self._start is None
                if (unit.grain is Grain.PARAGRAPH and is_small) or (unit.grain is Grain.SENTENCE and is_first):
                    room = capacity - (opening.tokens if opening else 0)
                    waiting.extend(reversed(finer(text, unit, max(1, room))))
                    continue
                joins = is_small and unit.tokens > capacity and tokens <= hard
                if not is_first and not joins:
                    preceding = self._units
                    self._flush()
                    self._set_headings(section)
                    goal = _goal(remaining, capacity)
                    if not candidate.before:
                        self._repeat(preceding, candidate.start, capacity=capacity)
                    waiting.append(unit)
                    continue
            self._append(candidate, tokens)
            if opening:
                self._units = []  # overlap does not cross a heading
            self._units.append(unit)
            remaining -= candidate.tokens
            opening = None
            if unit.seals:
                self._flush()
                if waiting:
                    self._set_headings(section)
                    goal = _goal(remaining, capacity)

    def _append(self, unit: Unit, tokens: int) -> None:
        """Extend the piece by a unit; `tokens` is the estimate for the piece with it."""
        if self._start is None:
            self._start = unit.start
            self._nested |= unit.nested
            if not self._before:
                self._before = unit.before
                self._at_line_start = unit.before.endswith("\n") or self._begins_line(unit.start)
        self._end = unit.end
        self._after = unit.after
        self._tokens = tokens

    def _repeat(self, preceding: list[Unit], start: int, *, capacity: int) -> None:
        """Begin the piece that continues at `start` with the end of the preceding units: the overlap."""
        text = self._text
        budget = min(self._settings.overlap_tokens, capacity // 2)
        first, nested = start, False
        for unit in reversed(preceding):
            begins = [unit.start] if unit.grain in _REPEATABLE else []
            if unit.grain is Grain.PARAGRAPH:
                begins = sentence_starts(text, unit.start, unit.end)[::-1]
            fitting = list(takewhile(lambda at: estimate_tokens(text[at:start]) <= budget, begins))
            if fitting:
                first, nested = fitting[-1], unit.nested
            if len(fitting) < len(begins) or not begins:
                break
        if first < start:
            self._before = text[first:start]
            self._tokens = estimate_tokens(self._before)
            self._nested = nested
            self._at_line_start = self._begins_line(first)

    def _begins_line(self, position: int) -> bool:
        return position == 0 or self._text[position - 1] == "\n"

    def _flush(self) -> None:
        before, body, after = self._before, self._text[self._start : self._end], self._after
        if self._nested:
            before, body, after = _dedented(before, body, after, at_line_start=self._at_line_start)
        path = self._headings if self._path is None else self._path
        if body.strip():  # a form feed is a paragraph in CommonMark, but shows a reader nothing
            self._pieces.append(Piece(path, body, before, after))
        self._clear()


_REPEATABLE = (Grain.WHOLE, Grain.SENTENCE)
_INDENT = re.compile(r"^( *+)[^ \n]", re.MULTILINE)


def _goal(remaining: int, capacity: int) -> int:
    """Return how full a piece should be before the next one begins.

    What fits into one and a half pieces is cut into two even halves, so that no scrap is left at the end.
    """
    return (remaining + 1) // 2 if capacity < remaining <= capacity * 3 // 2 else capacity


def _joined(opening: Unit, unit: Unit) -> Unit:
    return unit._replace(
        start=opening.start,
        tokens=opening.tokens + unit.tokens,
        before=opening.before,
        nested=opening.nested or unit.nested,
    )


def _common(one: _Path, other: _Path) -> _Path:
    if one == other:
        return one
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return one[:length]


def _dedented(before: str, body: str, after: str, *, at_line_start: bool) -> tuple[str, str, str]:
    """Return the parts of a piece from inside a list without their common indent.

    Outside its list the indented text would be a code block.
    """
    content = f"{before}{body}{after}"
    if not at_line_start:  # the first line does not show the indent
        content = content.partition("\n")[2]
    width = min(map(len, _INDENT.findall(content)), default=0)
    if not width:
        return before, body, after
    margin = re.compile(rf"^ {{1,{width}}}", re.MULTILINE)
    return margin.sub("", before), margin.sub("", body), margin.sub("", after)
