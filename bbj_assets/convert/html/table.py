"""HTML tables as Markdown tables, with the text of every cell.

Markdown has no spans, no blocks in cells and no tables in tables. The text of a spanned cell is written once and the
other cells stay empty. Blocks are separated by `<br>`, the one tag that every Markdown reader knows. A table in a
cell becomes one line per row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bbj_assets.convert.html.block import Block
from bbj_assets.convert.html.text import code_span

MAX_COLUMNS = 200
"""Cells beyond this are added to the last cell of the row: a wider table is a mistake or an attack."""

_BOLD = re.compile(r"\*\*((?:[^*\\]|\\.)+)\*\*")


@dataclass(frozen=True, slots=True)
class Cell:
    """One `td` or `th`: its blocks, whether it is a header, and how many columns and rows it covers."""

    blocks: Sequence[Block]
    header: bool = False
    columns: int = 1
    rows: int = 1


def table_blocks(rows: Sequence[Sequence[Cell]]) -> list[Block]:
    """Return the rows as one table; a table of one column without a header is layout and becomes its cells."""
    filled = [row for row in rows if any(cell.blocks for cell in row)]
    if not filled:
        return []
    has_header = all(cell.header or not cell.blocks for cell in filled[0]) and any(cell.header for cell in filled[0])
    grid = _without_empty_columns(_grid(filled))
    if len(grid[0]) == 1 and not has_header:
        return [block for row in filled for cell in row for block in cell.blocks]
    if not has_header and (bold := _bold_header(grid[0])) and len(grid) > 1:
        grid[0], has_header = bold, True
    flat = "<br>".join(" · ".join(text for text in row if text) for row in grid)
    if not has_header:
        grid.insert(0, [""] * len(grid[0]))
    grid.insert(1, ["---"] * len(grid[0]))
    lines = ("| " + " | ".join(map(_escape_pipes, row)) + " |" for row in grid)
    return [Block("table", "\n".join(line.replace("|  ", "| ") for line in lines), flat=flat)]


def cell_text(blocks: Sequence[Block]) -> str:
    """Return the blocks on one line, separated by `<br>`; each line of code becomes a code span."""
    return "<br>".join(filter(None, map(_flat, blocks)))


def _flat(block: Block) -> str:
    if block.kind == "table":
        return block.flat
    if block.kind == "code":
        lines = (line.strip() for line in block.flat.split("\n"))
        return "<br>".join(code_span(line) for line in lines if line)
    lines = (line.strip() for line in block.text.split("\n"))
    return "<br>".join(line for line in lines if line)


def _grid(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    grid: list[list[str]] = []
    covered: dict[int, int] = {}  # column -> how many more rows the cell above covers
    for row in rows:
        line: list[str] = []

        for cell in row:
            _skip_covered(line, covered)
            text = cell_text(cell.blocks)
            columns = min(cell.columns, MAX_COLUMNS - len(line))
            if columns < 1:
                line[-1] = f"{line[-1]} {text}".strip()
                continue
            for column in range(len(line), len(line) + columns):
                covered[column] = cell.rows - 1
            line += [text, *[""] * (columns - 1)]
        _skip_covered(line, covered)
        grid.append(line)
    width = max(map(len, grid))
    return [line + [""] * (width - len(line)) for line in grid]


def _skip_covered(line: list[str], covered: dict[int, int]) -> None:
    while covered.get(len(line), 0) > 0:
        covered[len(line)] -= 1
        line.append("")


def _without_empty_columns(grid: list[list[str]]) -> list[list[str]]:
    kept = [column for column in range(len(grid[0])) if any(line[column] for line in grid)]
    return [[line[column] for column in kept] for line in grid]


def _bold_header(row: Sequence[str]) -> list[str]:
    """Return the first row without its bold if all of it is bold, as many authors write a header; else nothing."""
    found = [_BOLD.fullmatch(text) for text in row if text]
    if not found or not all(found):
        return []
    return [text.removeprefix("**").removesuffix("**") for text in row]


def _escape_pipes(text: str) -> str:
    if "|" not in text:
        return text
    return re.sub(r"(\\*)\|", lambda m: m[1] + "\\" * (1 + len(m[1]) % 2) + "|", text)
