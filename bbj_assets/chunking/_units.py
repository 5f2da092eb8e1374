r"""The units that a section is cut into when it does not fit into one piece.

A unit is the smallest part that moves from one piece to the next. Most blocks are one unit. A paragraph that is
too long becomes sentences, then words; a table becomes rows; a list item over the hard limit becomes the blocks
inside it. A unit records what a piece that begins with it must repeat, and what a piece that ends with it must add.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from bbj_assets.chunking.tokens import estimate_tokens, most_characters
from bbj_assets.convert.markdown_blocks import Block, children

_MAX_DEPTH = 8
"""Lists and quotes are opened to this depth and cut at lines below it: each level costs a copy of the text."""


class Grain(Enum):
    """How a unit may be cut and repeated."""

    OPENING = auto()  # stays with the next unit: a heading, the header of a table, the line that opens a fence
    PARAGRAPH = auto()  # may be cut into sentences
    SENTENCE = auto()  # may be cut into words
    WHOLE = auto()  # not cut; may be repeated as overlap
    PART = auto()  # not cut, not repeated: alone it is broken Markdown or meaningless


class Unit(NamedTuple):
    r"""A stretch of the text that stays in one piece.

    Attributes:
        start: offset in the text.
        end: offset in the text.
        tokens: estimate for the stretch itself.
        before: text that a piece beginning here repeats, with its line break (`"```\n"`).
        after: text that a piece ending here adds (`"\n```"`).
        nested: whether it is inside a list item and therefore indented.
        seals: whether its piece must end here, because `after` cannot stand in front of other text.
    """

    start: int
    end: int
    tokens: int
    grain: Grain
    before: str = ""
    after: str = ""
    nested: bool = False
    seals: bool = False


class Limits(NamedTuple):
    """Lengths in tokens.

    Attributes:
        capacity: the target for a piece.
        hard: fences and list items are cut only when they are longer than this.
        heading: a longer heading is treated as text.
    """

    capacity: int
    hard: int
    heading: int


def units(text: str, block: Block, limits: Limits, *, containers: tuple[Block, ...] = ()) -> Iterator[Unit]:
    """Cut a block into units, no finer than it must be."""
    kind, start, end, _ = block
    tokens = estimate_tokens(text[start:end])
    if kind == "heading" and not containers and tokens <= limits.heading:
        yield Unit(start, end, tokens, Grain.OPENING)
    elif kind in {"text", "heading"}:
        paragraph = Unit(start, end, tokens, Grain.PARAGRAPH)
        yield from [paragraph] if tokens <= limits.capacity else finer(text, paragraph, limits.capacity)
    elif tokens > (limits.hard if kind in {"fence", "item"} else limits.capacity):
        yield from _opened_up(text, block, limits, containers)
    elif kind == "fence":
        after = "" if block.is_closed_fence else "\n" + closing_fence(text, block)
        yield Unit(start, end, tokens, Grain.PART, after=after, seals=bool(after))
    else:
        grain = Grain.WHOLE if kind in {"item", "quote"} else Grain.PART
        yield Unit(start, end, tokens, grain)


def _opened_up(text: str, block: Block, limits: Limits, containers: tuple[Block, ...]) -> Iterator[Unit]:
    """Yield the units of a block that is too long to be one unit."""
    kind, start, end, _ = block
    if kind == "fence":
        yield from _fence(text, block, limits.capacity)
    elif kind == "table":
        yield from _table(text, block, limits, nested=bool(containers))
    elif kind == "html":
        before, after = _html_tags(text[start : start + 100])
        *lines, last = _lines(text, start, end, limit=limits.capacity, before=before, after=after)
        yield from [*lines, last._replace(after="")]
    elif kind == "code" or len(containers) == _MAX_DEPTH:
        yield from _lines(text, start, end, limit=limits.capacity)
    else:
        containers = (*containers, block)
        parts = [
            unit for child in children(text, containers) for unit in units(text, child, limits, containers=containers)
        ]
        yield from _without_gaps(text, block, parts or list(_lines(text, start, end, limit=limits.capacity)))


def _without_gaps(text: str, block: Block, parts: list[Unit]) -> Iterator[Unit]:
    """Yield the units inside a container so that they cover all of it, including lines with only its marker (`>`)."""
    nested = block.kind == "item"
    parts[0] = parts[0]._replace(start=block.start)
    for unit, following in zip(parts, [*(part.start for part in parts[1:]), block.end], strict=True):
        unit = unit._replace(nested=nested or unit.nested)  # noqa: PLW2901 - the same unit, now with its nesting
        gap = text[unit.end : following].rstrip()
        if not gap:
            yield unit
        elif unit.after:  # must directly follow the unit
            yield unit
            start = unit.end + len(gap) - len(gap.lstrip())
            yield Unit(start, unit.end + len(gap), estimate_tokens(gap), Grain.PART, nested=unit.nested)
        else:
            yield unit._replace(end=unit.end + len(gap), tokens=unit.tokens + estimate_tokens(gap))


_SENTENCE_END = re.compile(  # punctuation first: `re` scans for a set of characters before it tries the rest
    r"""[.!?\u2026\u3002\uff01\uff1f](?:"""
    r"""(?<=[.!?\u2026])["'\u201d\u2019\u00bb)\]*_`]*+\s+(?=[^\sa-z])"""  # in scripts with spaces
    r"""|(?<=[\u3002\uff01\uff1f])[\u201d\u2019\u300d\u300f\uff09]*+\s*+)"""  # in Chinese and Japanese
)
_WORD = re.compile(r"\S++")
_MARGIN = re.compile(r"[ \t>]{1,24}")
_BEGINS_BLOCK = re.compile(r"`{3}|~{3}|#{1,6}(?:\s|\Z)|[0-9]{1,9}[.)]\s|[-+*=|<]")
"""Text whose meaning changes when it begins a piece instead of standing within a line."""
_BEGINS_FENCE_OR_HEADING = re.compile(r"`{3}|~{3}|#{1,6}(?:\s|\Z)")


def sentence_starts(text: str, start: int, end: int) -> list[int]:
    """Return the offsets where the sentences of a paragraph begin, including its own start."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text, start, end)]
    return [start, *(at for at in ends if at < end and not _BEGINS_BLOCK.match(text, at, end))]


def finer(text: str, unit: Unit, limit: int) -> list[Unit]:
    """Cut a unit further: a paragraph into sentences, a sentence into words, anything else not at all."""
    if unit.grain is Grain.PARAGRAPH:
        starts = sentence_starts(text, unit.start, unit.end)
        sentences: list[Unit] = []
        for start, following in zip(starts, [*starts[1:], unit.end], strict=True):
            end = start + len(text[start:following].rstrip())
            tokens = estimate_tokens(text[start:end])
            sentence = Unit(start, end, tokens, Grain.SENTENCE, nested=unit.nested)
            sentences.extend([sentence] if tokens <= limit else finer(text, sentence, limit))
        return sentences
    if unit.grain is Grain.SENTENCE:
        return [
            Unit(
                start,
                end,
                estimate_tokens(text[start:end]),
                Grain.PART,
                # A cut here must not turn the text after it into a fence or a heading.
                before="\\" if start > unit.start and _BEGINS_FENCE_OR_HEADING.match(text, start, end) else "",
                nested=unit.nested,
            )
            for start, end in _words(text, unit.start, unit.end, limit=limit)
        ]
    return [unit]


def _words(text: str, start: int, end: int, *, limit: int) -> Iterator[tuple[int, int]]:
    """Yield spans of a few words, or of a few characters of a word that is longer than a piece."""
    step = most_characters(max(1, limit // 4))
    held = start
    margin = _MARGIN.match(text, start, end)
    content = margin.end() if margin else start
    for word in _WORD.finditer(text, start, end):
        at, until = word.span()
        # A word that would begin a block stays with the word before it, and a line keeps its leading markers.
        enough = step if _BEGINS_BLOCK.match(text, at, end) else step // 2
        if at <= content or until - held <= enough:
            continue
        yield from _steps(text, held, at, step=step, limit=limit)
        held = at
    yield from _steps(text, held, end, step=step, limit=limit)


def _steps(text: str, start: int, end: int, *, step: int, limit: int) -> Iterator[tuple[int, int]]:
    """Yield the span whole if it is within `limit` tokens, otherwise in spans of `step` characters."""
    end = start + len(text[start:end].rstrip())
    if estimate_tokens(text[start:end]) <= limit:
        yield start, end
        return
    for at in range(start, end, step):
        yield at, min(at + step, end)


def _lines(text: str, start: int, end: int, *, limit: int, before: str = "", after: str = "") -> Iterator[Unit]:
    """Yield lines as units; a line over `limit` tokens is cut at words."""
    at = start
    while at < end:
        line_end = text.find("\n", at, end)
        line_end = end if line_end < 0 else line_end
        tokens = estimate_tokens(text[at:line_end])
        if tokens > limit:
            for first, last in _words(text, at, line_end, limit=limit):
                yield Unit(first, last, estimate_tokens(text[first:last]), Grain.PART, before=before, after=after)
        elif tokens:
            yield Unit(at, line_end, tokens, Grain.PART, before=before, after=after)
        at = line_end + 1


_FENCE_LINE = re.compile(r"([^\n]*?)(`{3,}+|~{3,}+)[ \t]*+([^\s`]*+)")
_MARKER = re.compile(r"[^>\s]")
_LIST_MARKERS = re.compile(r"[ \t>]*+(?>(?:(?:[-+*]|[0-9]{1,9}+[.)])[ \t]++)*)")
_PADDING = re.compile(r" {2,}+|-{4,}+")


def _blanked(prefix: str) -> str:
    """Return the text before a block with its list markers blanked, so that a repeated line keeps its column."""
    return _MARKER.sub(" ", prefix)


def closing_fence(text: str, block: Block) -> str:
    """Return the closing line for a fenced block whose author left it open."""
    line = _FENCE_LINE.match(text, block.start, block.end)
    assert line is not None  # noqa: S101 - that line is what made it a fence
    return _blanked(line[1]) + line[2]


def _fence(text: str, block: Block, limit: int) -> Iterator[Unit]:
    """Yield the lines of a fenced code block; every piece of it is a fenced code block again."""
    line = _FENCE_LINE.match(text, block.start, block.end)
    assert line is not None  # noqa: S101 - that line is what made it a fence
    first_end = text.find("\n", block.start, block.end)
    last_start = text.rfind("\n", block.start, block.end) if block.is_closed_fence else block.end
    edges = (text[block.start : first_end], text[last_start : block.end])
    if first_end < 0 or max(map(estimate_tokens, edges)) > limit // 2:  # no room to repeat the fence
        whole = Unit(block.start, block.end, 0, Grain.SENTENCE)
        yield from finer(text, whole, limit)
        return
    mark = line[2]
    runs = re.findall(rf"{mark}+", text[first_end:last_start])
    if runs:  # such a run at a line start would close the fence, so use a longer one
        mark = mark[0] * (max(map(len, runs)) + 1)
    prefix = _blanked(line[1])
    before, after = f"{prefix}{mark}{line[3]}\n", f"\n{prefix}{mark}"
    first_tokens = estimate_tokens(text[block.start : first_end])
    yield Unit(block.start, first_end, first_tokens, Grain.OPENING)
    lines = list(_lines(text, first_end + 1, last_start, limit=limit, before=before, after=after))
    if lines:
        last = lines.pop()
        if block.is_closed_fence:  # the closing line stays with the last line of code
            tokens = last.tokens + estimate_tokens(text[last_start : block.end])
            last = last._replace(end=block.end, tokens=tokens, after=after if runs else "")
        lines.append(last._replace(seals=bool(last.after)))
    for unit in lines:
        is_cut_line = ">" in prefix and text[unit.start - 1] != "\n"  # the marker of its quote is in another piece
        yield unit._replace(before=before + prefix) if is_cut_line else unit


def _table(text: str, block: Block, limits: Limits, *, nested: bool) -> Iterator[Unit]:
    """Yield the rows of a table; every piece of it begins with the header."""
    start, end = block.start, block.end
    header_end = text.find("\n", text.find("\n", start, end) + 1, end)
    if header_end < 0:  # no rows
        yield from _lines(text, start, end, limit=limits.hard)
        return
    header = text[start:header_end]
    room = limits.capacity // 2
    if nested:
        header = _LIST_MARKERS.sub(lambda markers: _blanked(markers[0]), header, count=1)
    if estimate_tokens(header) > room:  # some sources align columns with a hundred dashes
        header = _PADDING.sub(lambda run: run[0][0] * (3 if run[0][0] == "-" else 1), header)
    before = header + "\n" if estimate_tokens(header) <= room else ""  # otherwise no room is left for rows
    tokens = estimate_tokens(text[start:header_end])
    if tokens <= room:
        yield Unit(start, header_end, tokens, Grain.OPENING)
        start = header_end + 1
    else:  # the header stays with its first row, if both are within the hard limit
        first_row_end = text.find("\n", header_end + 1, end)
        first_row_end = end if first_row_end < 0 else first_row_end
        tokens = estimate_tokens(text[start:first_row_end])
        if tokens <= limits.hard:
            yield Unit(start, first_row_end, tokens, Grain.PART)
            start = first_row_end + 1
    yield from _lines(text, start, end, limit=limits.hard, before=before)


_TAG = re.compile(r"\s*+(?:(<!--)|<([a-zA-Z][a-zA-Z0-9-]*+))")
_VOID = frozenset({"base", "col", "frame", "hr", "link", "meta", "br", "img", "input", "param", "source", "track"})


def _html_tags(beginning: str) -> tuple[str, str]:
    """Return the tags that reopen and close the element that an HTML block begins with."""
    match = _TAG.match(beginning)
    if match is None or (match[2] and match[2].lower() in _VOID):
        return "", ""
    return ("<!--\n", "\n-->") if match[1] else (f"<{match[2]}>\n", f"\n</{match[2]}>")
