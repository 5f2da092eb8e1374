"""The Markdown written so far, and the elements that are open in it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bbj_assets.sources.mdx.page import indent_lines
from bbj_assets.sources.mdx.titles import plain_text

_MARKER = re.compile(r"[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]+")
_MARKER_ONLY = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]*)?")
_LEADING = re.compile(r"[ \t>]*")

_MAX_OPEN = 64
"""Deeper elements are not tracked. Their text is kept."""

_MAX_LINE = 400
"""Characters of an unfinished line that are kept. Its beginning says whether it is a list item."""


@dataclass(slots=True, kw_only=True)
class Element:
    """An open element.

    Attributes:
        start: the number of pieces of output when it opened.
        line: the unfinished line when it opened.
        outer_shift: the columns of indentation that are removed outside of it.
        finish: makes Markdown of its content.
        labels: the labels of its tabs by their values.
        items: the number of its list items so far.
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
    """Pieces of Markdown, and the columns by which the source is shifted to the left."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.line = ""
        self.shift = 0
        self.elements: list[Element] = []

    def write(self, text: str) -> None:
        """Add text. `line` is the unfinished line after it; a long one loses its middle."""
        if text:
            self.pieces.append(text)
            newline = text.rfind("\n")
            self.line = text[newline + 1 :] if newline >= 0 else self.line + text
            if len(self.line) > _MAX_LINE:
                self.line = self.line[: _MAX_LINE // 2] + self.line[-1]

    def trim(self, text: str) -> str:
        """Return the text without the spaces at its end. If it is only spaces, trim the output before it too.

        Spaces that indent a line or follow a list marker have a meaning and stay.
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
        """Write a space unless there is one, to keep two words apart."""
        if self.line and self.line[-1] not in " \t":
            self.write(" ")

    def paragraph(self, *, in_line: bool) -> None:
        """Begin a new paragraph in the same list item or quote; in a table row or heading, only a new word."""
        if in_line:
            self.space()
        elif not _MARKER_ONLY.fullmatch(self.line):
            start = continuation(self.line)
            self.write(f"\n{start.rstrip()}\n{start}")  # a quote has its mark on blank lines too

    def line_break(self) -> None:
        """Begin a new line of the same paragraph."""
        self.write("\n" + continuation(self.line))

    def blank_line(self) -> None:
        """Write a blank line at the beginning of a line, so that no paragraph above is continued."""
        if self.pieces and not self.line.strip():
            self.pieces[-1] = self.pieces[-1].rstrip(" \t")
            self.write("\n" + self.line)

    def block(self, text: str) -> str:
        """Write a block as a paragraph of its own. Return the indentation that its lines got."""
        self.paragraph(in_line=False)
        indentation = continuation(self.line)
        self.write(indent_lines(text, indentation) if indentation else text)
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
        """Push an open element. Return False when too many are open."""
        if len(self.elements) >= _MAX_OPEN:
            return False
        self.elements.append(
            Element(
                name=name,
                start=len(self.pieces),
                line=self.line,
                outer_shift=self.shift,
                is_block=is_block,
                finish=finish,
                labels=labels or {},
            )
        )
        return True

    def close(self, name: str) -> Element | None:
        """Close the innermost element with this name and all that are open in it; return None when there is none."""
        for position in range(len(self.elements) - 1, -1, -1):
            element = self.elements[position]
            if element.name == name:
                del self.elements[position:]
                self.shift = element.outer_shift
                return element
        return None

    def finish(self, element: Element) -> None:
        """Make Markdown of the content of a closed element."""
        if element.finish is not None:
            inner = "".join(self.pieces[element.start :])
            del self.pieces[element.start :]
            self.line = element.line
            self.write(element.finish(inner))

    def tab_label(self, value: str) -> str:
        """Return the label of a value in the tabs around it; without a label, the value itself."""
        for element in reversed(self.elements):
            if element.labels:
                return element.labels.get(value, value)
        return value

    def last_heading(self, *, at_start: str | None) -> str | None:
        """Return the text of the heading at the end of the output; None after other text.

        Args:
            at_start: the heading above a page that has no text yet, which is its title.
        """
        end = ""
        for piece in reversed(self.pieces):
            end = (piece + end).rstrip()
            if "\n" in end or len(end) > _MAX_LINE:
                break
        last = end.rpartition("\n")[2]
        if last and not last.startswith("#"):
            return None
        return plain_text(last.lstrip("#")) or at_start


def continuation(line: str) -> str:
    """Return the beginning of a next line that stays in the list item or quote of this line."""
    marker = _MARKER.match(line)
    if marker:
        return re.sub(r"[^\s>]", " ", marker.group())
    leading = _LEADING.match(line)
    return leading.group() if leading else ""
