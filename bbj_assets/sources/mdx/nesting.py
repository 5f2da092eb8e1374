"""Which HTML elements hold which: the ends of tables, lists and quotes, and where their parts begin.

Tags in code, comments and expressions do not count: a list item that explains `<ul>` opens no list.
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
_PLACE = re.compile(
    rf"<(?P<closes>/?)(?P<name>{'|'.join((*_NAMES, *map(str.upper, _NAMES)))})(?![\w.:-])"
    rf"|<(?P<comment>!--)|\{{(?P<braces>)|`(?P<ticks>`*)|\n(?P<fence>(?={fences.OPENING}))"
)


class _Edge(NamedTuple):
    """A tag as it is found in the text: the position of its `<`, and its name in lower case."""

    start: int
    name: str
    closes: bool


class _Tags(NamedTuple):
    """The tags of one text, and the position of the closing tag of each container by that of its opening tag."""

    edges: list[_Edge]
    closing: dict[int, int]


class Nesting:
    """The containers in one text, which begins with a newline. The text is read on the first question."""

    def __init__(self, reader: Reader, layout: Layout) -> None:
        self._reader, self._layout = reader, layout
        self._tags: _Tags | None = None

    def closing_tag(self, start: int) -> int | None:
        """Return the position of the tag that closes the container at `start`, or None."""
        return self._read().closing.get(start)

    def parts(self, container: str) -> Iterator[tuple[Tag | None, str]]:
        """Yield each tag of a part (`<li>`, `</td>`) with the text up to the next such tag.

        The whole text is read as the content of a container. The text after a closing tag belongs to no part. The
        first pair has no tag: it is the text before all tags.
        """
        text, names = self._reader.text, _PARTS[container]
        edges, closing = self._read()
        tag_of_part: Tag | None = None
        at, inner_until = 1, 0
        for edge in edges:
            if edge.start < max(inner_until, at):  # in a container within this part, or in an attribute
                continue
            if (closing_tag := closing.get(edge.start)) is not None:
                inner_until = closing_tag + 1
            tag = self._reader.tag(edge.start) if edge.name in names else None
            if tag is not None:
                yield tag_of_part, text[at : edge.start]
                tag_of_part, at = tag, tag.end
        yield tag_of_part, text[at:]

    def _read(self) -> _Tags:
        if self._tags is None:
            edges = list(self._find_edges())
            closing: dict[int, int] = {}
            opened: dict[str, list[int]] = {}
            for edge in edges:
                if edge.name not in CONTAINERS:
                    continue
                if not edge.closes:
                    opened.setdefault(edge.name, []).append(edge.start)
                elif opened.get(edge.name):
                    closing[opened[edge.name].pop()] = edge.start
            self._tags = _Tags(edges, closing)
        return self._tags

    def _find_edges(self) -> Iterator[_Edge]:
        text, position = self._reader.text, 0
        last_comment_end = text.rfind("-->")
        while (place := _PLACE.search(text, position)) is not None:
            start, position = place.span()
            match place.lastgroup:
                case "name":
                    yield _Edge(start, place["name"].lower(), closes=bool(place["closes"]))
                case "comment":
                    position = text.find("-->", position) if position < last_comment_end else position
                case "braces":
                    position = self._reader.braces(start) or position
                case "ticks":
                    position = self._layout.code_span_end(start, position)
                case _:
                    position = fences.read_fence(text, start + 1, shift=0).end
