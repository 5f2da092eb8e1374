"""Columns that conditions leave out: a condition on a `col` holds for every cell below it."""

from collections.abc import Callable, Iterator

from lxml.etree import _Element as Element

from bbj_assets.sources.flare.markup import blank, tag_of

_MAX_SPAN = 1_000


def columns_without(table: Element, is_out: Callable[[Element], bool]) -> frozenset[int]:
    """Return the columns, counted from 0, whose `col` or `colgroup` is out."""
    out: set[int] = set()
    at = 0
    for element in table.iterchildren():
        tag = tag_of(element)
        if tag not in ("col", "colgroup"):
            continue
        own = [child for child in element.iterchildren() if tag_of(child) == "col"] if tag == "colgroup" else []
        for column in own or [element]:
            width = _span(column, "span")
            if is_out(column) or (own and is_out(element)):
                out.update(range(at, at + width))
            at += width
    return frozenset(out)


def empty_columns(table: Element, columns: frozenset[int]) -> None:
    """Empty the cells of some columns, and narrow the cells that span other columns too.

    The converter of HTML leaves out a column without any text, so the cells can stay in place.
    """
    covered: dict[int, int] = {}  # column -> the number of further rows that a cell above covers
    for row in _rows(table):
        at = 0
        for cell in [child for child in row.iterchildren() if tag_of(child) in ("td", "th")]:
            while covered.get(at, 0) > 0:
                covered[at] -= 1
                at += 1
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            out = sum(column in columns for column in range(at, at + width))
            for column in range(at, at + width):
                covered[column] = height - 1
            if out == width:
                blank(cell, tag_of(cell))
                cell.set("colspan", str(width))
                cell.set("rowspan", str(height))
            elif out and at in columns:
                cell.set("colspan", str(width - out))
                cell.addprevious(cell.makeelement(cell.tag, {"colspan": str(out), "rowspan": str(height)}))
            at += width
        for column in [column for column, rows in covered.items() if column >= at and rows > 0]:
            covered[column] -= 1


def _rows(table: Element) -> Iterator[Element]:
    """Yield the rows of a table without those of tables in it."""
    pending = [table]
    while pending:
        element = pending.pop()
        tag = tag_of(element)
        if tag == "tr":
            yield element
        elif tag != "table" or element is table:
            pending.extend(element.iterchildren(reversed=True))


def _span(element: Element, name: str) -> int:
    written = (element.get(name) or "").strip()
    return min(max(int(written), 1), _MAX_SPAN) if written.isascii() and written.isdigit() and len(written) < 7 else 1
