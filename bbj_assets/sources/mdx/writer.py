"""The way from the source of a page to its Markdown: what is copied, replaced and left out."""

import re

from bbj_assets.sources.mdx import fences
from bbj_assets.sources.mdx.layout import Layout
from bbj_assets.sources.mdx.output import Output

_UNDERLINE = re.compile(r"\n[ \t]*(?:-+|=+)[ \t]*(?=\n|\Z)")


class Writer:
    """Copies one text, which begins with a newline, to the output.

    Attributes:
        text: the source.
        copied: the position up to which the source is in the output. The search for places may be ahead of it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.layout = Layout(text)
        self.output = Output()
        self.copied = 0

    def copy(self, end: int, *, trim: bool = False) -> None:
        """Copy the source as it is up to `end`; `trim` drops the spaces at the end of the copied words."""
        chunk = self.text[self.copied : end]
        if self.output.shift:
            chunk = fences.shift_left(chunk, self.output.shift)
        if trim:
            chunk = self.output.trim(chunk)
        self.output.write(chunk)
        self.copied = end

    def skip(self, end: int) -> int:
        """Leave out the source up to `end`, which is returned."""
        self.copied = end
        return end

    def replace(self, start: int, end: int, text: str) -> int:
        """Write `text` in place of the source from `start` to `end`. Return `end`."""
        self.copy(max(start, self.copied))
        self.output.write(text)
        self.copied = end
        return end

    def remove(self, start: int, end: int) -> int:
        """Leave out the source from `start` to `end`, and its line when it has no other text.

        Returns:
            The position to go on from.
        """
        end_of_line = self.layout.end_of_blank_rest(end)
        before = start
        while before > self.copied and self.text[before - 1] in " \t":
            before -= 1
        if end_of_line is not None and before > self.copied and self.text[before - 1] == "\n":
            # `---` below text would make a heading of the text
            return self.replace(before - 1, end_of_line, "\n" if _UNDERLINE.match(self.text, end_of_line) else "")
        return self.replace(start, end, "")

    def is_alone(self, start: int, end: int) -> bool:
        """Return whether only other tags are on the lines of the tag from `start` to `end`."""
        newline = self.text.rfind("\n", self.copied, start)
        before = self.text[max(newline + 1, self.copied) : start]
        if newline < 0:
            before = self.output.line + before
        return not before.strip() and (self.layout.end_of_blank_rest(end) is not None or self.text[end] == "<")
