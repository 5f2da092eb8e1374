"""Where a paragraph ends and the next one begins.

Space between paragraphs, an indented first line and a short last line all mark paragraphs. Each also has other uses,
so no single one decides.
"""

import re

from bbj_assets.convert.pdf.geometry import Line
from bbj_assets.convert.pdf.typography import Typography

_GAP = 0.3
"""Font sizes beyond the usual leading that separate paragraphs."""

_INDENT = 0.5
"""Font sizes; a smaller indent comes from the shapes of letters."""

_FIRST_LINE_INDENT = 4.0
"""Font sizes: the largest indent of a first line."""

_OTHER_SIZE = 0.12
"""Times the size of the text: lines whose sizes differ by more belong to different paragraphs."""

_ROOM = 1.5
"""Font sizes that a line must leave free beside the next word to count as a short line."""

_RISE = 0.3
"""Font sizes by which the next line may stand higher, as with superscripts."""

_FULL_LINE = 2
"""Font sizes that the last line of a page leaves free, at most, when its paragraph continues."""

_SAME_LEFT, _SAME_HANG = 1, 2
"""Points by which left edges of lines, and of hanging lines, differ that are aligned."""

_ENDS_SENTENCE = re.compile("[.!?:;][\"\u201d\u2019')\\]]?$")
_HYPHENS = ("-", "\u2010", "\u00ad")
_TOC_LINE = re.compile(r"(?:(?:[.·_…]\s*){4,}|(?:\s\.){2,}\s*)[\divxlcIVXLC-]{1,8}$")


def gap(last: Line, line: Line) -> float:
    """Return the distance from baseline to baseline, in font sizes."""
    return (last.y - line.y) / (max(last.size, line.size) or 1.0)


def is_apart(last: Line, line: Line, typography: Typography) -> bool:
    """Return whether there is more room between two lines of a page than between lines of a paragraph."""
    return not -_RISE <= gap(last, line) <= typography.leading + _GAP


def is_entry_of_contents(text: str) -> bool:
    """Return whether a text is a line of a table of contents: dots, then the number of a page."""
    return _TOC_LINE.search(text.rstrip()) is not None


def is_forced(last: Line, line: Line, right: float) -> bool:
    """Return whether a line ends although the first word of the next one would have had room.

    A line of a table of contents counts as such a line too.

    Args:
        last: the line that ends.
        line: the one below it.
        right: the right margin, from the lines so far.
    """
    if last.page != line.page or last.text.endswith(_HYPHENS):
        return False
    return max(right, line.x1) - last.x1 > line.first_width + _ROOM * line.size or is_entry_of_contents(last.text)


def _continues_on_next_page(last: Line, line: Line, *, lines: int, right: float) -> bool:
    """Return whether a paragraph continues on the next page; the arguments are those of `begins_paragraph`."""
    if last.text.endswith(_HYPHENS):
        return True
    if ends_sentence(last):
        return False
    return line.text[:1].islower() or (
        lines > 1 and right - last.x1 < _FULL_LINE * last.size and abs(last.x0 - line.x0) < _SAME_LEFT
    )


def begins_paragraph(last: Line, line: Line, *, lines: int, right: float, typography: Typography) -> bool:
    """Return whether `line` begins a paragraph rather than continuing the open one.

    Args:
        last: the last line of the open paragraph.
        line: the line that follows it.
        lines: number of lines of the open paragraph.
        right: the right margin, from the lines of the paragraph so far.
        typography: the typography of the manual.
    """
    if line.rotated or last.rotated or abs(last.size - line.size) > _OTHER_SIZE * typography.size:
        return True
    if last.page != line.page:
        return not _continues_on_next_page(last, line, lines=lines, right=right)
    if is_apart(last, line, typography):
        return True
    if last.hang is not None and abs(line.x0 - last.hang) < _SAME_HANG:
        return False
    indent = (line.x0 - last.x0) / (line.size or 1.0)
    forced = is_forced(last, line, right)
    if lines == 1 and -_FIRST_LINE_INDENT < indent < 0:
        return forced and ends_sentence(last)
    if forced and ends_sentence(last):
        return True
    return abs(indent) > _INDENT and (forced or ends_sentence(last))


def ends_sentence(line: Line) -> bool:
    """Return whether the line ends a sentence, or the announcement of a list."""
    return _ENDS_SENTENCE.search(line.text.rstrip()) is not None
