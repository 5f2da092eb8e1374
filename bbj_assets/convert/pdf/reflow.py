"""Lines of a paragraph as running text: line-end hyphens removed, code marked as code.

Whether a hyphen at the end of a line belongs to the word ("read-only") or to the line ("pro-gram") is not in the
file. The rest of the manual decides: one of the two spellings mostly occurs elsewhere, within a line.
"""

import re
from collections.abc import Collection, Sequence

from bbj_assets.convert.html.inline import LINE_BREAK, Mark, Token, paragraphs
from bbj_assets.convert.pdf.geometry import Line, Span

_HYPHENS = ("-", "\u2010", "\u00ad")
_TAIL = re.compile(r"([^\W\d_]+(?:-[^\W\d_]+)*)[-\u2010\u00ad]$")
_HEAD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LEADERS = re.compile(r"(?:\s*\.){5,}\s*|(?:(?<!\S)\.\s+){2,}|(?:\s*[…·_]){4,}\s*")
_OPEN_NAME = re.compile(r"_$|\S*(?:://|/\S*)/$|\S*://\S*[/.?&=-]$")


def paragraph(lines: Sequence[tuple[Line, bool]], words: Collection[str], *, has_code: bool) -> list[str]:
    """Return the paragraphs of some lines as Markdown; none if no text is visible.

    Args:
        lines: each line, and whether it stays on a line of its own.
        words: all words of the manual.
        has_code: whether fixed-pitch text is code.
    """
    tokens: list[Token] = []
    ends_in_code = False
    for at, (line, breaks) in enumerate(lines):
        spans = list(line.spans)
        if at:
            before = lines[at - 1][0]
            if breaks:
                tokens.append(LINE_BREAK)
            else:
                separator, cut = _separator(before, line, words)
                if cut:
                    _drop_last_character(tokens)
                if separator:
                    both = ends_in_code and spans[0].mono
                    spans.insert(0, Span(separator, both))
        for span in spans:
            code = span.mono and has_code
            text = " ".join(span.text.split(" ")) if code else _LEADERS.sub(" … ", span.text)
            tokens += [Mark("code"), text, Mark("code", opens=False)] if code else [text]
        ends_in_code = spans[-1].mono
    return paragraphs(_joined_code(tokens))


def plain(lines: Sequence[Line], words: Collection[str]) -> str:
    """Return the text of lines without Markdown."""
    text = ""
    for at, line in enumerate(lines):
        if at:
            separator, cut = _separator(lines[at - 1], line, words)
            text = text[:-1] if cut else text
            text += separator
        text += line.text
    return " ".join(_LEADERS.sub(" … ", text).split())


def _separator(before: Line, line: Line, words: Collection[str]) -> tuple[str, bool]:
    """Return the text between two lines, and whether the hyphen before it is removed."""
    text = before.text.rstrip()
    both_code = before.spans[-1].mono and line.spans[0].mono
    if both_code and _OPEN_NAME.search(text):
        return "", False
    if not text.endswith(_HYPHENS):
        return " ", False
    tail, head = _TAIL.search(text), _HEAD.match(line.text)
    if not tail:
        return (" " if text[:-1].endswith((" ", "-")) or len(text) == 1 else ""), False
    if text.endswith("\u00ad"):
        return "", True
    if not head or both_code:
        return "", False
    return "", not _is_compound(tail[1], head[0], words)


def _is_compound(left: str, right: str, words: Collection[str]) -> bool:
    """Return whether the hyphen is part of the word."""
    if right[0].isupper():
        return True
    left, right = left.lower(), right.lower()
    if left.rpartition("-")[2] + right in words or left + right in words:
        return False
    if f"{left}-{right}" in words:
        return True
    last = left.rpartition("-")[2]
    return len(last) > 2 and len(right) > 2 and last in words and right in words


def _drop_last_character(tokens: list[Token]) -> None:
    for at in range(len(tokens) - 1, -1, -1):
        token = tokens[at]
        if isinstance(token, str) and token:
            tokens[at] = token.rstrip()[:-1]
            return


def _joined_code(tokens: list[Token]) -> list[Token]:
    """Return the tokens with adjacent code joined."""
    joined: list[Token] = []
    for token in tokens:
        if token == Mark("code") and joined and joined[-1] == Mark("code", opens=False):
            joined.pop()
        else:
            joined.append(token)
    return joined
