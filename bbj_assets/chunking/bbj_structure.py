"""Where the statements, classes, methods, functions and labels of a BBj program begin.

A scanner of lines, not a parser: documentation holds fragments, forty years of dialects and programs
that never compiled, and every one of them has to be cut somewhere sensible. What it relies on is the
part of the language that has not changed: a line that begins with `:` continues the statement above
it, `rem` makes the rest of a statement a comment, and a declaration stands first on its line, behind a
line number at most.

What real programs taught it:

- The comment that documents a routine stands in front of it, often with a blank line between the two,
  and a banner (`rem ====`, `label: rem --- title`, `rem ====`) has its label in the middle.
- A label inside a method is a part of the method (`method_error:` ends most methods of BASIS's own
  applications), whatever its indentation says.
- A method of an interface has no `methodend`, and a function of one line (`def fnx(a)=a`) no `fnend`.
- `class`, `method` and `field` are also names of variables: `method$=...`, `field!.put(...)`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["class", "interface", "method", "function", "label"]
Path = tuple["Declaration", ...]

_STATEMENT = re.compile(
    r"""[ \t]*+ (?>(?:\d{1,5}[ \t]++)?)                                    # a line number
    (?:
      (?P<comment>rem(?![\w!$%@]))
    | (?P<end>(?:method|class|interface|fn)end\b)
    | (?P<closer>(?:endif|fi|else|wend|next|until|swend)(?![\w!$%@.:]|[ \t]*=))
    | (?P<type>(?P<type_kind>class|interface)[ \t]+(?>(?:(?:public|protected|private|static)[ \t]+)*)
        (?P<type_name>[a-z_]\w*+)[ \t]*+(?:$|[;,]|extends\b|implements\b))
    | (?P<method>method[ \t]++(?P<method_head>[a-z_][^(=;"]*+)\()
    | (?P<function>def[ \t]++(?P<function_name>[a-z_]\w*+[$%!]?)[ \t]*+\((?:[^()]*+\)[ \t]*+(?P<one_line>=))?)
    | (?P<case>case[ \t])
    | (?P<label>(?P<label_name>[a-z_][\w.]*+|\d++(?=:[ \t]*$)):(?![:=/]))
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_MAX_SIGNATURE = 200
_TAB = 4


@dataclass(frozen=True, slots=True)
class Declaration:
    """Something with a name that a reader looks for.

    Attributes:
        name: as it is called: `setData`, `fnmask$`, `open_tables`.
        signature: as it is declared, on one line: `method public void setData(ResultSet rs!)`; of a
            class only `class Grid`.
        line: the number of its first line, from 1.
    """

    kind: Kind
    name: str
    signature: str
    line: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement line with its continuation lines; blank lines belong to no statement.

    Attributes:
        start: offset in the text of the start of its first line.
        end: offset behind its last line, without the line break.
        path: the declarations that it stands in, outermost first. A comment in front of a declaration
            stands in it, and so do the declaration and its `methodend`.
        indent: columns of white space in front of it.
        comment: it is a `rem` and nothing else.
        after_blank: a blank line stands in front of it.
        opens_case: it is a `case` of a `switch`.
        closes: it ends something: `methodend`, `classend`, `endif`, `wend`, `next`.
    """

    start: int
    end: int
    path: Path
    indent: int
    comment: bool
    after_blank: bool
    opens_case: bool
    closes: bool


def scan(text: str) -> list[Statement]:
    """The statements of a program, in order, in linear time. A line ends at a line feed and nowhere else."""
    spans = list(_spans(text))
    matches = [_STATEMENT.match(text, span.start, span.first_line_end) for span in spans]
    kinds = [match.lastgroup if match else None for match in matches]
    paths: list[Path] = []
    scope = _Scope()
    for index, (span, match, kind) in enumerate(zip(spans, matches, kinds, strict=True)):
        declaration = _declaration(match, kind, text[span.start : span.end], span.line) if match else None
        if declaration:
            scope.enter(declaration)
        paths.append(scope.path)
        if declaration:
            _give_comments(paths, spans, kinds, index)
        if match and declaration and (match["one_line"] or scope.is_abstract(declaration)):
            scope.leave(declaration.kind)
        elif match and match["end"]:
            scope.leave({"fnend": "function"}.get(match["end"].lower(), match["end"].lower()[:-3]))
    return [
        Statement(
            start=span.start,
            end=span.end,
            path=path,
            indent=span.indent,
            comment=kind == "comment",
            after_blank=span.after_blank,
            opens_case=kind == "case",
            closes=kind in ("end", "closer"),
        )
        for span, path, kind in zip(spans, paths, kinds, strict=True)
    ]


def declarations(statements: Iterable[Statement]) -> list[Declaration]:
    """Every declaration of a program once, in order."""
    found = {declaration.line: declaration for statement in statements for declaration in statement.path}
    return [found[line] for line in sorted(found)]


@dataclass(slots=True)
class _Span:
    """The lines of one statement, as offsets."""

    line: int
    start: int
    first_line_end: int
    end: int
    indent: int
    after_blank: bool


def _spans(text: str) -> Iterator[_Span]:
    current: _Span | None = None
    offset, after_blank = 0, False
    for number, line in enumerate(text.split("\n"), start=1):
        start, end = offset, offset + len(line)
        offset = end + 1
        content = line.lstrip()
        if not content:
            after_blank = True
        elif current and content[0] == ":":
            current.end = end
            after_blank = False
        else:
            if current:
                yield current
            white = line[: len(line) - len(content)]
            current = _Span(number, start, end, end, len(white.expandtabs(_TAB)), after_blank)
            after_blank = False
    if current:
        yield current


class _Scope:
    """Which declarations are open at a line of the program."""

    def __init__(self) -> None:
        self._type: Declaration | None = None
        self._routines: list[Declaration] = []
        self._label: Declaration | None = None
        self.path: Path = ()

    def enter(self, declaration: Declaration) -> None:
        """Open it, and close what cannot hold it: a new method ends a method whose end is missing."""
        if declaration.kind == "label":
            self._label = declaration
        elif declaration.kind == "function":
            self._close("function")
            self._routines.append(declaration)
            self._label = None
        else:
            self._routines.clear()
            self._label = None
            if declaration.kind == "method":
                self._routines.append(declaration)
            else:
                self._type = declaration
        self._update()

    def leave(self, kind: str) -> None:
        """Close the innermost one of this kind, with what it holds; nothing, when none is open."""
        if kind in ("class", "interface"):
            self._type = None
            self._routines.clear()
        self._close(kind)
        self._label = None
        self._update()

    def is_abstract(self, declaration: Declaration) -> bool:
        """Whether it is a method that has no body because it stands in an interface."""
        return declaration.kind == "method" and self._type is not None and self._type.kind == "interface"

    def _close(self, kind: str) -> None:
        for index, routine in enumerate(self._routines):
            if routine.kind == kind:
                del self._routines[index:]
                return

    def _update(self) -> None:
        outer = (self._type,) if self._type else ()
        inner = (self._label,) if self._label else ()
        self.path = (*outer, *self._routines, *inner)


def _declaration(match: re.Match[str], kind: str | None, statement: str, line: int) -> Declaration | None:
    if kind == "type":
        type_kind = cast("Kind", match["type_kind"].lower())
        return Declaration(type_kind, match["type_name"], f"{type_kind} {match['type_name']}", line)
    if kind == "label":
        return Declaration("label", match["label_name"], match["label_name"], line)
    if kind == "method":
        return Declaration("method", match["method_head"].split()[-1], _signature(statement, match["method"]), line)
    if kind == "function":
        return Declaration("function", match["function_name"], _signature(statement, match["function"]), line)
    return None


def _signature(statement: str, declared: str) -> str:
    """From the keyword to the closing parenthesis, on one line."""
    keyword = statement.index(declared)
    whole = statement[keyword : keyword + 4 * _MAX_SIGNATURE].partition(")")
    lines = (line.strip().removeprefix(":") for line in "".join(whole[:2]).split("\n"))
    signature = " ".join(" ".join(lines).split())
    return signature if len(signature) <= _MAX_SIGNATURE else signature[: _MAX_SIGNATURE - 1].rstrip() + "…"


def _give_comments(paths: list[Path], spans: Sequence[_Span], kinds: Sequence[str | None], index: int) -> None:
    """Move the comment lines in front of the declaration at `index` into its path.

    That is the last block of comment lines: a blank line may stand between it and the declaration, but
    ends it among comments.
    """
    line = index - 1
    while line >= 0 and kinds[line] == "comment":
        paths[line] = paths[index]
        if spans[line].after_blank:
            break
        line -= 1
