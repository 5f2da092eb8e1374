"""The structure of a BBj program: where its statements, classes, methods, functions and labels begin.

This is a scanner of lines, not a parser. Documentation holds fragments, forty years of dialects and programs that
never compiled, and each of them must be cut at sensible places. The scanner relies on the part of the language that
has not changed: a line that begins with `:` continues the statement above it, `rem` makes the rest of a statement a
comment, and a declaration comes first on its line, after a line number at most.

Rules learned from real programs:

- The comment that documents a routine precedes it, often with a blank line in between. A banner (`rem ====`,
  `label: rem --- title`, `rem ====`) has its label in the middle.
- A label inside a method is part of the method, at any indentation. `method_error:` ends most methods of BASIS's
  own applications.
- A method of an interface has no `methodend`, and a one-line function (`def fnx(a)=a`) has no `fnend`.
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
    """A named part of a program that a reader may look for.

    Attributes:
        kind: what is declared.
        name: as it is called: `setData`, `fnmask$`, `open_tables`.
        signature: as it is declared, on one line: `method public void setData(ResultSet rs!)`; for a
            class only `class Grid`.
        line: the number of its first line, from 1.
    """

    kind: Kind
    name: str
    signature: str
    line: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its continuation lines; blank lines belong to no statement.

    Attributes:
        start: offset of the start of its first line.
        end: offset of the end of its last line, without the line break.
        path: the declarations that contain it, outermost first. The comment in front of a declaration is inside
            it, and so are the declaration itself and its `methodend`.
        indent: columns of white space in front of it.
        comment: whether it is only a `rem`.
        after_blank: whether a blank line precedes it.
        opens_case: whether it is a `case` of a `switch`.
        closes: whether it ends a block: `methodend`, `classend`, `endif`, `wend`, `next`.
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
    """Return the statements of a program in order, in linear time. Only a line feed ends a line."""
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
            _assign_comments(paths, spans, kinds, index)
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
    """Return each declaration of a program once, in order."""
    found = {declaration.line: declaration for statement in statements for declaration in statement.path}
    return [found[line] for line in sorted(found)]


@dataclass(slots=True, kw_only=True)
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
            current = _Span(
                line=number,
                start=start,
                first_line_end=end,
                end=end,
                indent=len(white.expandtabs(_TAB)),
                after_blank=after_blank,
            )
            after_blank = False
    if current:
        yield current


class _Scope:
    """The declarations that are open at a line of the program."""

    def __init__(self) -> None:
        self._type: Declaration | None = None
        self._routines: list[Declaration] = []
        self._label: Declaration | None = None
        self.path: Path = ()

    def enter(self, declaration: Declaration) -> None:
        """Open a declaration and close those that cannot contain it: a new method ends one without `methodend`."""
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
        """Close the innermost declaration of this kind with everything in it, if one is open."""
        if kind in ("class", "interface"):
            self._type = None
            self._routines.clear()
        self._close(kind)
        self._label = None
        self._update()

    def is_abstract(self, declaration: Declaration) -> bool:
        """Return whether this is a method of an interface, which has no body."""
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
    """Return the declaration from its keyword to the closing parenthesis, on one line."""
    keyword = statement.index(declared)
    whole = statement[keyword : keyword + 4 * _MAX_SIGNATURE].partition(")")
    lines = (line.strip().removeprefix(":") for line in "".join(whole[:2]).split("\n"))
    signature = " ".join(" ".join(lines).split())
    return signature if len(signature) <= _MAX_SIGNATURE else signature[: _MAX_SIGNATURE - 1].rstrip() + "…"


def _assign_comments(paths: list[Path], spans: Sequence[_Span], kinds: Sequence[str | None], index: int) -> None:
    """Move the comment lines in front of the declaration at `index` into its path.

    These are the last block of comment lines. A blank line may separate it from the declaration, but a blank line
    between comments ends the block.
    """
    line = index - 1
    while line >= 0 and kinds[line] == "comment":
        paths[line] = paths[index]
        if spans[line].after_blank:
            break
        line -= 1
