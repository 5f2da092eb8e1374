"""Where things are in the source of a page: lines, table rows, closing tags, code spans.

Answers are remembered for the line or block they are about, because a page of one long line would
otherwise be read again from its beginning for every tag in it.
"""

import re
from bisect import bisect_left, bisect_right

_CLOSER = re.compile(r"</([A-Za-z_$][\w$.:-]*|)\s*>")
_BLOCK_START = re.compile(r"\n[ \t>]*(?:\n|\Z|[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t]|\||`{3}|~{3}|:::)")
_ROW_OR_HEADING = re.compile(r"[ \t>]*(?:\||#{1,6}[ \t])")
_QUOTE = re.compile(r"[ \t]*>")
_RUN = re.compile(r"`+")
_REST_OF_LINE = re.compile(r"[ \t]*(?=\n|\Z)")
_CHILD_INDENTATION = re.compile(r"[ \t]*\n(?:[ \t]*\n)*(?P<spaces> *)(?=\S)")
_BLANKS = re.compile(r"[ \t]*")
_SPACES = re.compile(r"\s*")


class Layout:
    """The places in one text, which begins with a newline."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = (0, -1, False)
        self._block: tuple[int, int, dict[int, list[int]]] = (0, -1, {})
        self._closers: dict[str, list[int]] | None = None

    def closer(self, name: str, start: int) -> int:
        """The position of the next closing tag of that name, or -1."""
        if self._closers is None:
            self._closers = {}
            for closer in _CLOSER.finditer(self._text):
                self._closers.setdefault(closer[1], []).append(closer.start())
        positions = self._closers.get(name, [])
        following = bisect_left(positions, start)
        return positions[following] if following < len(positions) else -1

    def code_span_end(self, start: int, end: int) -> int:
        """Where the code span ends that the backticks from `start` to `end` open; `end` when they open none.

        A span ends within its paragraph, list item or row.
        """
        first, last, runs = self._block
        if not first <= start < last:
            stop = _BLOCK_START.search(self._text, end)
            last = stop.start() if stop else len(self._text)
            runs = {}
            for run in _RUN.finditer(self._text, start, last):
                runs.setdefault(run.end() - run.start(), []).append(run.start())
            self._block = (start, last, runs)
        candidates = runs.get(end - start, [])
        following = bisect_right(candidates, start)
        return candidates[following] + end - start if following < len(candidates) else end

    def in_line(self, position: int) -> bool:
        """Whether the position is in a table row or a heading, where no line can be broken."""
        first, last, answer = self._line
        if not first <= position < last:
            first = self._text.rfind("\n", 0, position) + 1
            last = self._text.find("\n", position)
            last = len(self._text) if last < 0 else last
            line = self._text[first:last]
            answer = bool(_ROW_OR_HEADING.match(line)) or (" | " in line and line.lstrip()[:1] != "<")
            self._line = (first, last, answer)
        return answer

    def in_quote(self, position: int) -> bool:
        """Whether the line of the position is one of a quote, whose mark is on every line of it."""
        return _QUOTE.match(self._text, self._text.rfind("\n", 0, position) + 1) is not None

    def rest_of_line(self, position: int) -> int:
        """The position of the line's end when only spaces are left on it, else -1."""
        rest = _REST_OF_LINE.match(self._text, position)
        return rest.end() if rest else -1

    def past_blanks(self, position: int) -> int:
        """The position of the next character of the line that is no space, or of the line's end."""
        blanks = _BLANKS.match(self._text, position)
        return blanks.end() if blanks else position

    def past_space(self, position: int) -> int:
        """The position of the next character that is no white space."""
        space = _SPACES.match(self._text, position)
        return space.end() if space else position

    def indentation_within(self, start: int, end: int) -> int:
        """How much deeper than a tag its first child is written: that is for the eye, not for Markdown."""
        child = _CHILD_INDENTATION.match(self._text, end)
        column = start - self._text.rfind("\n", 0, start) - 1
        return max(0, len(child["spaces"]) - column) if child else 0
