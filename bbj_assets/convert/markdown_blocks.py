r"""Where the blocks of a Markdown text begin and end, after CommonMark 0.31 and GFM tables.

Chunking needs no syntax tree: it needs to know where it may cut. A full parser costs a hundred times
more than that answer, so one regular expression consumes a whole block at a time in C, and Python runs
once a block, not once a line. All repetition is possessive (`a*+`, and `(?>(?:ab)*)` of a group): no input makes it
backtrack.

Where this is not CommonMark, on purpose: a fence directly below an HTML tag is a fence, as it is in MDX and
as its author meant it; a line that continues a list item lazily is taken into it also behind a fence inside
the item. The inside of lists and quotes is looked at only when they are too long to stay whole (`children`).
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["heading", "text", "fence", "table", "item", "quote", "html", "code"]


class Block(NamedTuple):
    """A block as offsets into its text, whole lines, without the line break at its end.

    Attributes:
        kind: `item` is one item of a list with all that is nested in it; `code` is indented code; `text` is
            whatever remains, thematic breaks too.
        level: of a heading 1 to 6; of an item the column of its content; of a fence 1 when it is closed.
    """

    kind: Kind
    start: int
    end: int
    level: int = 0


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

# What ends a lazily continued paragraph in a list or quote; what ends a plain one. Most lines that are
# asked about are blank, and of the others most begin with a letter and end nothing: so those questions come first.
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
    rf"(?>(?:[ \t]*+\n)*)(?P<start>)(?:(?![a-zA-Z])(?:"  # what begins with a letter is text
    rf"(?P<heading> {{0,3}}+(?P<hashes>\#{{1,6}})(?![^ \t\n])[^\n]*+)"
    rf"|(?P<code>{_INDENT}[^\n]*+(?>(?:\n(?>(?:[ \t]*+\n)*){_INDENT}[ \t]*+[^ \t\n][^\n]*+)*))"
    rf"|(?P<fence> {{0,3}}+(?:(?P<ticks>`{{3,}}+)[^`\n]*+{_EOL}|(?P<tildes>~{{3,}}+)[^\n]*+))"
    rf"|(?P<quote> {{0,3}}+>[^\n]*+(?>(?:\n {{0,3}}+>[^\n]*+|\n(?!{_ENDS_CONTAINER})[^\n]++)*))"
    rf"|(?P<rule> {{0,3}}+{_RULE})"
    rf"|(?P<item> {{0,3}}+(?:[-+*]|[0-9]{{1,9}}+[.)])(?:(?P<pad>[ \t]++)|{_EOL}))"
    rf"|(?P<html> {{0,3}}+(?:{_HTML}|{_TAG_ALONE}))"
    rf")|(?P<text>[^\n]++(?>(?:\n(?!{_ENDS_TEXT})[^\n]++)*)))"
)
_NO_CONTENT = re.compile(r"\n[ \t]*+\n")  # behind the mark of an item, which ends there
_MORE_TEXT = re.compile(rf"[^\n]++(?>(?:\n(?!{_ENDS_TEXT})[^\n]++)*)")
_ROWS = re.compile(rf"[^\n]++(?>(?:\n(?! {{4}}|{_ENDS_CONTAINER})[^\n]++)*)")
_AFTER_TEXT = re.compile(rf"\n {{0,3}}+(?:(?P<delimiters>{_DELIMITERS})|(?P<underline>{_UNDERLINE}))")
_UNDERLINE_LINE = re.compile(rf" {{0,3}}+{_UNDERLINE}")
_UNTIL_BLANK = re.compile(rf"[^\n]*+(?>(?:\n(?!{_BLANK}| {{0,3}}+{_FENCE})[^\n]++)*)")
_HTML_ENDS = (  # how a verbatim HTML block begins, and what its last line contains
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
    r"""The blocks of `text` in order; they cover all of it but blank lines. Lines end in `\n` only.

    Linear in the length of the text.
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
            width = _content_column(text, start, match.start("pad"), match.end("pad"))
            if not _NO_CONTENT.match(text, end):
                end = _item(width).match(text, end).end()  # type: ignore[union-attr]
            add(Block("item", start, end, width))
        elif kind == "html":
            end = _html_end(text, start)
            add(Block("html", start, end))
        else:
            add(Block("text" if kind == "rule" else kind, start, end))  # type: ignore[arg-type]
        position = end + 1
    return blocks


def children(text: str, containers: Sequence[Block]) -> list[Block]:
    """The blocks inside the last of `containers`, which is a list item or a quote inside all the others.

    They are whole lines of `text`: the marks of the containers belong to them.
    """
    block = containers[-1]
    lines = text[block.start : block.end].split("\n")
    inner_lines = [line.expandtabs(4) for line in lines]
    for container in containers:
        if container.kind == "quote":
            inner_lines = [_QUOTE_MARK.sub("", line, count=1) for line in inner_lines]
        else:
            behind_mark = inner_lines[0][container.level :]
            inner_lines = [_without_indent(line, container.level) for line in inner_lines]
            if container.start == block.start:  # its mark is on the first line of what is looked at
                inner_lines[0] = behind_mark
    starts = _line_starts(lines, block.start)
    inner_starts = _line_starts(inner_lines, 0)
    found: list[Block] = []
    for kind, start, end, level in scan("\n".join(inner_lines)):
        first = bisect_right(inner_starts, start) - 1
        last = bisect_right(inner_starts, max(start, end - 1)) - 1
        found.append(Block(kind, starts[first], starts[last] + len(lines[last]), level))
    return found


def _add_text(blocks: list[Block], text: str, start: int, end: int) -> int:
    """Add the paragraph, or what the line behind it makes of it: a heading, or a paragraph and a table."""
    while True:
        after = _AFTER_TEXT.match(text, end)
        if after is None:
            blocks.append(Block("text", start, end))
            return end
        header = text.rfind("\n", start, end) + 1 or start
        if after["delimiters"] is not None and _is_header(text[header:end], after["delimiters"]):
            if header > start:
                blocks.append(Block("text", start, header - 1))
            end = _ROWS.match(text, end + 1).end()  # type: ignore[union-attr]  # the delimiters are there
            blocks.append(Block("table", header, end))
            return end
        if _UNDERLINE_LINE.match(text, end + 1):
            blocks.append(Block("heading", start, after.end(), 1 if "=" in after[0] else 2))
            return after.end()
        end = _MORE_TEXT.match(text, end + 1).end()  # type: ignore[union-attr]


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
            return _LINE_REST.match(text, close.end()).end()  # type: ignore[union-attr]
    return _UNTIL_BLANK.match(text, start).end()  # type: ignore[union-attr]


def _content_column(text: str, start: int, mark_end: int, end: int) -> int:
    """The column where the content of a list item begins: its other lines must be indented so far."""
    if mark_end < 0:  # nothing behind the mark
        mark_end = _LINE_REST.match(text, start).end()  # type: ignore[union-attr]
        return mark_end - start + 1
    mark = mark_end - start
    width = len(text[start:end].expandtabs(4))
    return mark + 1 if width - mark > 4 or text.startswith("\n", end) else width


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
    """The rest of an item whose content begins in column `width`, from behind its mark."""
    tabs, spaces = divmod(width, 4)
    tab = r"(?: {0,3}\t)"  # goes on to the next multiple of four
    enough = rf"(?: {{{width}}}|{tab}{{{tabs + (spaces > 0)}}}|{tab}{{{tabs}}} {{{spaces}}})"
    inside = rf"(?>(?:[ \t]*+\n)*){enough}[ \t]*+[^ \t\n][^\n]*+"
    return re.compile(rf"[^\n]*+(?>(?:\n{inside}|\n(?!{_ENDS_CONTAINER})[^\n]++)*)")
