"""HTML tables as Markdown tables."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bbj_assets.sources.mdx.elements import one_line
from bbj_assets.sources.mdx.jsx import Reader, Tag

_PART = re.compile(r"<(?=/?(?:table|tr|td|th|caption|thead|tbody|tfoot)\b)|`[^`\n]+`", re.IGNORECASE)
_EDGE = re.compile(r"<(/?)table\b", re.IGNORECASE)
_ITEM = re.compile(r"\s*\n[ \t]*[-*][ \t]+")
_PIPE = re.compile(r"(?<!\\)\|")
_DIGITS = re.compile(r"\d{1,4}")
_MAX_COLUMNS = 50
_MAX_ROWS_SPANNED = 500


@dataclass(frozen=True, slots=True)
class _Cell:
    source: str
    is_header: bool
    columns: int
    rows: int


def table_end(text: str, start: int) -> int:
    """The position of the `</table` that closes the table that begins at `start`, or -1."""
    depth = 0
    for edge in _EDGE.finditer(text, start):
        depth += -1 if edge[1] else 1
        if depth == 0:
            return edge.start()
    return -1


def markdown_table(source: str, render: Callable[[str], str]) -> str | None:
    """The rows between `<table>` and `</table>` as a Markdown table.

    Args:
        source: what is between the tags.
        render: turns a cell's or caption's JSX into Markdown.

    Returns:
        None when a Markdown table cannot hold it: no cell at all, or a code block in a cell.
    """
    caption, rows = _read(source)
    texts = {id(cell): render(cell.source) for row in rows for cell in row}
    if not rows or any("\0" in text for text in texts.values()):
        return None
    grid = _grid(rows, lambda cell: _one_cell(texts[id(cell)]))
    width = max(len(line) for line in grid)
    lines = [line + [""] * (width - len(line)) for line in grid]
    header = lines.pop(0) if all(cell.is_header for cell in rows[0]) else [""] * width
    written = [_row(header), _row(["---"] * width), *map(_row, lines)]
    title = one_line(render(caption)) if caption else ""
    return "\n".join([title, "", *written] if title else written)


def _read(source: str) -> tuple[str, list[list[_Cell]]]:
    """The caption and the rows; a table within a cell stays part of the cell."""
    reader = Reader(source)
    caption, inner_tables = "", 0
    rows: list[list[_Cell]] = []
    opened: tuple[Tag, int] | None = None
    for start, tag in _parts(reader):
        name = tag.name.lower()
        if name == "table":
            inner_tables += -1 if tag.closes else 1
        if inner_tables > 0 or name == "table":
            continue
        if opened is not None:
            held, content = opened[0], source[opened[1] : start]
            if held.name.lower() == "caption":
                caption = content
            else:
                rows = rows or [[]]
                rows[-1].append(_cell(held, content))
            opened = None
        if tag.closes or tag.self_closing:
            continue
        if name == "tr":
            rows.append([])
        elif name in {"td", "th", "caption"}:
            opened = (tag, tag.end)
    if opened is not None and opened[0].name.lower() != "caption":
        rows = rows or [[]]
        rows[-1].append(_cell(opened[0], source[opened[1] :]))
    return caption, [row for row in rows if row]


def _parts(reader: Reader) -> Iterator[tuple[int, Tag]]:
    for part in _PART.finditer(reader.text):
        tag = reader.tag(part.start()) if part.group() == "<" else None
        if tag is not None:
            yield part.start(), tag


def _cell(tag: Tag, source: str) -> _Cell:
    return _Cell(
        source=source,
        is_header=tag.name.lower() == "th",
        columns=_span(tag, "colspan", _MAX_COLUMNS),
        rows=_span(tag, "rowspan", _MAX_ROWS_SPANNED),
    )


def _span(tag: Tag, name: str, limit: int) -> int:
    written = {key.lower(): value for key, value in tag.attributes.items()}.get(name, "1")
    digits = _DIGITS.search(written)
    return min(max(int(digits.group()), 1), limit) if digits else 1


def _grid(rows: list[list[_Cell]], text: Callable[[_Cell], str]) -> list[list[str]]:
    """One text a column and row: a cell that spans several says its text once, in the first."""
    spanned: dict[int, int] = {}  # column -> rows that a cell further up still covers
    grid: list[list[str]] = []
    for row in rows:
        line: list[str] = []
        cells = iter(row)
        covered, spanned = spanned, {column: left - 1 for column, left in spanned.items() if left > 1}
        for cell in cells:
            while len(line) in covered:
                line.append("")
            if cell.rows > 1:
                spanned |= dict.fromkeys(range(len(line), len(line) + cell.columns), cell.rows - 1)
            line += [text(cell)] + [""] * (cell.columns - 1)
        grid.append(line)
    return grid


def _one_cell(text: str) -> str:
    """The text on one line, a list as its items."""
    items = _ITEM.sub("; ", "\n" + text).removeprefix("; ")
    return _PIPE.sub(r"\\|", one_line(items))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
