"""Sections into pieces: what shares a piece, where a long section is cut, and what is repeated there."""

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
    """A run of headings with what stands under the last of them.

    Attributes:
        path: of the last heading, outermost first.
        blocks: the headings first; never none.
        tokens: of the whole.
        has_content: whether anything but headings is there.
    """

    path: _Path
    blocks: list[Block]
    start: int
    end: int
    tokens: int
    has_content: bool


def longest_heading(target: int) -> int:
    """In tokens. A longer one is text in the form of a heading, and is cut like text."""
    return target // 4


class Packer:
    """The pieces so far, and the one being filled: `start` to `end` of the text."""

    def __init__(self, text: str, settings: ChunkSettings, reserved: int, last: Block) -> None:
        self._text = text
        self._settings = settings
        self._reserved = reserved
        self._last = last
        self._substance = settings.target_tokens // 4  # a piece of less takes in more, if it can
        self._longest_header = header_limit(settings)
        self._least_capacity = max(settings.target_tokens - self._longest_header, settings.target_tokens // 2)
        self._pieces: list[Piece] = []
        self._clear()

    def _clear(self) -> None:
        self._start = self._end = -1  # no body yet
        self._tokens = 0
        self._path: _Path | None = None  # common to all content so far
        self._headings: _Path = ()  # of the last section, for a piece without content
        self._before = self._after = ""
        self._nested = False
        self._at_line_start = True
        self._units: list[Unit] = []  # of the section being cut, as far as the next piece may repeat them

    def add(self, section: Section) -> None:
        """Pack a section, whole if that is possible."""
        # The header is measured only for sections near the limit: most are not.
        fits = self._tokens + section.tokens <= self._least_capacity
        capacity = self._least_capacity if fits else self._capacity(section.path)
        if self._start >= 0 and self._leaves(section, capacity):
            self._flush()
        if section.has_content and self._tokens + section.tokens > capacity:
            self._cut(section, capacity)
            return
        if self._start < 0:
            self._start = section.start
        self._end = section.end
        self._tokens += section.tokens
        self._after = ""
        self._stand_under(section)

    def finish(self) -> list[Piece]:
        """All pieces."""
        if self._start >= 0:
            kind, start, end, is_closed = self._last
            is_left_open = kind == "fence" and not is_closed and not self._after
            if is_left_open and estimate_tokens(self._text[start:end]) <= self._settings.hard_limit:
                self._after = "\n" + closing_fence(self._text, self._last)
            self._flush()
        return self._pieces

    def _leaves(self, section: Section, capacity: int) -> bool:
        """Whether the section begins a piece of its own."""
        overfull = self._tokens + section.tokens > capacity
        if section.has_content:
            return self._tokens >= self._substance or (overfull and section.tokens <= capacity)
        at_the_end = section.end == self._last.end  # headings with nothing below them stay with what is above
        return overfull and not (at_the_end and self._path is not None)

    def _capacity(self, path: _Path) -> int:
        header = min(self._reserved + estimate_tokens(" > ".join(path)), self._longest_header)
        return max(self._settings.target_tokens - header, self._least_capacity)

    def _stand_under(self, section: Section) -> None:
        self._headings = section.path
        if section.has_content:
            self._path = section.path if self._path is None else _common(self._path, section.path)

    def _cut(self, section: Section, capacity: int) -> None:
        """Pack a section that is too long for one piece, unit by unit."""
        text = self._text
        target, hard = self._settings.target_tokens, self._settings.hard_limit
        limits = Limits(capacity, hard, longest_heading(target))
        waiting = [unit for block in section.blocks for unit in units(text, block, limits)]
        waiting.reverse()
        self._units = []
        self._stand_under(section)
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
            if self._start < 0 and candidate.before and not self._before:
                tokens += estimate_tokens(candidate.before)
            closed = tokens + estimate_tokens(candidate.after) if candidate.after else tokens
            if closed > capacity or (self._start >= 0 and self._tokens >= goal):
                is_small = self._tokens < self._substance
                if self._start < 0 and self._before:  # what is repeated leaves too little room
                    self._before, self._tokens = "", 0
                    waiting.append(unit)
                    continue
                if (unit.grain is Grain.PARAGRAPH and is_small) or (unit.grain is Grain.SENTENCE and self._start < 0):
                    room = capacity - (opening.tokens if opening else 0)
                    waiting.extend(reversed(finer(text, unit, max(1, room))))
                    continue
                joins = is_small and unit.tokens > capacity and tokens <= hard
                if self._start >= 0 and not joins:
                    said = self._units
                    self._flush()
                    self._stand_under(section)
                    goal = _goal(remaining, capacity)
                    if not candidate.before:
                        self._repeat(said, candidate.start, capacity)
                    waiting.append(unit)
                    continue
            self._append(candidate, tokens)
            if opening:
                self._units = []  # overlap does not reach over a heading
            self._units.append(unit)
            remaining -= candidate.tokens
            opening = None
            if unit.seals:
                self._flush()
                if waiting:
                    self._stand_under(section)
                    goal = _goal(remaining, capacity)

    def _append(self, unit: Unit, tokens: int) -> None:
        if self._start < 0:
            self._start = unit.start
            self._nested |= unit.nested
            if not self._before:
                self._before = unit.before
                self._at_line_start = unit.before.endswith("\n") or self._begins_line(unit.start)
        self._end = unit.end
        self._after = unit.after
        self._tokens = tokens

    def _repeat(self, said: list[Unit], start: int, capacity: int) -> None:
        """Begin the piece that goes on at `start` with the end of what was said before."""
        text = self._text
        budget = min(self._settings.overlap_tokens, capacity // 2)
        first, nested = start, False
        for unit in reversed(said):
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
        if body.strip():  # a form feed is a paragraph to CommonMark, and nothing to a reader
            self._pieces.append(Piece(path, body, before, after))
        self._clear()


_REPEATABLE = (Grain.WHOLE, Grain.SENTENCE)
_INDENT = re.compile(r"^( *+)[^ \n]", re.MULTILINE)


def _goal(remaining: int, capacity: int) -> int:
    """How full a piece should be before the next one begins: two even halves rather than a scrap at the end."""
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
    """The parts of a piece from inside a list, moved to the left margin: alone it would be indented code."""
    content = f"{before}{body}{after}"
    if not at_line_start:  # its first line says nothing of the margin
        content = content.partition("\n")[2]
    width = min(map(len, _INDENT.findall(content)), default=0)
    if not width:
        return before, body, after
    margin = re.compile(rf"^ {{1,{width}}}", re.MULTILINE)
    return margin.sub("", before), margin.sub("", body), margin.sub("", after)
