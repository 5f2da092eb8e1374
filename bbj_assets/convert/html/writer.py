"""The state of a conversion: the open containers and their contents so far.

The tree is walked with an explicit stack, never by recursion, because pages with hundreds of unclosed `<font>` exist.
So each container (a list, a cell, a quote) is a frame. It collects finished blocks and the current run of text, and
becomes blocks of the frame around it when its element ends.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urljoin, urlsplit

from lxml.etree import _Element as Element

from bbj_assets.convert.html.block import Block
from bbj_assets.convert.html.inline import LINE_BREAK, Kind, Mark, Token, paragraphs
from bbj_assets.convert.html.table import Cell
from bbj_assets.convert.html.text import fence, visible

MAX_NESTING = 32
"""The most containers within containers. Deeper content is written as plain blocks, so indents stay bounded."""

FrameKind: TypeAlias = Literal["root", "list", "item", "term", "quote", "table", "cell", "heading", "pre"]


@dataclass(slots=True)
class Frame:
    """An open container: its finished blocks, the current run of text, and the open marks."""

    kind: FrameKind
    element: Element | None = None
    blocks: list[Block] = field(default_factory=list)
    inline: list[Token] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    items: list[list[Block]] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)


class Writer:
    """Collects Markdown; the rules call it while the tree is walked."""

    def __init__(self, *, base_url: str | None, code_language: str) -> None:
        self.base_url = base_url
        self.code_language = code_language
        self.frames = [Frame("root")]
        self._targets: dict[str, str | None] = {}

    @property
    def frame(self) -> Frame:
        """Return the innermost open container."""
        return self.frames[-1]

    @property
    def in_code_block(self) -> bool:
        """Return whether text is being copied verbatim."""
        return self.frames[-1].kind == "pre"

    def text(self, text: str) -> None:
        """Add text as it stands in the source."""
        frame = self.frames[-1]
        if frame.inline or frame.kind == "pre" or not text.isspace():  # most blank runs are indents of the source
            frame.inline.append(text)

    def line_break(self) -> None:
        """Add the line break of a `<br>`."""
        self.frame.inline.append("\n" if self.in_code_block else LINE_BREAK)

    def open(self, kind: Kind, target: str = "") -> None:
        """Begin a mark. Marks must be closed in the order of the tree."""
        mark = Mark(kind, target=target)
        self.frame.marks.append(mark)
        self.frame.inline.append(mark)

    def close(self, kind: Kind) -> None:
        """End the innermost mark, which must be of this kind."""
        self.frame.marks.pop()
        self.frame.inline.append(Mark(kind, opens=False))

    def end_block(self) -> None:
        """End the current block; open marks continue in the next one."""
        frame = self.frames[-1]
        if frame.kind == "pre":
            if frame.inline and not str(frame.inline[-1]).endswith("\n"):
                frame.inline.append("\n")
            return
        if not frame.inline:
            return
        tokens, frame.inline = frame.inline, list(frame.marks)
        lines = _lines_of_code(tokens)
        if lines:
            self.code("\n".join(lines), language=self.code_language)
        else:
            frame.blocks += [Block("text", text) for text in paragraphs(tokens)]

    def code(self, text: str, *, language: str) -> None:
        """Add a block of code, unless it is blank."""
        if text.strip():
            self.frame.blocks.append(Block("code", fence(text, language), flat=text))

    def begin(self, kind: FrameKind, element: Element) -> None:
        """Open a container, unless containers are already nested `MAX_NESTING` deep."""
        self.end_block()
        if len(self.frames) <= MAX_NESTING:
            self.frames.append(Frame(kind, element))

    def end(self, element: Element) -> Frame | None:
        """Close the container of the element and return it; None if none was opened for it."""
        if self.frame.element is not element:
            self.end_block()
            return None
        if not self.in_code_block:
            self.end_block()
        return self.frames.pop()

    def target(self, href: str | None) -> str | None:
        """Return the URL that a link leads to; None if a reader cannot follow it."""
        if href is None:
            return None
        if href not in self._targets:
            self._targets[href] = _target(href, self.base_url)
        return self._targets[href]


def _target(href: str, base_url: str | None) -> str | None:
    href = re.split(r"[<>\"]", href.strip(), maxsplit=1)[0]  # an unclosed quote swallows markup
    if not href or href == "#":
        return None
    try:
        url = urljoin(base_url, href) if base_url else href
        scheme = urlsplit(url).scheme.lower()
    except ValueError:  # http://[
        return None
    return url if scheme in {"", "http", "https", "mailto", "ftp", "tel"} else None


def code_text(tokens: Sequence[Token]) -> str:
    """Return the content of a `pre` as lines, without their common indent."""
    text = visible("".join(token for token in tokens if isinstance(token, str)))
    lines = text.replace("\xa0", " ").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    return textwrap.dedent("\n".join(lines)).rstrip()


def _lines_of_code(tokens: Sequence[Token]) -> list[str]:
    """Return the lines of `<code>a<br>b</code>` if the run holds nothing else: then it is a block of code."""
    if LINE_BREAK not in tokens:
        return []
    solid = [token for token in tokens if isinstance(token, Mark) or not token.isspace()]
    ends = [at for at, token in enumerate(solid) if isinstance(token, Mark) and token.kind == "code"]
    if ends != [0, len(solid) - 1]:
        return []
    lines = [""]
    for token in solid[1:-1]:
        if token is LINE_BREAK:
            lines.append("")
        elif isinstance(token, str):
            lines[-1] += re.sub(r"[ \t\r\n]+", " ", token)
    return [visible(line.removeprefix(" ").replace("\xa0", " ")).rstrip() for line in lines]
