"""The usual typography of a manual: the size of its text, the leading of its lines, and its words.

A PDF does not mark headings and paragraphs. They are found by how they differ from the usual typography.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.geometry import Line

_STEPS = (0.9, 2.2)
"""Font sizes from baseline to baseline that may be the leading of a paragraph."""

_STEPS_A_SIZE = 20
"""Leading is measured in steps of 1/20 of the font size."""

_USUAL_SIZE, _USUAL_LEADING = 10.0, 1.2
"""Points, and font sizes: for a manual without lines to measure."""

_MOST_MONO = 0.7
"""Share of characters in fixed pitch above which the pitch does not mean code."""

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Typography:
    """The typography of a manual.

    Attributes:
        size: font size of most of its characters, in points.
        leading: from baseline to baseline of one paragraph, in font sizes.
        has_code: whether fixed-pitch text is code, because most of the text is not in such a font.
        words: its words in lower case, with hyphens, without those divided at the end of a line.
    """

    size: float
    leading: float
    has_code: bool
    words: frozenset[str]


def typography_of(pages: Sequence[Sequence[Line]]) -> Typography:
    """Measure the typography of the pages."""
    sizes: Counter[float] = Counter()
    mono: Counter[bool] = Counter()
    steps: Counter[float] = Counter()
    for lines in pages:
        before: Line | None = None
        for line in lines:
            if line.rotated:
                continue
            sizes[line.size] += len(line.text)
            mono[line.mono] += len(line.text)
            if before and before.size == line.size and min(before.x1, line.x1) > max(before.x0, line.x0):
                step = (before.y - line.y) / (line.size or 1.0)
                if _STEPS[0] < step < _STEPS[1]:
                    steps[round(step * _STEPS_A_SIZE) / _STEPS_A_SIZE] += 1
            before = line
    return Typography(
        size=max(sizes, key=lambda size: sizes[size], default=_USUAL_SIZE) or _USUAL_SIZE,
        leading=max(steps, key=lambda step: steps[step], default=_USUAL_LEADING),
        has_code=mono[True] <= _MOST_MONO * mono.total(),
        words=_words(line for lines in pages for line in lines),
    )


def _words(lines: Iterable[Line]) -> frozenset[str]:
    words: set[str] = set()
    was_cut = False
    for line in lines:
        found = _WORD.findall(line.text.lower())
        cut = line.text.rstrip()[-1:] in {"-", "\u2010", "\u00ad"}
        words.update(found[was_cut : len(found) - cut])
        was_cut = cut
    return frozenset(words)
