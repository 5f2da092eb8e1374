"""The Markdown that is being written, and the elements that are open in it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bbj_assets.sources.mdx.page import indented
from bbj_assets.sources.mdx.titles import plain_text

_MARKER = re.compile(r"[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]+")
_MARKER_ONLY = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]*)?")
_LEADING = re.compile(r"[ \t>]*")

_MAX_OPEN = 64
"""Deeper elements are left out of the account; their text is not."""

_MAX_LINE = 400
"""How much of an unfinished line is remembered: its beginning says whether it is a list item."""


@dataclass(slots=True)
class Element:
    """An element that is open.

    Attributes:
        start: how many pieces of output there were when it opened.
        line: the unfinished line at that time.
        outer_shift: the indentation that was removed outside of it.
        finish: makes Markdown of what it holds.
        labels: of tabs, by their values.
    """

    name: str
    start: int
    line: str
    outer_shift: int
    is_block: bool
    finish: Callable[[str], str] | None
    labels: Mapping[str, str]
    items: int = 0


class Output:
    """Pieces of Markdown, and how far their indentation is moved to the left."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.line = ""
        self.shift = 0
        self.elements: list[Element] = []

    def write(self, text: str) -> None:
        """Add text; `line` is the line that it leaves unfinished, a long one without its middle."""
        if text:
            self.pieces.append(text)
            newline = text.rfind("\n")
            self.line = text[newline + 1 :] if newline >= 0 else self.line + text
            if len(self.line) > _MAX_LINE:
                self.line = self.line[: _MAX_LINE // 2] + self.line[-1]

    def trimmed(self, text: str) -> str:
        """The text without the spaces at its end, and at the end of what was written if it is all spaces.

        Spaces that indent a line, or that follow a list marker, mean something and stay.
        """
        kept = text.rstrip(" \t")
        last = (kept or self.line.rstrip(" \t"))[-1:]
        if not last or last in "\n>-*+.)":
            return text
        if not kept and self.pieces:
            self.pieces[-1] = self.pieces[-1].rstrip(" \t")
            self.line = self.line.rstrip(" \t")
        return kept

    def space(self) -> None:
        """Keep two words apart."""
        if self.line and self.line[-1] not in " \t":
            self.write(" ")

    def paragraph(self, *, in_line: bool) -> None:
        """Begin a new paragraph, in the list item or quote that this one is in; in a table row, a word."""
        if in_line:
            self.space()
        elif not _MARKER_ONLY.fullmatch(self.line):
            start = continuation(self.line)
            self.write(f"\n{start.rstrip()}\n{start}")  # the mark of a quote is on its blank lines too

    def line_break(self) -> None:
        """Begin a new line of the same paragraph."""
        self.write("\n" + continuation(self.line))

    def blank_line(self) -> None:
        """Keep what follows at the beginning of a line from going on with the paragraph above."""
        if self.pieces and not self.line.strip():
            self.pieces[-1] = self.pieces[-1].rstrip(" \t")
            self.write("\n" + self.line)

    def block(self, text: str) -> str:
        """Write a block by itself; the indentation that its lines got, as where it stands."""
        self.paragraph(in_line=False)
        indentation = continuation(self.line)
        self.write(indented(text, indentation) if indentation else text)
        self.paragraph(in_line=False)
        return indentation

    def item(self, *, in_line: bool) -> None:
        """Begin an item of the innermost HTML list."""
        lists = [element for element in self.elements if element.name in {"ul", "ol"}]
        number = 1
        if lists:
            lists[-1].items += 1
            number = lists[-1].items
        if in_line:
            self.write("; " if number > 1 else "")
            return
        if self.line.strip():
            self.write("\n")
        elif self.line:
            self.pieces[-1] = self.pieces[-1].rstrip(" \t")
        ordered = bool(lists) and lists[-1].name == "ol"
        self.write("  " * (len(lists) - 1) + (f"{number}. " if ordered else "- "))

    def open(
        self,
        name: str,
        *,
        is_block: bool = False,
        finish: Callable[[str], str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> bool:
        """Remember an open element; False when too many are open."""
        if len(self.elements) >= _MAX_OPEN:
            return False
        start, line, shift = len(self.pieces), self.line, self.shift
        self.elements.append(Element(name, start, line, shift, is_block, finish, labels or {}))
        return True

    def close(self, name: str) -> Element | None:
        """Close the innermost element of that name and whatever is open in it; None when there is none."""
        for position in range(len(self.elements) - 1, -1, -1):
            element = self.elements[position]
            if element.name == name:
                del self.elements[position:]
                self.shift = element.outer_shift
                return element
        return None

    def finish(self, element: Element) -> None:
        """Make Markdown of what a closed element holds."""
        if element.finish is not None:
            inner = "".join(self.pieces[element.start :])
            del self.pieces[element.start :]
            self.line = element.line
            self.write(element.finish(inner))

    def tab_label(self, value: str) -> str:
        """The label that the tabs around it give a value; the value itself when they give none."""
        for element in reversed(self.elements):
            if element.labels:
                return element.labels.get(value, value)
        return value

    def last_heading(self) -> str | None:
        """The heading that has just been written; None after anything else, empty before everything."""
        end = ""
        for piece in reversed(self.pieces):
            end = (piece + end).rstrip()
            if "\n" in end or len(end) > _MAX_LINE:
                break
        last = end.rpartition("\n")[2]
        return "" if not last else plain_text(last.lstrip("#")) if last.startswith("#") else None


def continuation(line: str) -> str:
    """What the next line has to begin with to stay in the list item or quote of this one."""
    marker = _MARKER.match(line)
    if marker:
        return re.sub(r"[^\s>]", " ", marker.group())
    leading = _LEADING.match(line)
    return leading.group() if leading else ""
