"""What is being written while a tree is walked: the open containers, and what they hold so far.

The tree is walked with a stack of our own, never by recursion, because pages of hundreds of unclosed
`<font>` exist. So a container (a list, a cell, a quote) is a frame that collects finished blocks and the
run of text that is being read, and is turned into blocks of the frame around it when its element ends.
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
"""Containers within containers; what lies deeper is written as plain blocks, so that indents stay bounded."""

FrameKind: TypeAlias = Literal["root", "list", "item", "term", "quote", "table", "cell", "heading", "pre"]


@dataclass(slots=True)
class Frame:
    """An open container: the blocks finished in it, the text being read, and the marks that are open."""

    kind: FrameKind
    element: Element | None = None
    blocks: list[Block] = field(default_factory=list)
    inline: list[Token] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    items: list[list[Block]] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)


class Writer:
    """Collects Markdown; rules call it for what they find."""

    def __init__(self, *, base_url: str | None, code_language: str) -> None:
        self.base_url = base_url
        self.code_language = code_language
        self.frames = [Frame("root")]
        self._targets: dict[str, str] = {}

    @property
    def frame(self) -> Frame:
        """The innermost open container."""
        return self.frames[-1]

    @property
    def in_code_block(self) -> bool:
        """Whether text is being taken as it is."""
        return self.frames[-1].kind == "pre"

    def text(self, text: str) -> None:
        """Text as it stands in the source."""
        frame = self.frames[-1]
        if frame.inline or frame.kind == "pre" or not text.isspace():  # most runs are the indents of the source
            frame.inline.append(text)

    def line_break(self) -> None:
        """A `<br>`."""
        self.frame.inline.append("\n" if self.in_code_block else LINE_BREAK)

    def open(self, kind: Kind, target: str = "") -> None:
        """Begin a mark; marks are closed in the order of the tree."""
        mark = Mark(kind, target=target)
        self.frame.marks.append(mark)
        self.frame.inline.append(mark)

    def close(self, kind: Kind) -> None:
        """End the innermost mark, which is one of this kind."""
        self.frame.marks.pop()
        self.frame.inline.append(Mark(kind, opens=False))

    def end_block(self) -> None:
        """What was read so far is a block; marks go on in the next one."""
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
            self.code("\n".join(lines), self.code_language)
        else:
            frame.blocks += [Block("text", text) for text in paragraphs(tokens)]

    def code(self, text: str, language: str) -> None:
        """A block of code."""
        if text.strip():
            self.frame.blocks.append(Block("code", fence(text, language), flat=text))

    def begin(self, kind: FrameKind, element: Element) -> None:
        """Open a container, unless they are nested too deep already."""
        self.end_block()
        if len(self.frames) <= MAX_NESTING:
            self.frames.append(Frame(kind, element))

    def end(self, element: Element) -> Frame | None:
        """Close the container of the element and return it; None if it was not opened."""
        if self.frame.element is not element:
            self.end_block()
            return None
        if not self.in_code_block:
            self.end_block()
        return self.frames.pop()

    def target(self, href: str | None) -> str:
        """The URL that a link leads to, or nothing when it leads nowhere a reader could go."""
        if href is None:
            return ""
        found = self._targets.get(href)
        if found is None:
            found = self._targets[href] = _target(href, self.base_url)
        return found


def _target(href: str, base_url: str | None) -> str:
    href = re.split(r"[<>\"]", href.strip(), maxsplit=1)[0]  # a quote left open swallows markup
    if not href or href == "#":
        return ""
    try:
        url = urljoin(base_url, href) if base_url else href
        scheme = urlsplit(url).scheme.lower()
    except ValueError:  # http://[
        return ""
    return url if scheme in {"", "http", "https", "mailto", "ftp", "tel"} else ""


def code_text(tokens: Sequence[Token]) -> str:
    """The content of a `pre` as lines."""
    text = visible("".join(token for token in tokens if isinstance(token, str)))
    lines = text.replace("\xa0", " ").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    return textwrap.dedent("\n".join(lines)).rstrip()


def _lines_of_code(tokens: Sequence[Token]) -> list[str]:
    """The lines of `<code>a<br>b</code>` when it is all there is: then it is a block of code."""
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
