"""Which elements of HTML hold which: the ends of tables, lists and quotes, and where their parts begin.

Tags in code, comments and expressions are none: a list item that explains `<ul>` opens no list.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from bbj_assets.sources.mdx import fences
from bbj_assets.sources.mdx.jsx import Reader, Tag
from bbj_assets.sources.mdx.layout import Layout

CONTAINERS = frozenset({"table", "ul", "ol", "dl", "blockquote"})

_PARTS = {
    "ul": frozenset({"li"}),
    "ol": frozenset({"li"}),
    "dl": frozenset({"dt", "dd"}),
    "table": frozenset({"tr", "td", "th", "caption", "thead", "tbody", "tfoot"}),
}
_NAMES = sorted(CONTAINERS.union(*_PARTS.values()))
_EDGE = re.compile(
    rf"<(?P<closes>/?)(?P<name>{'|'.join((*_NAMES, *map(str.upper, _NAMES)))})(?![\w.:-])"
    rf"|<(?P<comment>!--)|\{{(?P<braces>)|`(?P<ticks>`*)|\n(?P<fence>(?={fences.OPENING}))"
)


class _Edge(NamedTuple):
    """A tag: where it begins, and for the opening tag of a container, where its closing tag begins (or -1)."""

    start: int
    name: str
    closer: int


class Nesting:
    """The containers in one text, which begins with a newline; read once, when the first is asked for."""

    def __init__(self, reader: Reader, layout: Layout) -> None:
        self._reader, self._layout = reader, layout
        self._edges: list[_Edge] | None = None
        self._closers: dict[int, int] = {}

    def closer(self, start: int) -> int:
        """The position of the tag that closes the container that begins at `start`, or -1."""
        self._read()
        return self._closers.get(start, -1)

    def parts(self, container: str) -> Iterator[tuple[Tag | None, str]]:
        """The text as the content of such a container: each tag of a part, and what follows it up to the next.

        A closing tag comes like an opening one; what follows it is no part's. First is the text before all tags.
        """
        text, names = self._reader.text, _PARTS[container]
        held: Tag | None = None
        at, inner_until = 1, 0
        for edge in self._read():
            if edge.start < max(inner_until, at):  # in a container that is part of this, or in an attribute
                continue
            if edge.closer > 0:
                inner_until = edge.closer + 1
            tag = self._reader.tag(edge.start) if edge.name in names else None
            if tag is not None:
                yield held, text[at : edge.start]
                held, at = tag, tag.end
        yield held, text[at:]

    def _read(self) -> list[_Edge]:
        if self._edges is None:
            found = list(self._tags())
            opened: dict[str, list[int]] = {}
            for start, name, closes in found:
                if name not in CONTAINERS:
                    continue
                if not closes:
                    opened.setdefault(name, []).append(start)
                elif opened.get(name):
                    self._closers[opened[name].pop()] = start
            self._edges = [_Edge(start, name, self._closers.get(start, -1)) for start, name, _ in found]
        return self._edges

    def _tags(self) -> Iterator[tuple[int, str, bool]]:
        text, position = self._reader.text, 0
        comments_end = text.rfind("-->")
        while (edge := _EDGE.search(text, position)) is not None:
            start, position = edge.span()
            match edge.lastgroup:
                case "name":
                    yield start, edge["name"].lower(), bool(edge["closes"])
                case "comment":
                    position = text.find("-->", position) if position < comments_end else position
                case "braces":
                    position = max(self._reader.braces(start), position)
                case "ticks":
                    position = self._layout.code_span_end(start, position)
                case _:
                    position = fences.read_fence(text, start + 1, 0)[1]
