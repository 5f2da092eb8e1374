"""What is usual in a manual: the size of its text, the distance of its lines, the words that it is written in.

Nothing in a PDF says what a heading or a paragraph is. It is told by the difference from what is usual.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bbj_assets.convert.pdf.geometry import Line

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Typography:
    """How a manual is set.

    Attributes:
        size: of most of its characters, in points.
        leading: from baseline to baseline of one paragraph, in font sizes.
        has_code: fixed-pitch fonts mean something, because most of the text is not in one.
        words: every word of it in lower case, those with hyphens too, but none that is cut by the end of a line.
    """

    size: float
    leading: float
    has_code: bool
    words: frozenset[str]


def typography_of(pages: Sequence[Sequence[Line]]) -> Typography:
    """Measure the pages."""
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
                if 0.9 < step < 2.2:
                    steps[round(step * 20) / 20] += 1
            before = line
    return Typography(
        size=max(sizes, key=lambda size: sizes[size], default=10.0) or 10.0,
        leading=max(steps, key=lambda step: steps[step], default=1.2),
        has_code=mono[True] <= 0.7 * mono.total(),
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
