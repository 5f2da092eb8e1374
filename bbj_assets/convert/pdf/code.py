"""Lines of code, with the indentation and the blank lines that the page shows."""

import statistics
from collections.abc import Sequence
from itertools import pairwise

from bbj_assets.convert.pdf.geometry import Line, Unit
from bbj_assets.convert.pdf.paragraphs import is_apart, is_forced
from bbj_assets.convert.pdf.typography import Typography

_MOST_BLANK_LINES = 2
"""A larger gap is kept as this many empty lines."""

_MOST_INDENT = 200
"""Characters: a bound for damaged coordinates."""

_LEAST_LEADING = 1
"""Points between baselines; less means that lines overprint each other."""

_MOST_TERMS = 6
"""Lines of a term in front of its description; more lines are code."""

_SAME_LEFT = 1
"""Points by which left edges of lines differ that are not indented against each other."""

_TERM_INDENT = 0.5
"""Font sizes by which a description is indented against its term, at least."""


def code_text(lines: Sequence[Line]) -> str:
    """Return lines of code as text, with indentation and blank lines."""
    width = statistics.median(line.character_width for line in lines) or 1.0
    left = min(line.x0 for line in lines)
    pairs = list(pairwise(lines))
    step = min(
        (above.y - below.y for above, below in pairs if above.page == below.page and above.y > below.y), default=0
    )
    text = []
    for at, line in enumerate(lines):
        before = lines[at - 1] if at else None
        if before and before.page == line.page and step > _LEAST_LEADING:
            text += [""] * max(0, min(round((before.y - line.y) / step) - 1, _MOST_BLANK_LINES))
        text.append(" " * min(round((line.x0 - left) / width), _MOST_INDENT) + line.text.rstrip())
    return "\n".join(text)


def is_code(line: Line, last: Line | None, right: float, typography: Typography, *, in_code: bool) -> bool:
    """Return whether a line is code, and not a long command within a paragraph.

    Args:
        line: the line to classify.
        last: the line above it, if that is part of a paragraph.
        right: the right margin of that paragraph.
        typography: the typography of the manual.
        in_code: whether the line above it is code.
    """
    if not (line.mono and typography.has_code) or line.rotated:
        return False
    if in_code or len(line.text) < 2:
        return in_code
    if last is None or last.page != line.page or is_apart(last, line, typography):
        return True
    return abs(line.x0 - last.x0) > _SAME_LEFT or is_forced(last, line, right)


def are_terms(lines: Sequence[Line], following: Unit | None, typography: Typography) -> bool:
    """Return whether the lines are not code but terms (options, functions), which the indented text below describes."""
    if not isinstance(following, Line) or following.mono or len(lines) > _MOST_TERMS:
        return False
    last = lines[-1]
    if following.page != last.page or is_apart(last, following, typography):
        return False
    return (
        all(abs(line.x0 - last.x0) < _SAME_LEFT for line in lines) and following.x0 > last.x0 + _TERM_INDENT * last.size
    )
