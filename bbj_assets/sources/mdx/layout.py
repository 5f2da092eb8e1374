"""Positions in the source of a page: lines, table rows, closing tags, code spans.

Answers are cached for the line or block that they concern. A page of one long line would otherwise be read again
from its beginning for every tag in it.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_CLOSING_TAG = re.compile(r"</([A-Za-z_$][\w$.:-]*|)\s*>")
_BLOCK_START = re.compile(r"\n[ \t>]*(?:\n|\Z|[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t]|\||`{3}|~{3}|:::)")
_ROW_OR_HEADING = re.compile(r"[ \t>]*(?:\||#{1,6}[ \t])")
_QUOTE = re.compile(r"[ \t]*>")
_BACKTICKS = re.compile(r"`+")
_BLANK_REST = re.compile(r"[ \t]*(?=\n|\Z)")
_CHILD_INDENTATION = re.compile(r"[ \t]*\n(?:[ \t]*\n)*(?P<spaces> *)(?=\S)")
_BLANKS = re.compile(r"[ \t]*")
_WHITE_SPACE = re.compile(r"\s*")


class _Line(NamedTuple):
    """The line from `start` up to `end`, and whether it is a table row or a heading."""

    start: int
    end: int
    is_row_or_heading: bool


class _Block(NamedTuple):
    """A paragraph, list item or row, and the positions of its runs of backticks by their length."""

    start: int
    end: int
    backticks: Mapping[int, Sequence[int]]


class Layout:
    """Answers questions about positions in one text, which begins with a newline."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = _Line(0, 0, is_row_or_heading=False)  # an empty range holds no position
        self._block = _Block(0, 0, {})
        self._closing_tags: dict[str, list[int]] | None = None

    def closing_tag(self, name: str, start: int) -> int | None:
        """Return the position of the next closing tag with this name, or None."""
        if self._closing_tags is None:
            self._closing_tags = {}
            for tag in _CLOSING_TAG.finditer(self._text):
                self._closing_tags.setdefault(tag[1], []).append(tag.start())
        positions = self._closing_tags.get(name, [])
        following = bisect_left(positions, start)
        return positions[following] if following < len(positions) else None

    def code_span_end(self, start: int, end: int) -> int:
        """Return the end of the code span that the backticks from `start` to `end` open.

        Without a code span, that is the end of the backticks. A span ends within its paragraph, list item or row.
        """
        first, last, backticks = self._block
        if not first <= start < last:
            stop = _BLOCK_START.search(self._text, end)
            last = stop.start() if stop else len(self._text)
            found: dict[int, list[int]] = {}
            for run in _BACKTICKS.finditer(self._text, start, last):
                found.setdefault(run.end() - run.start(), []).append(run.start())
            backticks = found
            self._block = _Block(start, last, backticks)
        candidates = backticks.get(end - start, [])
        following = bisect_right(candidates, start)
        return candidates[following] + end - start if following < len(candidates) else end

    def in_line(self, position: int) -> bool:
        """Return whether the position is in a table row or a heading, where no line can be broken."""
        first, last, answer = self._line
        if not first <= position < last:
            first = self._text.rfind("\n", 0, position) + 1
            last = self._text.find("\n", position)
            last = len(self._text) if last < 0 else last
            line = self._text[first:last]
            answer = bool(_ROW_OR_HEADING.match(line)) or (" | " in line and line.lstrip()[:1] != "<")
            self._line = _Line(first, last, answer)
        return answer

    def in_quote(self, position: int) -> bool:
        """Return whether the position is in a quote. Every line of a quote begins with its mark."""
        return _QUOTE.match(self._text, self._text.rfind("\n", 0, position) + 1) is not None

    def end_of_blank_rest(self, position: int) -> int | None:
        """Return the end of the line when only spaces are left on it, else None."""
        rest = _BLANK_REST.match(self._text, position)
        return rest.end() if rest else None

    def skip_blanks(self, position: int) -> int:
        """Return the position of the next character of the line that is no space, or the end of the line."""
        blanks = _BLANKS.match(self._text, position)
        return blanks.end() if blanks else position

    def skip_white_space(self, position: int) -> int:
        """Return the position of the next character that is no white space."""
        space = _WHITE_SPACE.match(self._text, position)
        return space.end() if space else position

    def indentation_within(self, start: int, end: int) -> int:
        """Return by how many columns the first child is indented below the tag from `start` to `end`.

        Authors indent children for the eye. Markdown would read the indentation as code.
        """
        child = _CHILD_INDENTATION.match(self._text, end)
        column = start - self._text.rfind("\n", 0, start) - 1
        return max(0, len(child["spaces"]) - column) if child else 0
