"""BBj programs into pieces: cut between routines, never inside a statement that fits.

A routine (a method, a function, the code after a label) stays whole up to the hard limit, together with the comment
in front of it, because half a method answers no question. Small neighbours share a piece up to the target: most
methods of a BBj class are getters of three lines, and a piece of three lines matches every question and answers none.

A routine over the hard limit is cut into parts of about equal length, each at the best place near its end: at a
label, a blank line, a comment or a `case`, preferably the least indented. Only a statement over the hard limit is cut
inside: at its continuation lines, or within a line that is itself over the limit. BASIS's own programs have such
lines. The comment that explains the routine is only in the first part, so the heading of every other part repeats it
after the signature.

Lengths are those of the body; the fence around it costs about as much as a context header.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bbj_assets.chunking._header import shortened
from bbj_assets.chunking.bbj_comments import leading_comment
from bbj_assets.chunking.bbj_structure import Declaration, Path, Statement, scan
from bbj_assets.chunking.pieces import Piece
from bbj_assets.chunking.tokens import estimate_tokens, most_characters
from bbj_assets.source import ChunkSettings

_NAMES_IN_HEADING = 6
_CRUMB = 1 / 8  # of the target: a shorter run says nothing by itself, and a repeated comment may take no more
_BACKTICKS = re.compile(r"`{3,}")


def split_bbj(text: str, settings: ChunkSettings) -> list[Piece]:
    """Cut a program into pieces, each a fenced `bbj` block under the declarations that contain it.

    The bodies in order are the text, up to the white space between them. No body is longer than
    `settings.hard_limit`. A body begins with a continuation line only if its statement alone is longer than that.
    Takes time linear in the length of the text.
    """
    statements = scan(text)
    lengths = [estimate_tokens(text[statement.start : statement.end]) for statement in statements]
    pieces = []
    for run in _pack(_routines(text, statements, lengths, settings), statements, settings):
        inside = statements[run.first : run.last]
        body = text[inside[0].start : inside[-1].end]
        bodies = [body] if run.length <= settings.hard_limit else _cut_statement(body, settings.hard_limit)
        headings = _headings(inside)
        explained = _explained(headings, run.cut)
        opens = run.cut is None or run.cut.is_first
        pieces += [_fenced(headings if opens and not number else explained, b) for number, b in enumerate(bodies)]
    return pieces


@dataclass(frozen=True, slots=True)
class _Cut:
    """What a part was cut from.

    Attributes:
        routine: the path of the routine; empty for code between routines.
        comment: its leading comment, shortened.
        is_first: whether the part is the first of the routine.
    """

    routine: Path
    comment: str
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run of statements that stays in one piece.

    Attributes:
        first: index of the first statement.
        last: index after the last statement.
        length: in estimated tokens.
        cut: set for a part of a longer routine. The part shares its piece with no other run, so that the heading
            names its routine.
    """

    first: int
    last: int
    length: int
    cut: _Cut | None = None


def _routines(
    text: str, statements: Sequence[Statement], lengths: Sequence[int], settings: ChunkSettings
) -> Iterator[_Run]:
    """Yield the runs that are not cut further: routines, the code between them, and parts of long routines."""
    first = 0
    declared: set[Path] = set()
    for last in range(1, len(statements) + 1):
        if last < len(statements) and _routine(statements[last].path) == _routine(statements[first].path):
            continue
        length, path = sum(lengths[first:last]), _routine(statements[first].path)
        if length <= settings.hard_limit:
            yield _Run(first=first, last=last, length=length)
        else:
            # A class continues after its methods; a comment there belongs to a field, not to the class.
            is_new = path not in declared
            comment = leading_comment(text, statements[first:last], is_declared=path != ()) if is_new else ""
            cut = _Cut(path, shortened(comment, int(settings.target_tokens * _CRUMB)), is_first=True)
            run = _Run(first=first, last=last, length=length, cut=cut)
            yield from _parts(run, statements, lengths, settings)
        declared.add(path)
        first = last


def _routine(path: Path) -> Path:
    """Return the path up to the first method or function; labels and functions inside it are parts of it."""
    for depth, declaration in enumerate(path, start=1):
        if declaration.kind in ("method", "function"):
            return path[:depth]
    return path


def _parts(
    run: _Run, statements: Sequence[Statement], lengths: Sequence[int], settings: ChunkSettings
) -> Iterator[_Run]:
    """Cut a run over the hard limit into parts near the target, all of about the same length."""
    first, remaining, cut = run.first, run.length, run.cut
    while first < run.last:
        goal = remaining / math.ceil(remaining / settings.target_tokens)
        last, length = first + 1, lengths[first]
        best, best_length, best_rank = last, length, None
        while last < run.last and length + lengths[last] <= 1.25 * goal:
            if length >= goal / 2:
                rank = _rank_of_cut(statements[last - 1], statements[last])
                if best_rank is None or rank >= best_rank:
                    best, best_length, best_rank = last, length, rank
            length += lengths[last]
            last += 1
        if last == run.last or best_rank is None:
            best, best_length = last, length
        yield _Run(first=first, last=best, length=best_length, cut=cut)
        cut = replace(cut, is_first=False) if cut else None
        first, remaining = best, remaining - best_length


def _rank_of_cut(before: Statement, after: Statement) -> tuple[int, int]:
    """Return how suitable the gap between two statements is for a cut; higher is better."""
    if before.path != after.path:
        return 3, 0
    if after.closes or (before.comment and not after.after_blank):
        return 0, -after.indent
    if after.after_blank or after.opens_case or after.comment:
        return 2, -after.indent
    return 1, -after.indent


def _pack(runs: Iterable[_Run], statements: Sequence[Statement], settings: ChunkSettings) -> Iterator[_Run]:
    """Join small neighbours up to the target."""
    held: _Run | None = None
    for run in runs:
        if held is None:
            held = run
        elif _belong_together(held, run, statements, settings):
            length = held.length + run.length
            held = _Run(first=held.first, last=run.last, length=length, cut=held.cut or run.cut)
        else:
            yield held
            held = run
    if held is not None:
        yield held


def _belong_together(held: _Run, run: _Run, statements: Sequence[Statement], settings: ChunkSettings) -> bool:
    length = held.length + run.length
    same_type = _type(statements[held.last - 1].path) == _type(statements[run.first].path)
    opens = same_type and held.length <= settings.target_tokens * _CRUMB
    if opens or all(statements[index].closes for index in range(run.first, run.last)):
        return length <= settings.hard_limit  # the first line of a class, or a classend, means nothing alone
    if held.cut or run.cut or length > settings.target_tokens:
        return False
    return same_type or held.length < settings.target_tokens / 2


def _type(path: Path) -> Declaration | None:
    """Return the class or interface at the start of a path."""
    return path[0] if path and path[0].kind in ("class", "interface") else None


def _headings(statements: Sequence[Statement]) -> tuple[str, ...]:
    """Return the declarations that contain most of the statements; where a piece holds several, their names.

    A label of a routine becomes a heading only if all the statements are inside the label.
    """
    headings: list[str] = []
    while True:
        depth = len(headings)
        deeper = [statement for statement in statements if len(statement.path) > depth]
        length, deeper_length = (sum(s.end - s.start for s in some) for some in (statements, deeper))
        inside_routine = depth and statements[0].path[depth - 1].kind not in ("class", "interface")
        if not deeper or deeper_length < length * (1 if inside_routine else 0.5):
            return tuple(headings)
        here = list(dict.fromkeys(statement.path[depth] for statement in deeper))
        if len(here) > 1:
            return (*headings, _names(here))
        headings.append(here[0].signature)
        statements = deeper


def _explained(headings: tuple[str, ...], cut: _Cut | None) -> tuple[str, ...]:
    """Return the headings for a later part: the comment follows the signature of the routine."""
    if cut is None or not cut.comment:
        return headings
    at = len(cut.routine)
    if not 0 < at <= len(headings):
        return (cut.comment, *headings)
    return (*headings[: at - 1], f"{headings[at - 1]}: {cut.comment}", *headings[at:])


def _names(declarations: Sequence[Declaration]) -> str:
    names = list(dict.fromkeys(_called(declaration) for declaration in declarations))
    more = len(names) - _NAMES_IN_HEADING
    return ", ".join(names[:_NAMES_IN_HEADING]) + (f" and {more} more" if more > 0 else "")


def _called(declaration: Declaration) -> str:
    if declaration.kind in ("method", "function"):
        return f"{declaration.name}()"
    return declaration.signature


def _cut_statement(statement: str, limit: int) -> Iterator[str]:
    """Cut one statement into bodies within the limit: between its lines, or within a line that is longer."""
    body, length = "", 0
    for part, part_length in _shorter_lines(statement, limit):
        if body.strip() and length + part_length > limit:
            yield body.strip("\n")
            body, length = "", 0
        body += part
        length += part_length
    if body.strip():
        yield body.strip("\n")


def _shorter_lines(statement: str, limit: int) -> Iterator[tuple[str, int]]:
    """Yield the lines with their lengths. A line over the limit comes in slices of about an eighth of the limit."""
    step = max(1, most_characters(limit) // 8)
    for line in statement.splitlines(keepends=True):
        length = estimate_tokens(line)
        if length <= limit:
            yield line, length
        else:
            for start in range(0, len(line), step):
                part = line[start : start + step]
                yield part, estimate_tokens(part)


def _fenced(headings: tuple[str, ...], body: str) -> Piece:
    longest = max((len(run) for run in _BACKTICKS.findall(body)), default=2)
    fence = "`" * (longest + 1)
    return Piece(headings, body, before=f"{fence}bbj\n", after=f"\n{fence}")
