"""Tables, lists, definition lists and quotes that are written in HTML, as Markdown.

Each part (an item, a cell) is MDX and is rendered by itself. The converter of HTML then builds the container, so
that a table in a page and a table in HTML have the same form.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from bbj_assets.convert.html.block import (
    Block,
    BlockKind,
    add_definition,
    add_term,
    adopt_strays,
    list_block,
    quote_blocks,
)
from bbj_assets.convert.html.table import Cell, table_blocks
from bbj_assets.sources.mdx.elements import bold_line
from bbj_assets.sources.mdx.jsx import Reader, Tag
from bbj_assets.sources.mdx.layout import Layout
from bbj_assets.sources.mdx.marks import HIDDEN_BLOCK, show_asides
from bbj_assets.sources.mdx.nesting import Nesting
from bbj_assets.sources.mdx.page import Page

Render = Callable[[str], list[Block]]
"""Renders the MDX of one part as blocks."""

_NO_TEXT = re.compile(r"(?:\s|</?[A-Za-z][^<>]*(?<!/)>)*")
"""Wrappers of HTML between parts (`<div>` in a `<dl>`). Their other end is between other parts."""

_MARK_LINE = re.compile(rf"^({HIDDEN_BLOCK.pattern})$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n{2,}(?![ \t\n])")
_FENCE = re.compile(r"(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)\n?(?P=fence)", re.DOTALL)
_HEADING = re.compile(r"#{1,6}[ \t]+(?P<text>.*)")
_KINDS: tuple[tuple[re.Pattern[str], BlockKind], ...] = (
    (re.compile(r"[-*+][ \t]|\d{1,9}[.)][ \t]"), "list"),
    (re.compile(r">"), "quote"),
    (re.compile(r"\|"), "table"),
)
_DELIMITERS = re.compile(r"\|?[\s:|-]+")
_CELL_END = re.compile(r"(?<!\\)\|")
_DIGITS = re.compile(r"\d{1,4}")


def container_blocks(name: str, tag: Tag, source: str, render: Render) -> list[Block]:
    """Return the blocks between the tags of a table, list or quote.

    Without a part (`<li>`, `<td>`), these are the blocks of the content as it is.
    """
    if name == "blockquote":
        return quote_blocks(render(source))
    nesting = _nesting(source)
    return _table(nesting, render) if name == "table" else _list(name, tag, nesting, render)


def markdown_blocks(markdown: str, page: Page) -> list[Block]:
    """Return rendered Markdown as the blocks of a part. A heading, which has no section there, becomes a bold line."""
    return [
        block
        for paragraph in _PARAGRAPH.split(_MARK_LINE.sub(r"\n\1\n", markdown))
        if paragraph.strip()
        for block in _blocks(paragraph.strip("\n"), page)
    ]


def _blocks(paragraph: str, page: Page) -> Iterator[Block]:
    html_blocks = page.html_blocks(paragraph)
    if html_blocks:
        yield from html_blocks
        return
    text = page.restore(show_asides(paragraph))
    heading, fence = _HEADING.fullmatch(text), _FENCE.search(text) if HIDDEN_BLOCK.fullmatch(paragraph) else None
    if heading:
        yield Block("text", bold_line(heading["text"]))
    elif fence:
        if title := text[: fence.start()].strip():
            yield Block("text", title)
        yield Block("code", text[fence.start() :], flat=fence["code"])
    else:
        kind: BlockKind = next((kind for start, kind in _KINDS if start.match(text)), "text")
        yield Block(kind, text, flat=_flat_table(text) if kind == "table" else "")


def _flat_table(markdown: str) -> str:
    rows = [line for line in markdown.split("\n") if not _DELIMITERS.fullmatch(line)]
    return "<br>".join(" · ".join(filter(None, map(str.strip, _CELL_END.split(row)))) for row in rows)


def _nesting(source: str) -> Nesting:
    text = "\n" + source
    return Nesting(Reader(text), Layout(text))


def _strays(content: str, render: Render) -> list[Block]:
    return [] if _NO_TEXT.fullmatch(content) else render(content)


def _list(name: str, tag: Tag, nesting: Nesting, render: Render) -> list[Block]:
    items: list[list[Block]] = []
    before: list[Block] = []
    for part, content in nesting.parts(name):
        if part is None:
            before = _strays(content, render)
        elif part.closes or part.self_closing:
            adopt_strays(items, _strays(content, render))
        elif part.name.lower() == "dt":
            add_term(items, [replace(block, text=bold_line(block.text)) for block in render(content)])
        elif part.name.lower() == "dd":
            add_definition(items, render(content))
        else:
            items.append(render(content))
    if not items:
        return before
    listed = list_block(items, start=_number(tag, "start") if name == "ol" else None)
    return [*before, listed] if listed else before


def _table(nesting: Nesting, render: Render) -> list[Block]:
    before: list[Block] = []
    rows: list[list[Cell]] = []
    in_head = False
    for part, content in nesting.parts("table"):
        name = part.name.lower() if part is not None and not part.closes else ""
        if part is not None and part.name.lower() in {"thead", "tbody", "tfoot"}:
            in_head = name == "thead"
        if name == "tr":
            rows.append([])
        if part is None or name not in {"td", "th"}:
            before += _strays(content, render)
            continue
        if not rows:
            rows.append([])
        rows[-1].append(
            Cell(
                [] if part.self_closing else render(content),
                header=in_head or name == "th",
                columns=_number(part, "colspan"),
                rows=_number(part, "rowspan"),
            )
        )
        if part.self_closing:
            before += _strays(content, render)
    return before + table_blocks(rows)


def _number(tag: Tag, name: str) -> int:
    written = {key.lower(): value for key, value in tag.attributes.items()}.get(name, "1")
    digits = _DIGITS.search(written)
    return max(int(digits.group()), 1) if digits else 1
