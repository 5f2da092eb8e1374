"""Lines of code, with the indentation and the blank lines that the page shows."""

import statistics
from collections.abc import Sequence
from itertools import pairwise

from bbj_assets.convert.pdf.geometry import Line, Unit
from bbj_assets.convert.pdf.paragraphs import is_apart, is_forced
from bbj_assets.convert.pdf.typography import Typography

_MOST_BLANK_LINES = 2
_MOST_TERMS = 6


def code_text(lines: Sequence[Line]) -> str:
    """Lines of code as text."""
    width = statistics.median(line.character_width for line in lines) or 1.0
    left = min(line.x0 for line in lines)
    pairs = list(pairwise(lines))
    step = min(
        (above.y - below.y for above, below in pairs if above.page == below.page and above.y > below.y), default=0
    )
    text = []
    for at, line in enumerate(lines):
        before = lines[at - 1] if at else None
        if before and before.page == line.page and step > 1:
            text += [""] * max(0, min(round((before.y - line.y) / step) - 1, _MOST_BLANK_LINES))
        text.append(" " * min(round((line.x0 - left) / width), 200) + line.text.rstrip())
    return "\n".join(text)


def is_code(line: Line, last: Line | None, right: float, typography: Typography, *, in_code: bool) -> bool:
    """Whether a line is one of code, and not a long command within a paragraph.

    Args:
        line: to be judged.
        last: the line above it, if that is one of a paragraph.
        right: the right margin of that paragraph.
        typography: of the manual.
        in_code: the line above it is one of code.
    """
    if not (line.mono and typography.has_code) or line.rotated:
        return False
    if in_code or len(line.text) < 2:
        return in_code
    if last is None or last.page != line.page or is_apart(last, line, typography):
        return True
    return abs(line.x0 - last.x0) > 1 or is_forced(last, line, right)


def are_terms(lines: Sequence[Line], following: Unit | None, typography: Typography) -> bool:
    """Whether what looks like code names what the indented text below it describes: options, functions."""
    if not isinstance(following, Line) or following.mono or len(lines) > _MOST_TERMS:
        return False
    last = lines[-1]
    if following.page != last.page or is_apart(last, following, typography):
        return False
    return all(abs(line.x0 - last.x0) < 1 for line in lines) and following.x0 > last.x0 + 0.5 * last.size
