r"""Reading JSX: where a tag or a `{...}` expression ends, and what text it stands for.

Regular expressions fail on real pages, where an attribute is an array of template literals over five lines. So
braces, strings and template literals are followed one by one, without recursion. A `Reader` has a budget of
characters that it may read without result: `{{{{{...` would otherwise cost the square of its length.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_NAME = re.compile(r"[A-Za-z_$][\w$-]*(?:[.:][A-Za-z_$][\w$-]*)*")
_SPACE = re.compile(r"\s*")
_ATTRIBUTE = re.compile(r"(?P<name>[A-Za-z_$@:][\w$.:@-]*)(?P<equals>\s*=\s*)?")
_TAG_END = re.compile(r"\s*(?P<mark>/?>)?")
_UNQUOTED = re.compile(r"[^\s\"'=<>`{}]+")
_IN_BRACES = re.compile(r"[{}\"'`/]")
_IN_TEMPLATE = re.compile(r"\\.|`|\$\{", re.DOTALL)
_IN_STATEMENT = re.compile(r"[{(\[\"'`/\n]")
_IN_BRACKETS = re.compile(r"[{()\[\]\"'`/]")
_TEMPLATE = re.compile(r"`(?:[^`\\]|\\.)*`", re.DOTALL)
_EMPTY_LINE = re.compile(r"[ \t]*(?:\n|\Z)|(?:import|export)\b")
_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)
_LINE_COMMENT = re.compile(r"(?<![:\w])//[^\n]*")  # not the `//` of an address

_LITERAL = r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)"
_LITERALS = re.compile(rf"{_LITERAL}(?:\s*\+\s*{_LITERAL})*", re.DOTALL)
_ONE_LITERAL = re.compile(_LITERAL, re.DOTALL)
_HOLE = re.compile(r"\$\{((?:[^{}\"'`]|\"[^\"]*\"|'[^']*')*)\}")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PATH = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*")
_SCRIPT = re.compile(
    r"=>|&&|\|\||[=!]==|\s\?\s|\A(?:new|typeof|await|function|\.\.\.)\b|\A[A-Za-z_$][\w$]*(?:\??\.[\w$]+|\[[^\]]*\])+\Z"
    r"|\A[A-Za-z_$][\w$.]*\(.*\)\Z|\A[\d\s()+*/%.-]+\Z",
    re.DOTALL,
)
_NOTHING = frozenset({"", "true", "false", "null", "undefined"})

_MAX_NESTING = 100

Values = Mapping[str, str]
"""Texts by the names that stand for them: `props.name`, `frontMatter.title`, or an exported constant."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag as it is written.

    Attributes:
        name: empty for a fragment.
        end: the position after the `>`.
        attributes: the text of each value. An expression keeps its braces.
    """

    name: str
    end: int
    closes: bool = False
    self_closing: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


class _Attribute(NamedTuple):
    """One attribute, and the position after it."""

    name: str
    value: str
    end: int


class Reader:
    """Finds the ends of tags and expressions in one text, with a budget for reading without result."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._last_comment_end = text.rfind("*/")
        self._budget = 2 * len(text) + 10_000

    def spend(self, start: int, end: int) -> None:
        """Charge the budget for characters that were read without result and will be read again."""
        self._budget -= end - start

    def braces(self, start: int) -> int | None:
        """Return the position after the `}` that closes the `{` at `start`.

        None: nothing closes it, it is nested too deeply, or the budget is spent.
        """
        if self._budget < 0:
            return None
        text, position = self.text, start + 1
        nesting = ["{"]
        while nesting:
            mark = (_IN_TEMPLATE if nesting[-1] == "`" else _IN_BRACES).search(text, position)
            if mark is None or len(nesting) > _MAX_NESTING:
                self.spend(start, len(text) if mark is None else mark.end())
                return None
            position = mark.end()
            found = mark.group()
            if nesting[-1] == "`":
                if found == "`":
                    nesting.pop()
                elif found == "${":
                    nesting.append("{")
            elif found in "{`":
                nesting.append(found)
            elif found == "}":
                nesting.pop()
            else:
                position = self._skip_quoted(mark.start())
        return position

    def tag(self, start: int) -> Tag | None:
        """Return the tag that begins with the `<` at `start`; None when none does."""
        text = self.text
        closes = text.startswith("/", start + 1)
        position = start + 2 if closes else start + 1
        name = _NAME.match(text, position)
        if name is None:
            return Tag("", position + 1, closes=closes) if text.startswith(">", position) else None
        attributes: dict[str, str] = {}
        position = name.end()
        while True:
            end = _TAG_END.match(text, position)
            assert end is not None  # noqa: S101 - the pattern matches the empty string too
            after = end.end()
            if end["mark"] == ">":
                return Tag(name.group(), after, closes=closes, attributes=attributes)
            if end["mark"] == "/>":
                return Tag(name.group(), after, self_closing=True, attributes=attributes)
            attribute = self._attribute(after) if after > position or attributes else None
            if attribute is None:
                self.spend(start, after)
                return None
            attributes[attribute.name] = attribute.value
            position = attribute.end

    def statement(self, start: int) -> int | None:
        """Return the position of the newline (or the end) after the `export` at `start`.

        The statement ends at the end of a line outside of all braces: after `;` or `}`, or before an empty line.
        None: it has an opening brace or bracket that nothing closes, or the budget is spent.
        """
        text = self.text
        position: int | None = start
        while position is not None and self._budget >= 0:
            mark = _IN_STATEMENT.search(text, position)
            if mark is None:
                return len(text)
            found, position = mark.group(), mark.end()
            if found == "{":
                position = self.braces(mark.start())
            elif found in "([":
                position = self._bracket(mark.start())
            elif found in "\"'/`":
                position = self._skip_quoted(mark.start())
            elif text[mark.start() - 1] in ";}" or _EMPTY_LINE.match(text, mark.end()):
                return mark.start()
        return None

    def _bracket(self, start: int) -> int | None:
        """Return the position after the bracket that closes the one at `start`; None when none does."""
        text, nesting = self.text, 1
        position: int | None = start + 1
        while nesting and position is not None:
            mark = _IN_BRACKETS.search(text, position)
            if mark is None:
                self.spend(start, len(text))
                return None
            found, position = mark.group(), mark.end()
            if found in "([":
                nesting += 1
            elif found in ")]":
                nesting -= 1
            elif found == "{":
                position = self.braces(mark.start())
            else:
                position = self._skip_quoted(mark.start())
        return position

    def _skip_quoted(self, start: int) -> int:
        """Return the position after the string or comment at `start`, or after one character when there is none.

        An apostrophe in the text of an element opens no string, and a slash seldom opens a comment.
        """
        text = self.text
        if text.startswith("/*", start):
            return _comment_end(text, start) if start < self._last_comment_end else start + 2
        opening = text[start]
        pattern = _LINE_COMMENT if opening == "/" else _TEMPLATE if opening == "`" else _STRING
        found = pattern.match(text, start)
        return found.end() if found else start + 1

    def _attribute(self, start: int) -> _Attribute | None:
        """Read the attribute at `start`; None when there is none."""
        text = self.text
        if text.startswith("{", start):  # a spread: only its presence is known
            end = self.braces(start)
            return None if end is None else _Attribute("...", "{}", end)
        attribute = _ATTRIBUTE.match(text, start)
        if attribute is None:
            return None
        name, at = attribute["name"], attribute.end()
        if not attribute["equals"]:
            return _Attribute(name, "", at)
        quote = text[at : at + 1]
        if quote == "{":
            end = self.braces(at)
            return None if end is None else _Attribute(name, text[at:end], end)
        if quote and quote in "\"'":
            closing = text.find(quote, at + 1)
            return None if closing < 0 else _Attribute(name, text[at + 1 : closing], closing + 1)
        bare = _UNQUOTED.match(text, at)
        if bare is None:
            return None
        # HTML allows `<a href=x/>`; the slash belongs to the tag.
        end = bare.end() - 1 if bare.group().endswith("/") and text.startswith(">", bare.end()) else bare.end()
        return _Attribute(name, text[at:end], end)


def expression_text(code: str, values: Values) -> str | None:
    """Return the text that the expression between two braces puts on the page; None when it is not known.

    >>> expression_text("'a' + `b ${props.x}`", {"props.x": "c"})
    'ab c'
    >>> expression_text("/* a comment */", {})
    ''
    """
    code = code.strip()
    start = 0
    while code.startswith(("/*", "//"), start):
        start = _comment_end(code, start) if code[start + 1] == "*" else _end(_LINE_COMMENT, code, start)
        start = _end(_SPACE, code, start)
    code = code[start:]
    if code in _NOTHING:
        return ""
    if code[0] in "\"'`" and _LITERALS.fullmatch(code):
        return "".join(_literal(part.group(), values) for part in _ONE_LITERAL.finditer(code))
    if _NUMBER.fullmatch(code):
        return code
    if _PATH.fullmatch(code):
        return values.get(code)
    return None


def is_script(code: str, known: Callable[[str], bool]) -> bool:
    """Return whether the text between two braces is JavaScript, not words in braces.

    In a page that Docusaurus can build it always is. In plain Markdown, `{id}` is a placeholder that readers see.

    Args:
        code: the text between the braces.
        known: returns whether JavaScript would know a name at this place.
    """
    code = code.strip()
    name = _PATH.match(code)
    return bool(_SCRIPT.search(code)) or (name is not None and known(name.group().split(".")[0]))


def attribute_text(value: str, values: Values) -> str:
    """Return the text of the value of an attribute; empty when it is no plain text."""
    if value.startswith("{"):
        return expression_text(value[1:-1], values) or ""
    return value


def _literal(source: str, values: Values) -> str:
    body = source[1:-1]
    if source[0] == "`":
        body = _HOLE.sub(lambda hole: expression_text(hole[1], values) or "", body)
    return _ESCAPE.sub(lambda escape: _unescaped(escape[1]), body) if "\\" in body else body


def _unescaped(code: str) -> str:
    if len(code) == 5:
        character = chr(int(code[1:], 16))
        return "" if character < " " or "\ud800" <= character <= "\udfff" else character
    return {"n": "\n", "t": "\t", "r": "", "0": "", "\n": ""}.get(code, code)


def _comment_end(text: str, start: int) -> int:
    end = text.find("*/", start + 2)
    return len(text) if end < 0 else end + 2


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
