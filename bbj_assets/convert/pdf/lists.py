"""Markers of list items, and numbers of headings."""

import re
from dataclasses import replace
from typing import NamedTuple

from bbj_assets.convert.pdf.geometry import Line, Span
from bbj_assets.convert.pdf.lines import with_spans

_BULLETS = "•●○◦▪▫■□‣\u2043∙·➢➤►▶▸✓✔❖◆◇\u2013—*-"
_ITEM = re.compile(
    rf"(?P<bullet>[{_BULLETS}])(?=\s|$)"
    r"|(?P<label>\(?(?:\d{1,3}|[a-zA-Z]|[ivxlIVXL]{2,5})[.)]|\[\d{1,3}\])(?=\s|$)"
)
_NUMBERING = re.compile(r"(?:(?:\d{1,3}|[A-Z])(?:\.\d{1,3})+\.?|\d{1,3}\.?|[A-Z]\.|§\s*\d+)$")


class Marker(NamedTuple):
    """The start of an item: a bullet, or the label of a numbered one (`1.`, `(a)`)."""

    text: str
    label: str | None


def marker_of(text: str) -> Marker | None:
    """Return the marker that a line begins with; None without one."""
    found = _ITEM.match(text)
    return Marker(found[0], found["label"]) if found else None


def without_marker(line: Line, marker: Marker) -> Line | None:
    """Return the first line of an item without its marker; None if there is no text after it."""
    left = len(marker.text)
    spans: list[Span] = []
    for span in line.spans:
        text, left = span.text[left:], max(left - len(span.text), 0)
        text = text if spans else text.lstrip()
        if text:
            spans.append(Span(text, span.mono))
    if not spans:
        return None
    start = line.hang if line.hang is not None else line.x0 + (len(marker.text) + 1) * line.character_width
    return replace(with_spans(line, spans), x0=start, hang=None)


def is_marker(text: str) -> bool:
    """Return whether a text is a marker and nothing else."""
    found = _ITEM.fullmatch(text.strip())
    return found is not None


def is_numbering(text: str) -> bool:
    """Return whether a text is the number of a heading (`3.1`, `A.2`) and nothing else."""
    return _NUMBERING.match(text.strip()) is not None
