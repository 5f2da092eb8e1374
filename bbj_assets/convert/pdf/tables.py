"""Tables, found by the positions of their cells: a PDF does not mark them.

The lines of a page come row by row. A cell of several lines is drawn as a whole before its neighbour, which begins
higher up again; that separates wrapped cells. Rows are a table when their cells line up in columns. Parts that do not
line up (a wide space in a justified line, a number before its heading) are joined again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.geometry import Line, Table, Unit, on_one_baseline
from bbj_assets.convert.pdf.lines import joined
from bbj_assets.convert.pdf.lists import is_marker, is_numbering, marker_of
from bbj_assets.convert.pdf.paragraphs import is_entry_of_contents

_MOST_LINES_IN_A_CELL = 15
"""More lines beside another text are a column of the page."""

_TIGHT = 1.5
"""Font sizes: lines of one cell are not farther apart."""

_HANG = 30.0
"""Points by which lines of one cell may be indented."""

_CENTRED = 2.6
"""Font sizes by which a tall cell begins above the short ones beside it."""

_PARAGRAPH_IN_CELL = 2.2
"""Font sizes: paragraphs of one cell are not farther apart."""

_WIDEST_ROW_GAP = 4.0
"""Font sizes from the last line of a row to the next row."""

_MOST_COLUMNS = 30
_ALIGNED_SHARE = 0.7
"""Share of the cells of a column that must be aligned."""

_RISE = 0.3
"""Font sizes: baselines that differ by less are at one height."""

_TOP = 0.6
"""Font sizes by which the first lines of neighbouring cells may differ in height."""

_CLEAR = 0.8
"""Font sizes that a cell must stay below the row above it."""

_HEADING_SIZE = 1.1
"""Times the size of the row above: a larger line is a heading between two tables."""

_TOUCH, _CELL_OVERLAP = 1, 2
"""Points by which neighbouring cells, and rows or lines of one cell, may overlap."""

_ALIGNED = 3.0
"""Points by which the cells of a column may differ on the side that they are aligned to."""


@dataclass(slots=True)
class _Row:
    """Cells from left to right; most rows have one, a line of a paragraph."""

    cells: list[list[Line]]

    @property
    def top(self) -> float:
        return max(cell[0].y for cell in self.cells)

    @property
    def bottom(self) -> float:
        return min(cell[-1].y for cell in self.cells)

    @property
    def lines(self) -> list[Line]:
        return [line for cell in self.cells for line in cell]


@dataclass(frozen=True, slots=True)
class _Found:
    """A table: its rows, the left and right side of its columns, and the index of the row after it."""

    rows: list[_Row]
    columns: list[tuple[float, float]]
    end: int


def with_tables(lines: Sequence[Line]) -> list[Unit]:
    """Return the lines of one page in reading order, with cells combined to tables."""
    rows = _rows(lines)
    units: list[Unit] = []
    at = 0
    while at < len(rows):
        found = _table_at(rows, at)
        below = _table_at(rows, at + 1) if len(rows[at].cells) > 1 and at + 1 < len(rows) else None
        if below and (not found or below.end > found.end):
            found = _with_header(rows[at], below)
        if found:
            units.append(Table(tuple(_in_columns(row, found.columns) for row in found.rows)))
            at = found.end
        else:
            units += _flat(rows[at])
            at += 1
    return units


def _rows(lines: Sequence[Line]) -> list[_Row]:
    rows: list[_Row] = []
    for line in lines:
        if line.rotated or not rows:
            rows.append(_Row([[line]]))
        elif _ends_last_line(rows[-1], line):
            rows[-1].cells[-1][-1] = joined([rows[-1].cells[-1][-1], line])
        elif _is_next_cell(rows, line):
            rows[-1].cells.append([line])
        elif _goes_back_up(rows[-1], line) and (height := _lines_beside(rows, line)):
            cell = [old for row in rows[-height:] for old in row.lines]
            rows[-height:] = [_Row([cell, [line]])]
        elif len(rows[-1].cells) > 1 and _continues_last_cell(rows[-1], line):
            rows[-1].cells[-1].append(line)
        else:
            rows.append(_Row([[line]]))
    return rows


def _ends_last_line(row: _Row, line: Line) -> bool:
    """Return whether the line continues the last one: the text of an item, or text after a picture in a cell."""
    cell = row.cells[-1]
    if not on_one_baseline(cell[-1], line) or line.x0 < cell[-1].x1 - _TOUCH:
        return False
    return is_marker(cell[-1].text) or line.x0 < max(old.x1 for old in cell)


def _is_next_cell(rows: Sequence[_Row], line: Line) -> bool:
    """Return whether the line begins another cell of the last row: to its right, within its height or just above."""
    row = rows[-1]
    last = row.cells[-1]
    if line.x0 < max(old.x1 for old in last) - _TOUCH:
        return False
    if len(row.cells) == 1:
        return len(last) == 1 and (on_one_baseline(last[-1], line) or _stands_higher(rows, line))
    if line.y < last[-1].y - _RISE * line.size:
        return False
    return line.y <= row.top + _TOP * line.size or _stands_higher(rows, line)


def _stands_higher(rows: Sequence[_Row], line: Line) -> bool:
    """Return whether the line may be the top of a tall cell: a little above the last row, clear of the one before."""
    above = rows[-2].bottom if len(rows) > 1 and rows[-2].lines[-1].page == line.page else float("inf")
    return 0 < line.y - rows[-1].top <= _CENTRED * line.size and above > line.y + _CLEAR * line.size


def _goes_back_up(row: _Row, line: Line) -> bool:
    last = row.cells[-1][-1]
    return len(row.cells) == 1 and line.y > last.y + _RISE * line.size and line.x0 > last.x1


def _lines_beside(rows: Sequence[_Row], line: Line) -> int:
    """Return how many of the last rows form the cell to the left of `line`; 0 if they are no cell."""
    left = rows[-1].lines[0].x0
    below: Line | None = None
    for height, row in enumerate(reversed(rows[-_MOST_LINES_IN_A_CELL:]), 1):
        first = row.lines[0]
        if len(row.cells) > 1 or first.page != line.page or abs(first.x0 - left) > _HANG or first.x1 > line.x0:
            return 0
        if below and first.y - below.y > _TIGHT * below.size:
            return height - 1 if below.y >= line.y - _TOP * line.size else 0
        if first.y >= line.y - _RISE * line.size:
            return height if first.y <= line.y + _TOP * line.size or height == len(rows) else 0
        below = first
    return 0


def _continues_last_cell(row: _Row, line: Line) -> bool:
    last = row.cells[-1]
    step = last[-1].y - line.y
    if not 0 < step <= _TIGHT * max(line.size, last[-1].size) or (last[0].mono and line.mono):
        return False
    neighbour = max((old.x1 for cell in row.cells[:-1] for old in cell), default=0.0)
    return line.x0 > neighbour and last[0].x0 - _CELL_OVERLAP <= line.x0 <= max(old.x1 for old in last)


def _table_at(rows: Sequence[_Row], start: int) -> _Found | None:
    """Return the table that begins with a row of several cells."""
    if len(rows[start].cells) < 2:
        return None
    columns = [_sides(cell) for cell in rows[start].cells]
    taken: list[_Row] = [_Row([list(cell) for cell in rows[start].cells])]
    end = start + 1
    while end < len(rows):
        row = rows[end]
        size = row.lines[0].size
        if taken[-1].bottom - row.top > _WIDEST_ROW_GAP * size or row.top > taken[-1].bottom + _CELL_OVERLAP:
            break
        wider = _with_row(columns, row)
        if wider is None:
            break
        if len(row.cells) == 1:
            cell = row.cells[0]
            if size > _HEADING_SIZE * max(line.size for line in taken[-1].lines):
                break  # a heading between two tables
            if _column_of(cell, wider) > 0 and 0 < taken[-1].bottom - cell[0].y <= _PARAGRAPH_IN_CELL * size:
                taken[-1].cells.append(list(cell))  # one more paragraph of a cell; the first column begins rows
            elif _stands_between(rows, end, wider):
                taken.append(_Row([list(cell)]))
            else:
                break
        else:
            taken.append(_Row([list(cell) for cell in row.cells]))
        columns = wider
        end += 1
    while taken and len(taken[-1].cells) == 1:
        taken.pop()
        end -= 1
    full = [row for row in taken if len(row.cells) > 1]
    if len(full) < 2 or not _lines_up(full, columns) or not _is_tabular(full, columns):
        return None
    return _Found(taken, columns, end)


def _column_of(cell: Sequence[Line], columns: Sequence[tuple[float, float]]) -> int:
    """Return the column that a cell stands in; the columns are as wide as all of their cells."""
    start = min(line.x0 for line in cell)
    return next(at for at, (left, right) in enumerate(columns) if left <= start <= right)


def _stands_between(rows: Sequence[_Row], at: int, columns: list[tuple[float, float]]) -> bool:
    """Return whether a row with only a first cell belongs to the table, because another row of it is right below."""
    if rows[at].cells[0][0].x0 >= columns[0][1]:
        return False
    follows = at + 1 < len(rows) and len(rows[at + 1].cells) > 1 and _with_row(columns, rows[at + 1]) is not None
    return follows and rows[at].bottom - rows[at + 1].top <= _PARAGRAPH_IN_CELL * rows[at].lines[0].size


def _with_header(row: _Row, table: _Found) -> _Found | None:
    """Return the table with a header whose cells stand over its columns, though not in line with their cells."""
    columns = _with_row(table.columns, row)
    if columns is None or row.bottom - table.rows[0].top > _WIDEST_ROW_GAP * row.lines[0].size:
        return None
    if len({_column_of(cell, columns) for cell in row.cells}) < len(row.cells):
        return None
    return _Found([row, *table.rows], columns, table.end)


def _with_row(columns: Sequence[tuple[float, float]], row: _Row) -> list[tuple[float, float]] | None:
    """Return the columns, widened by a row; None if one of its cells stands in two of them."""
    wider = list(columns)
    for cell in row.cells:
        x0, x1 = _sides(cell)
        touched = [at for at, (left, right) in enumerate(wider) if x0 < right and left < x1]
        if len(touched) > 1:
            return None
        if touched:
            left, right = wider[touched[0]]
            wider[touched[0]] = (min(left, x0), max(right, x1))
        else:
            wider = sorted([*wider, (x0, x1)])
    return wider if len(wider) <= _MOST_COLUMNS else None


def _sides(cell: Sequence[Line]) -> tuple[float, float]:
    return min(line.x0 for line in cell), max(line.x1 for line in cell)


def _lines_up(rows: Sequence[_Row], columns: list[tuple[float, float]]) -> bool:
    """Return whether most cells of each column but the first share their left side, right side or middle."""
    for at in range(1, len(columns)):
        cells = [cell for row in rows for cell in row.cells if _column_of(cell, columns) == at]
        lefts, rights = [cell[0].x0 for cell in cells], [cell[0].x1 for cell in cells]
        middles = [(left + right) / 2 for left, right in zip(lefts, rights, strict=True)]
        if not any(map(_agree, (lefts, rights, middles))) or (at == 1 and len(cells) < 2):
            return False
    return True


def _agree(places: Sequence[float]) -> bool:
    median = sorted(places)[len(places) // 2]
    return sum(abs(place - median) <= _ALIGNED for place in places) >= _ALIGNED_SHARE * len(places)


def _is_tabular(rows: Sequence[_Row], columns: list[tuple[float, float]]) -> bool:
    """Return whether the rows are a table, and not a list, numbered headings, a table of contents or code."""
    first = [row.cells[0][0].text for row in rows]
    if 2 * sum(is_entry_of_contents(" ".join(line.text for line in row.lines)) for row in rows) >= len(rows):
        return False
    if len(columns) == 2 and all(is_marker(text) or is_numbering(text) for text in first):
        return False
    if all((marker := marker_of(text)) and marker.label is None for text in first):
        return False
    return not all(line.mono for row in rows for line in row.lines)


def _in_columns(row: _Row, columns: list[tuple[float, float]]) -> tuple[tuple[Line, ...], ...]:
    placed: list[list[Line]] = [[] for _ in columns]
    for cell in row.cells:
        lines = placed[_column_of(cell, columns)]
        if lines and on_one_baseline(lines[-1], cell[0]):
            lines[-1:] = [joined([lines[-1], cell[0]]), *cell[1:]]
        else:
            lines += cell
    return tuple(tuple(lines) for lines in placed)


def _flat(row: _Row) -> list[Line]:
    """Return the lines of a row that is not part of a table."""
    flat: list[Line] = []
    for line in row.lines:
        if flat and on_one_baseline(flat[-1], line) and line.x0 >= flat[-1].x1 - _TOUCH:
            flat[-1] = joined([flat[-1], line])
        else:
            flat.append(line)
    return flat
