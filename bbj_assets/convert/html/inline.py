"""A run of text with its marks (bold, links, code) as Markdown paragraphs.

HTML allows white space, marks and punctuation in every combination; Markdown does not. `<b>Note: </b>x` written
naively is `**Note: **x`, which shows its asterisks. So white space moves out of the marks, empty marks are removed,
equal neighbours are joined, and asterisks that CommonMark would not read as emphasis are left out.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from bbj_assets.convert.html.text import balance_brackets, code_span, escape, escape_line_start, link, visible

Kind: TypeAlias = Literal["strong", "em", "strike", "code", "link", "break"]


class Mark(NamedTuple):
    """The start (`opens`) or the end of a mark in a run of text; `target` is the URL of a link."""

    kind: Kind
    opens: bool = True
    target: str = ""


Token: TypeAlias = str | Mark

LINE_BREAK = Mark("break")
_BREAK_TEXT = "  \n"
_EMPHASIS = {"strong": "**", "em": "*", "strike": "~~"}

_ACROSS = re.compile(r"!\n\[|`\n`|\]\n\(|<\n[A-Za-z/!?]|&\n[#\w]|&\#?\w{1,30}\n[\w;]")
"""The end of one part and the start of the next, where both together would be an image, a code span, a link, a tag
or an entity."""


def paragraphs(tokens: Sequence[Token]) -> list[str]:
    """Return the tokens as Markdown paragraphs, white space collapsed; two line breaks start a new paragraph."""
    if all(isinstance(token, str) for token in tokens):  # most paragraphs have no mark in them
        words = " ".join(visible("".join(map(str, tokens))).split())
        return [escape_line_start(escape(words))] if words else []
    found = (_paragraph(part) for part in _split_at_double_breaks(tokens))
    return [text for text in found if text]


def _paragraph(tokens: Sequence[Token]) -> str:
    text = _written(_normalised(tokens))
    return _BREAK_TEXT.join(map(escape_line_start, text.split(_BREAK_TEXT)))


def _split_at_double_breaks(tokens: Sequence[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    marks: list[Mark] = []
    broke = False
    for token in tokens:
        if token is LINE_BREAK:
            if broke:
                parts.append(list(marks))
                continue
            broke = True
        elif isinstance(token, Mark):
            if token.opens:
                marks.append(token)
            elif marks:
                marks.pop()
        elif token and not token.isspace():
            broke = False
        parts[-1].append(token)
    return parts


class _Run:
    """The tokens of one paragraph while they are normalised."""

    def __init__(self) -> None:
        self.out: list[Token] = []
        self.text = ""
        self.space = False
        self.waiting: list[Mark] = []  # opened, still empty
        self.stack: list[tuple[Mark, bool]] = []  # open marks, and whether each is written

    def flush_text(self) -> None:
        text, self.text = visible(self.text), ""
        if not text:
            return
        words = " ".join(text.split())
        if not words:
            self.space = True
            return
        if (self.space or text[0].isspace()) and self.out and self.out[-1] is not LINE_BREAK:
            self.out.append(" ")
        for mark in self.waiting:
            if self.out and self.out[-1] == Mark(mark.kind, opens=False) and mark.kind != "link":
                self.out.pop()
            else:
                self.out.append(mark)
        self.waiting.clear()
        if not self.inside("code"):
            words = escape(words)
            if self.inside("link"):
                words = balance_brackets(words)
        self.out.append(words)
        self.space = text[-1].isspace()

    def inside(self, kind: Kind) -> bool:
        return any(counts and mark.kind == kind for mark, counts in self.stack)

    def open(self, mark: Mark) -> None:
        counts = not self.inside("code") and all(mark.kind != other.kind for other, _ in self.stack)
        self.stack.append((mark, counts))
        if counts:
            self.waiting.append(mark)

    def close(self) -> None:
        mark, counts = self.stack.pop()
        if not counts:
            return
        if self.waiting:
            self.waiting.pop()
        elif self.out[-1] is LINE_BREAK:
            self.out.insert(-1, Mark(mark.kind, opens=False))
        else:
            self.out.append(Mark(mark.kind, opens=False))

    def line_break(self) -> None:
        if self.inside("code"):
            self.space = True
        elif self.out and self.out[-1] is not LINE_BREAK:
            self.out.append(LINE_BREAK)
            self.space = False


def _normalised(tokens: Sequence[Token]) -> list[Token]:
    """Return balanced, non-empty marks, with spaces outside the marks and no break at either end."""
    run = _Run()
    for token in tokens:
        if isinstance(token, str):
            run.text += token
            continue
        run.flush_text()
        if token is LINE_BREAK:
            run.line_break()
        elif token.opens:
            run.open(token)
        elif run.stack:
            run.close()
    run.flush_text()
    while run.stack:
        run.close()
    while run.out and run.out[-1] is LINE_BREAK:
        run.out.pop()
    return run.out


def _written(tokens: list[Token]) -> str:
    """Return normalised tokens as one string."""
    if len(tokens) == 1 and isinstance(tokens[0], str):
        return tokens[0]
    levels: list[list[Token]] = [[]]
    targets: list[str] = []
    for token in tokens:
        if token is LINE_BREAK:
            levels[-1].append(_BREAK_TEXT)
        elif isinstance(token, str) or token.kind in _EMPHASIS:
            levels[-1].append(token)
        elif token.opens:
            levels.append([])
            targets.append(token.target)
        else:
            inner, target = levels.pop(), targets.pop()
            if token.kind == "code":
                levels[-1].append(_code("".join(map(str, inner)), in_link=bool(targets)))
            else:
                levels[-1].append(link(_emphasised(inner, before="[", after="]"), target))
    return _emphasised(levels[0])


def _code(text: str, *, in_link: bool) -> str:
    if in_link and "]:" in text:  # otherwise the link reads as a link definition
        return balance_brackets(escape(text))
    return code_span(text)


def _emphasised(tokens: list[Token], *, before: str = "", after: str = "") -> str:
    """Join text and emphasis, without the pairs that CommonMark would show as asterisks.

    Args:
        tokens: text, and marks of emphasis in pairs.
        before: the character in front of the first token.
        after: the character after the last token.
    """
    signs: dict[int, str] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if isinstance(token, str):
            continue
        if token.opens:
            opened.append(at)
            continue
        start = opened.pop()
        opens = _flanks(
            outside=_neighbours(tokens, start, step=-1, edge=before), inside=_neighbours(tokens, start, step=1)
        )
        closes = _flanks(outside=_neighbours(tokens, at, step=1, edge=after), inside=_neighbours(tokens, at, step=-1))
        if opens and closes and not _is_ambiguous(tokens, start, at, nested=bool(opened)):
            signs[start] = signs[at] = _EMPHASIS[token.kind]
    return _joined(token if isinstance(token, str) else signs.get(at, "") for at, token in enumerate(tokens))


def _joined(parts: Iterable[str]) -> str:
    """Concatenate the parts, escaping characters that mean something only next to each other."""
    joined: list[str] = []
    for part in filter(None, parts):
        before = joined[-1] if joined else ""
        if before and (found := _ACROSS.search(before[-40:] + "\n" + part[0])):
            if found[0][0] == "`":
                joined.append(" ")  # otherwise two code spans would become one
            else:
                at = len(before) - (len(found[0]) - 2)
                joined[-1] = f"{before[:at]}\\{before[at:]}"
        joined.append(part)
    return "".join(joined)


def _is_ambiguous(tokens: list[Token], start: int, end: int, *, nested: bool) -> bool:
    """Return whether the asterisks would be read together with those of another pair, as in `**a***b*`."""
    if nested:
        around = [*tokens[start - 1 : start], *tokens[end + 1 : end + 2]]
        return not all(isinstance(token, str) and token.isspace() for token in around)
    previous = tokens[start - 1] if start else ""
    return isinstance(previous, Mark) and not previous.opens


def _neighbours(tokens: list[Token], at: int, *, step: int, edge: str = "") -> str:
    """Return the characters that may end up next to a mark.

    There can be several, because other marks between it and the text may yet be left out.

    Args:
        tokens: text and marks.
        at: index of the mark.
        step: 1 to look after the mark, -1 to look in front of it.
        edge: the character beyond the last token in that direction.
    """
    own = tokens[at]
    found = ""
    while 0 <= (at := at + step) < len(tokens):
        token = tokens[at]
        if isinstance(token, str):
            return found + (token[0] if step > 0 else token[-1])
        if isinstance(own, Mark) and _EMPHASIS[token.kind][0] != _EMPHASIS[own.kind][0]:
            found += _EMPHASIS[token.kind][0]
    return found + edge


def _flanks(*, outside: str, inside: str) -> bool:
    """Return whether CommonMark reads a delimiter run as emphasis between the characters `outside` and `inside` it."""
    return all(map(str.isalnum, inside)) or not any(map(str.isalnum, outside))
