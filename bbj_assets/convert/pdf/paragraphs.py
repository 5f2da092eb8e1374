"""Where a paragraph ends and the next one begins.

There are many ways to set paragraphs apart: space between them, an indented first line, a short last line. Each
of them is also used for something else, so no single one decides.
"""

import re

from bbj_assets.convert.pdf.geometry import Line
from bbj_assets.convert.pdf.typography import Typography

_GAP = 0.3
"""Font sizes beyond the usual leading that part paragraphs."""

_INDENT = 0.5
"""Font sizes; a smaller one is a matter of how letters are shaped."""

_FIRST_LINE_INDENT = 4.0
_OTHER_SIZE = 0.12
_ROOM = 1.5
_ENDS_SENTENCE = re.compile("[.!?:;][\"\u201d\u2019')\\]]?$")
_HYPHENS = ("-", "\u2010", "\u00ad")
_TOC_LINE = re.compile(r"(?:(?:[.·_…]\s*){4,}|(?:\s\.){2,}\s*)[\divxlcIVXLC-]{1,8}$")


def gap(last: Line, line: Line) -> float:
    """From baseline to baseline, in font sizes."""
    return (last.y - line.y) / (max(last.size, line.size) or 1.0)


def is_apart(last: Line, line: Line, typography: Typography) -> bool:
    """Whether there is more room between two lines of a page than between lines of a paragraph."""
    return not -0.3 <= gap(last, line) <= typography.leading + _GAP


def is_entry_of_contents(text: str) -> bool:
    """Whether it is a line of a table of contents: dots, then the number of a page."""
    return _TOC_LINE.search(text.rstrip()) is not None


def is_forced(last: Line, line: Line, right: float) -> bool:
    """Whether a line ends although the first word of the next one would have had room.

    Args:
        last: the line.
        line: the one below it.
        right: the margin, as far as it is known from the lines before.
    """
    if last.page != line.page or last.text.endswith(_HYPHENS):
        return False
    return max(right, line.x1) - last.x1 > line.first_width + _ROOM * line.size or is_entry_of_contents(last.text)


def goes_on(last: Line, line: Line, *, lines: int, right: float) -> bool:
    """Whether a paragraph goes on over the end of a page; the arguments are those of `begins_paragraph`."""
    if last.text.endswith(_HYPHENS):
        return True
    if ends_sentence(last):
        return False
    return line.text[:1].islower() or (lines > 1 and right - last.x1 < 2 * last.size and abs(last.x0 - line.x0) < 1)


def begins_paragraph(last: Line, line: Line, *, lines: int, right: float, typography: Typography) -> bool:
    """Whether `line` is the first one of a paragraph rather than the next one of an open paragraph.

    Args:
        last: of the open paragraph.
        line: that follows it.
        lines: that the open paragraph has.
        right: the margin, as far as it is known from the paragraph.
        typography: of the manual.
    """
    if line.rotated or last.rotated or abs(last.size - line.size) > _OTHER_SIZE * typography.size:
        return True
    if last.page != line.page:
        return not goes_on(last, line, lines=lines, right=right)
    if is_apart(last, line, typography):
        return True
    if last.hang is not None and abs(line.x0 - last.hang) < 2:
        return False
    indent = (line.x0 - last.x0) / (line.size or 1.0)
    forced = is_forced(last, line, right)
    if lines == 1 and -_FIRST_LINE_INDENT < indent < 0:
        return forced and ends_sentence(last)
    if forced and ends_sentence(last):
        return True
    return abs(indent) > _INDENT and (forced or ends_sentence(last))


def ends_sentence(line: Line) -> bool:
    """Whether a sentence ends with the line, or what announces a list."""
    return _ENDS_SENTENCE.search(line.text.rstrip()) is not None
