r"""Reading JSX out of a text: where a tag or a `{...}` expression ends, and what text it stands for.

Regular expressions break on real pages, where an attribute is an array of template literals over five
lines. So braces, strings and template literals are followed one by one, without recursion; a `Reader`
counts the characters it looked at in vain, because `{{{{{...` would otherwise cost the square of its length.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
"""What names stand for: `props.name`, `frontMatter.title`, or an exported constant."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag as it is written. `attributes` has the text of each value; an expression keeps its braces.

    Attributes:
        name: empty for a fragment.
        end: the position after the `>`.
    """

    name: str
    end: int
    closes: bool = False
    self_closing: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


class Reader:
    """Finds the ends of tags and expressions in one text, with a bounded amount of looking in vain."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._comments_until = text.rfind("*/")
        self._fuel = 2 * len(text) + 10_000

    def in_vain(self, start: int, end: int) -> None:
        """Account for characters that were looked at and will be looked at again."""
        self._fuel -= end - start

    def braces(self, start: int) -> int:
        """The position after the `}` that closes the `{` at `start`, or -1."""
        if self._fuel < 0:
            return -1
        text, position = self.text, start + 1
        nesting = ["{"]
        while nesting:
            mark = (_IN_TEMPLATE if nesting[-1] == "`" else _IN_BRACES).search(text, position)
            if mark is None or len(nesting) > _MAX_NESTING:
                self.in_vain(start, len(text) if mark is None else mark.end())
                return -1
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
                position = self._quoted(mark.start())
        return position

    def tag(self, start: int) -> Tag | None:
        """The tag that begins with the `<` at `start`; None when no tag does."""
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
            assert end is not None  # noqa: S101 - it matches nothing, if need be
            after = end.end()
            if end["mark"] == ">":
                return Tag(name.group(), after, closes=closes, attributes=attributes)
            if end["mark"] == "/>":
                return Tag(name.group(), after, self_closing=True, attributes=attributes)
            position = self._attribute(after, attributes) if after > position or attributes else -1
            if position < 0:
                self.in_vain(start, after)
                return None

    def statement(self, start: int) -> int:
        """The position of the newline (or the end) after the `export` at `start`, or -1.

        It ends at a line's end outside of all braces: after `;` or `}`, or before an empty line.
        """
        text, position = self.text, start
        while self._fuel >= 0:
            mark = _IN_STATEMENT.search(text, position)
            if mark is None:
                return len(text)
            found, position = mark.group(), mark.end()
            if found == "{":
                position = self.braces(mark.start())
            elif found in "([":
                position = self._bracket(mark.start())
            elif found in "\"'/`":
                position = self._quoted(mark.start())
            elif text[mark.start() - 1] in ";}" or _EMPTY_LINE.match(text, mark.end()):
                return mark.start()
            if position < 0:
                break
        return -1

    def _bracket(self, start: int) -> int:
        """The position after the bracket that closes the one at `start`, or -1."""
        text, position, nesting = self.text, start + 1, 1
        while nesting:
            mark = _IN_BRACKETS.search(text, position)
            if mark is None:
                self.in_vain(start, len(text))
                return -1
            found, position = mark.group(), mark.end()
            if found in "([":
                nesting += 1
            elif found in ")]":
                nesting -= 1
            elif found == "{":
                position = self.braces(mark.start())
            else:
                position = self._quoted(mark.start())
            if position < 0:
                return -1
        return position

    def _quoted(self, start: int) -> int:
        """The position after the string or comment at `start`, or after one character when there is none.

        An apostrophe in a text child opens no string, and a slash is seldom a comment.
        """
        text = self.text
        if text.startswith("/*", start):
            return _comment_end(text, start) if start < self._comments_until else start + 2
        opening = text[start]
        pattern = _LINE_COMMENT if opening == "/" else _TEMPLATE if opening == "`" else _STRING
        found = pattern.match(text, start)
        return found.end() if found else start + 1

    def _attribute(self, start: int, attributes: dict[str, str]) -> int:
        """Read one attribute into `attributes`; the position after it, or -1."""
        text = self.text
        if text.startswith("{", start):  # a spread; what is known of it is that it is there
            attributes["..."] = "{}"
            return self.braces(start)
        attribute = _ATTRIBUTE.match(text, start)
        if attribute is None:
            return -1
        name, value = attribute["name"], attribute.end()
        if not attribute["equals"]:
            attributes[name] = ""
            return value
        quote = text[value : value + 1]
        if quote == "{":
            end = self.braces(value)
            attributes[name] = text[value:end] if end > 0 else ""
            return end
        if quote and quote in "\"'":
            closing = text.find(quote, value + 1)
            attributes[name] = text[value + 1 : closing] if closing > 0 else ""
            return closing + 1 if closing > 0 else -1
        bare = _UNQUOTED.match(text, value)
        if bare is None:
            return -1
        # HTML allows `<a href=x/>`; the slash belongs to the tag.
        end = bare.end() - 1 if bare.group().endswith("/") and text.startswith(">", bare.end()) else bare.end()
        attributes[name] = text[value:end]
        return end


def expression_text(code: str, values: Values) -> str | None:
    """What the expression between two braces puts on the page; None when that cannot be told.

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
    """Whether the text between two braces is JavaScript rather than words somebody wrote in braces.

    In a page that was ever built it always is. In plain Markdown `{id}` is a placeholder that readers see.
    """
    code = code.strip()
    name = _PATH.match(code)
    return bool(_SCRIPT.search(code)) or (name is not None and known(name.group().split(".")[0]))


def attribute_text(value: str, values: Values) -> str:
    """The text of an attribute's value, empty when it is no plain text."""
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
