"""Units in reading order as Markdown: paragraphs, lists, code, tables and headings within a section."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bbj_assets.convert.html.block import Block, join, list_block
from bbj_assets.convert.html.table import Cell, table_blocks
from bbj_assets.convert.html.text import escape, fence
from bbj_assets.convert.pdf.code import are_terms, code_text, is_code
from bbj_assets.convert.pdf.geometry import Line, Table, Unit
from bbj_assets.convert.pdf.layout import Layout, begins_note
from bbj_assets.convert.pdf.lists import Marker, marker_of, without_marker
from bbj_assets.convert.pdf.paragraphs import begins_paragraph, ends_sentence, is_apart, is_forced
from bbj_assets.convert.pdf.reflow import paragraph, plain
from bbj_assets.convert.pdf.typography import Typography

_SAME_MARGIN = 6.0
"""Points by which the markers of one list may differ: numbers of two digits are set farther to the left."""

_LEFT_OF_EVERYTHING = -1e9
"""Points: an x that closes every open list."""

_HANGING = 0.4
"""Font sizes by which the text of an item may begin to the left of its marker and still belong to the item."""

_ITEM_INDENT = 0.5
"""Font sizes: a marker that is indented by more than this against the line above begins an item."""

_DEEPEST_HEADING = 6


def to_markdown(layout: Layout, start: int, end: int) -> str:
    """Convert the units from `start` up to `end` to Markdown; the largest headings among them get level two."""
    levels = sorted({layout.headings[at].level for at in range(start, end) if at in layout.headings})
    writer = _Writer(layout.typography)
    at = start
    while at < end:
        heading, unit = layout.headings.get(at), layout.units[at]
        if heading and at + heading.count <= end:
            lines = [unit for unit in layout.units[at : at + heading.count] if isinstance(unit, Line)]
            writer.heading(
                plain(lines, layout.typography.words), min(2 + levels.index(heading.level), _DEEPEST_HEADING)
            )
            at += heading.count
            continue
        if isinstance(unit, Table):
            writer.table(unit)
        elif at in layout.notes:
            writer.note(unit)
        else:
            writer.line(unit, layout.margins[at])
        at += 1
    return join(writer.finish())


@dataclass(slots=True)
class _List:
    """An open list; `x0` is the left edge of its markers."""

    x0: float
    items: list[list[Block]] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)

    def block(self) -> Block | None:
        """Return the list as Markdown: numbered when its labels are consecutive, else with bullets and the labels."""
        digits = [(label or "").strip("().[]") for label in self.labels]
        first = int(digits[0]) if digits[0].isdecimal() else None
        if first is not None and digits == [str(first + at) for at in range(len(digits))]:
            return list_block(self.items, start=first)
        return list_block([_labelled(label, item) for label, item in zip(self.labels, self.items, strict=True)])


class _Writer:
    """Collects blocks; holds the current paragraph or code, the pending footnotes and the open lists."""

    def __init__(self, typography: Typography) -> None:
        self.typography = typography
        self._blocks: list[Block] = []
        self._lists: list[_List] = []
        self._paragraph: list[tuple[Line, bool]] = []
        self._right = 0.0
        self._code: list[Line] = []
        self._notes: list[Line] = []

    def finish(self) -> list[Block]:
        """Close what is open and return the blocks, in reading order."""
        self._leave(_LEFT_OF_EVERYTHING, None)
        return self._blocks

    def heading(self, text: str, level: int) -> None:
        """Add a heading; it closes the paragraph, the code and the lists that are open."""
        self._leave(_LEFT_OF_EVERYTHING, None)
        self._blocks.append(Block("heading", escape(text), level=level))

    def table(self, table: Table) -> None:
        """Add a table, inside the item of the list that it is indented into."""
        self._leave(min(line.x0 for line in table.lines), table)
        self._target.extend(table_blocks([[self._cell(cell) for cell in row] for row in table.rows]))

    def note(self, line: Line) -> None:
        """Hold back a line of a footnote until the paragraph ends, which may be on the next page."""
        if not self._paragraph:
            self._end_code(None)
        self._notes.append(line)

    def line(self, line: Line, margin: float) -> None:
        """Add a line of a paragraph, of an item, or of code; its right margin is at least at `margin`."""
        last = self._paragraph[-1][0] if self._paragraph else None
        if is_code(line, last, self._right, self.typography, in_code=bool(self._code)):
            if not self._code:
                self._leave(line.x0, line)
            self._code.append(line)
            return
        self._end_code(line)
        marker = None if line.rotated else marker_of(line.text)
        if marker and self._begins_item(last, line, marker):
            self._open_item(line, marker)
            text = without_marker(line, marker)
            if text:
                self._append(text, margin)
        elif last is None:
            if not self._in_empty_item:
                self._leave(line.x0 - _HANGING * line.size, line)
            self._append(line, margin)
        else:
            if begins_paragraph(last, line, lines=len(self._paragraph), right=self._right, typography=self.typography):
                self._leave(line.x0 - _HANGING * line.size, line)
            self._append(line, margin)

    @property
    def _target(self) -> list[Block]:
        return self._lists[-1].items[-1] if self._lists else self._blocks

    @property
    def _in_empty_item(self) -> bool:
        return bool(self._lists) and not self._lists[-1].items[-1]

    def _append(self, line: Line, margin: float) -> None:
        last = self._paragraph[-1][0] if self._paragraph else None
        self._right = max(self._right, line.x1, margin) if last else max(line.x1, margin)
        self._paragraph.append((line, last is not None and is_forced(last, line, self._right)))

    def _begins_item(self, last: Line | None, line: Line, marker: Marker) -> bool:
        if last is None:
            return True
        if self._lists and abs(self._lists[-1].x0 - line.x0) < _SAME_MARGIN:
            return True
        if last.page != line.page or is_apart(last, line, self.typography):
            return marker.label is None or ends_sentence(last)
        return (
            abs(line.x0 - last.x0) > _ITEM_INDENT * line.size
            or is_forced(last, line, self._right)
            or last.text.endswith(":")
        )

    def _open_item(self, line: Line, marker: Marker) -> None:
        self._end_text(line)
        while self._lists and self._lists[-1].x0 > line.x0 + _SAME_MARGIN:
            self._close_list()
        if not self._lists or line.x0 > self._lists[-1].x0 + _SAME_MARGIN:
            self._lists.append(_List(line.x0))
        self._lists[-1].items.append([])
        self._lists[-1].labels.append(marker.label)

    def _leave(self, x0: float, following: Unit | None) -> None:
        """Close the paragraph or the code, and the lists whose markers are not to the left of `x0`."""
        self._end_text(following)
        while self._lists and self._lists[-1].x0 >= x0:
            self._close_list()

    def _close_list(self) -> None:
        block = self._lists.pop().block()
        if block:
            self._target.append(block)

    def _end_text(self, following: Unit | None) -> None:
        self._end_code(following)
        if self._paragraph:
            self._write(self._paragraph)
            self._paragraph = []
        notes, self._notes = self._notes, []
        while notes:  # only the first line of a note begins with its mark
            count = next((at for at in range(1, len(notes)) if begins_note(notes[at])), len(notes))
            self._write([(line, False) for line in notes[:count]])
            del notes[:count]

    def _end_code(self, following: Unit | None) -> None:
        if not self._code:
            return
        lines, self._code = self._code, []
        if are_terms(lines, following, self.typography):
            self._write([(line, at > 0) for at, line in enumerate(lines)])
        else:
            text = code_text(lines)
            self._target.append(Block("code", fence(text), flat=text))

    def _write(self, lines: Sequence[tuple[Line, bool]]) -> None:
        texts = paragraph(lines, self.typography.words, has_code=self.typography.has_code)
        self._target.extend(Block("text", text) for text in texts)

    def _cell(self, lines: Sequence[Line]) -> Cell:
        parts: list[list[tuple[Line, bool]]] = []
        for at, line in enumerate(lines):
            if not at or marker_of(line.text) or is_apart(lines[at - 1], line, self.typography):
                parts.append([])
            parts[-1].append((line, False))
        texts = [t for part in parts for t in paragraph(part, self.typography.words, has_code=self.typography.has_code)]
        return Cell([Block("text", text) for text in texts], header=bool(lines) and all(line.bold for line in lines))


def _labelled(label: str | None, item: list[Block]) -> list[Block]:
    if not label:
        return item
    if item and item[0].kind == "text":
        return [Block("text", f"{escape(label)} {item[0].text}"), *item[1:]]
    return [Block("text", escape(label)), *item]
