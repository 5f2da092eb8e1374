r"""A scanner for Markdown blocks: where each one starts and ends, after CommonMark 0.31 and GFM tables.

Chunking needs no syntax tree, only the places where it may cut. A full parser costs 8 to 11 times as much, as
measured in docs/decisions.md. So one regular expression matches a whole block in C, and Python code runs once per block
instead of once per line. All repetition is possessive (`a*+`, and `(?>(?:ab)*)` for a group), so no input can cause
backtracking.

Two deliberate differences from CommonMark:

- A fence directly below an HTML tag is a fence, as in MDX and as its author meant it.
- A lazy continuation line of a list item belongs to the item even after a fence inside the item.

Lists and quotes are scanned inside (`children`) only when they are too long to stay whole.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["heading", "text", "fence", "table", "item", "quote", "html", "code"]


class Block(NamedTuple):
    """A block as offsets into its text: whole lines, without the final line break.

    Attributes:
        kind: `item` is one list item with everything nested in it; `code` is indented code; `text` is everything
            else, thematic breaks included.
        level: 1 to 6 for a heading, the column of the content for an item, 1 for a fence that is closed; otherwise 0.
    """

    kind: Kind
    start: int
    end: int
    level: int = 0

    @property
    def is_closed_fence(self) -> bool:
        """Whether this is a fenced code block that has its closing line."""
        return self.kind == "fence" and self.level == 1


_EOL = r"(?![^\n])"
_BLANK = rf"[ \t]*+{_EOL}"
_TAGS = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|"
    "dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|"
    "link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|"
    "tfoot|th|thead|title|tr|track|ul"
)
_VERBATIM_TAGS = "script|pre|style|textarea"
_HEADING = r"\#{1,6}(?![^ \t\n])"
_FENCE = rf"(?:`{{3,}}+[^`\n]*+{_EOL}|~{{3,}})"
_RULE = "(?:" + "|".join(rf"(?>(?:{mark}[ \t]*+){{3,}}){_EOL}" for mark in (r"\*", "-", "_")) + ")"
_HTML = rf"<(?i:(?:{_VERBATIM_TAGS})(?![^ \t\n>])|!--|\?|![a-z]|!\[CDATA\[|/?(?:{_TAGS})(?:[ \t\n>]|/>|{_EOL}))"
_ITEM = r"(?:[-+*]|[0-9]{1,9}+[.)])(?![^ \t\n])"
_DELIMITERS = rf"\|?[ \t]*+:?-++:?[ \t]*+(?>(?:\|[ \t]*+:?-++:?[ \t]*+)*)\|?{_BLANK}"
_UNDERLINE = rf"(?:=++|-++){_BLANK}"

# The lines that end a lazily continued paragraph in a list or quote, then those that end a plain paragraph.
# Most lines tested are blank, and most others begin with a letter and end nothing, so these cases come first.
_ENDS_CONTAINER = rf"{_BLANK}| {{0,3}}+(?![a-zA-Z])(?:{_HEADING}|{_FENCE}|>|{_RULE}|{_HTML}|{_ITEM})"
_ENDS_TEXT = (
    rf"{_BLANK}| {{0,3}}+(?![a-zA-Z])(?:{_HEADING}|{_FENCE}|>|{_RULE}|{_HTML}"
    rf"|(?:[-+*]|0{{0,8}}1[.)])[ \t]++[^ \t\n]|{_UNDERLINE}|{_DELIMITERS})"
)
_INDENT = r"(?: {4}| {0,3}\t)"
_TAG_ALONE = (
    r"<(?:[a-zA-Z][a-zA-Z0-9-]*+(?>(?:[ \t]++[a-zA-Z_:][a-zA-Z0-9_.:-]*+"
    r"(?>(?:[ \t]*+=[ \t]*+(?:[^ \t\n\"'=<>`]++|'[^'\n]*+'|\"[^\"\n]*+\"))?))*)[ \t]*+/?>"
    rf"|/[a-zA-Z][a-zA-Z0-9-]*+[ \t]*+>){_BLANK}"
)

_BLOCK = re.compile(
    rf"(?>(?:[ \t]*+\n)*)(?P<start>)(?:(?![a-zA-Z])(?:"  # a line that begins with a letter is text
    rf"(?P<heading> {{0,3}}+(?P<hashes>\#{{1,6}})(?![^ \t\n])[^\n]*+)"
    rf"|(?P<code>{_INDENT}[^\n]*+(?>(?:\n(?>(?:[ \t]*+\n)*){_INDENT}[ \t]*+[^ \t\n][^\n]*+)*))"
    rf"|(?P<fence> {{0,3}}+(?:(?P<ticks>`{{3,}}+)[^`\n]*+{_EOL}|(?P<tildes>~{{3,}}+)[^\n]*+))"
    rf"|(?P<quote> {{0,3}}+>[^\n]*+(?>(?:\n {{0,3}}+>[^\n]*+|\n(?!{_ENDS_CONTAINER})[^\n]++)*))"
    rf"|(?P<rule> {{0,3}}+{_RULE})"
    rf"|(?P<item> {{0,3}}+(?:[-+*]|[0-9]{{1,9}}+[.)])(?:(?P<pad>[ \t]++)|{_EOL}))"
    rf"|(?P<html> {{0,3}}+(?:{_HTML}|{_TAG_ALONE}))"
    rf")|(?P<text>[^\n]++(?>(?:\n(?!{_ENDS_TEXT})[^\n]++)*)))"
)
_NO_CONTENT = re.compile(r"\n[ \t]*+\n")  # after the marker of an item: the item ends there
_MORE_TEXT = re.compile(rf"[^\n]++(?>(?:\n(?!{_ENDS_TEXT})[^\n]++)*)")
_ROWS = re.compile(rf"[^\n]++(?>(?:\n(?! {{4}}|{_ENDS_CONTAINER})[^\n]++)*)")
_AFTER_TEXT = re.compile(rf"\n {{0,3}}+(?:(?P<delimiters>{_DELIMITERS})|(?P<underline>{_UNDERLINE}))")
_UNDERLINE_LINE = re.compile(rf" {{0,3}}+{_UNDERLINE}")
_UNTIL_BLANK = re.compile(rf"[^\n]*+(?>(?:\n(?!{_BLANK}| {{0,3}}+{_FENCE})[^\n]++)*)")
_HTML_ENDS = (  # the start of a verbatim HTML block, and what its last line contains
    (
        re.compile(rf" *<(?:{_VERBATIM_TAGS})(?![^ \t\n>])", re.IGNORECASE),
        re.compile(rf"</(?:{_VERBATIM_TAGS})>", re.IGNORECASE),
    ),
    (re.compile(r" *<!--"), re.compile(r"-->")),
    (re.compile(r" *<\?"), re.compile(r"\?>")),
    (re.compile(r" *<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(r" *<![a-zA-Z]"), re.compile(r">")),
)
_LINE_REST = re.compile(r"[^\n]*+")
_PIPE = re.compile(r"(?<!\\)\|")
_QUOTE_MARK = re.compile(r" {0,3}> ?")


def scan(text: str) -> list[Block]:
    r"""Return the blocks of `text` in order. They cover everything except blank lines.

    Lines must end in `\n` only. Takes time linear in the length of the text.
    """
    blocks: list[Block] = []
    add = blocks.append
    block_at = _BLOCK.match
    size = len(text.rstrip(" \t\n"))
    position = 0
    while position < size:
        match = block_at(text, position)
        assert match is not None  # noqa: S101 - every line that is not blank is at least text
        kind, start, end = match.lastgroup, match.end("start"), match.end()
        if kind == "text":
            end = _add_text(blocks, text, start, end)
        elif kind == "heading":
            add(Block("heading", start, end, len(match["hashes"])))
        elif kind == "fence":
            close = _closing_fence(match["ticks"] or match["tildes"]).search(text, end)
            end = close.end() if close else len(text.rstrip())
            add(Block("fence", start, end, 1 if close else 0))
        elif kind == "item":
            column = _content_column(text, match)
            if not _NO_CONTENT.match(text, end):
                end = _end_of_match(_item(column), text, end)
            add(Block("item", start, end, column))
        elif kind == "html":
            end = _html_end(text, start)
            add(Block("html", start, end))
        elif kind == "quote":
            add(Block("quote", start, end))
        elif kind == "code":
            add(Block("code", start, end))
        else:  # a thematic break
            add(Block("text", start, end))
        position = end + 1
    return blocks


def children(text: str, containers: Sequence[Block]) -> list[Block]:
    """Return the blocks inside the innermost container, as whole lines of `text`.

    The lines include the markers of the containers (`- `, `> `).

    Args:
        text: the whole text.
        containers: list items and quotes, outermost first; each one holds the next.
    """
    block = containers[-1]
    lines = text[block.start : block.end].split("\n")
    inner_lines = [line.expandtabs(4) for line in lines]
    for container in containers:
        if container.kind == "quote":
            inner_lines = [_QUOTE_MARK.sub("", line, count=1) for line in inner_lines]
        else:
            after_marker = inner_lines[0][container.level :]
            inner_lines = [_without_indent(line, container.level) for line in inner_lines]
            if container.start == block.start:  # the first line has the marker of this container
                inner_lines[0] = after_marker
    starts = _line_starts(lines, block.start)
    inner_starts = _line_starts(inner_lines, 0)
    found: list[Block] = []
    for kind, start, end, level in scan("\n".join(inner_lines)):
        first = bisect_right(inner_starts, start) - 1
        last = bisect_right(inner_starts, max(start, end - 1)) - 1
        found.append(Block(kind, starts[first], starts[last] + len(lines[last]), level))
    return found


def _add_text(blocks: list[Block], text: str, start: int, end: int) -> int:
    """Add a paragraph, or a heading or table if the next line makes it one; return the end offset."""
    while True:
        after = _AFTER_TEXT.match(text, end)
        if after is None:
            blocks.append(Block("text", start, end))
            return end
        header = text.rfind("\n", start, end) + 1 or start
        if after["delimiters"] is not None and _is_header(text[header:end], after["delimiters"]):
            if header > start:
                blocks.append(Block("text", start, header - 1))
            end = _end_of_match(_ROWS, text, end + 1)
            blocks.append(Block("table", header, end))
            return end
        if _UNDERLINE_LINE.match(text, end + 1):
            blocks.append(Block("heading", start, after.end(), 1 if "=" in after[0] else 2))
            return after.end()
        end = _end_of_match(_MORE_TEXT, text, end + 1)


def _end_of_match(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where the match at `position` ends; `position` itself without a match."""
    match = pattern.match(text, position)
    return match.end() if match else position


def _is_header(line: str, delimiters: str) -> bool:
    return "|" in line and _columns(line) == _columns(delimiters)


def _columns(line: str) -> int:
    line = line.strip().removeprefix("|")
    return len(_PIPE.findall(line)) + (0 if line.endswith("|") and not line.endswith("\\|") else 1)


def _html_end(text: str, start: int) -> int:
    for begins, ends in _HTML_ENDS:
        opening = begins.match(text, start)
        if opening:
            close = ends.search(text, opening.end())
            if close is None:
                return len(text.rstrip())
            return _end_of_match(_LINE_REST, text, close.end())
    return _end_of_match(_UNTIL_BLANK, text, start)


def _content_column(text: str, item: re.Match[str]) -> int:
    """Return the column where the content of a list item begins: its other lines must be indented as far."""
    start, end = item.end("start"), item.end()
    if item["pad"] is None:  # nothing after the marker
        return end - start + 1
    marker = item.start("pad") - start
    width = len(text[start:end].expandtabs(4))
    return marker + 1 if width - marker > 4 or text.startswith("\n", end) else width


def _without_indent(line: str, width: int) -> str:
    return line[min(width, len(line) - len(line.lstrip(" "))) :]


def _line_starts(lines: list[str], start: int) -> list[int]:
    starts: list[int] = []
    for line in lines:
        starts.append(start)
        start += len(line) + 1
    return starts


@lru_cache(maxsize=64)
def _closing_fence(mark: str) -> re.Pattern[str]:
    return re.compile(rf"\n {{0,3}}+{mark[0]}{{{len(mark)},}}+{_BLANK}")


@lru_cache(maxsize=64)
def _item(width: int) -> re.Pattern[str]:
    """Return the pattern for the rest of an item, after its marker; its content begins in column `width`."""
    tabs, spaces = divmod(width, 4)
    tab = r"(?: {0,3}\t)"  # advances to the next multiple of four
    enough = rf"(?: {{{width}}}|{tab}{{{tabs + (spaces > 0)}}}|{tab}{{{tabs}}} {{{spaces}}})"
    inside = rf"(?>(?:[ \t]*+\n)*){enough}[ \t]*+[^ \t\n][^\n]*+"
    return re.compile(rf"[^\n]*+(?>(?:\n{inside}|\n(?!{_ENDS_CONTAINER})[^\n]++)*)")
