"""What the comment says that leads a routine: the words of its `rem` lines, on one line."""

import re
from collections.abc import Sequence
from itertools import takewhile

from bbj_assets.chunking.bbj_structure import Statement

_REM = re.compile(r"[ \t]*+(?>(?:\d{1,5}[ \t]++)?)rem", re.IGNORECASE)
_REM_BEHIND = re.compile(r"""(?:[^"\n]|"[^"\n]*")*?[:;][ \t]*+rem(?![\w!$%@])""", re.IGNORECASE)
_CONTINUED = re.compile(r"\n[ \t]*:")
_SAYS_NOTHING = re.compile(r"([^\w\s])\1{2,}|@override\b|\{@inheritDoc\}", re.IGNORECASE)
_FRAME = " \t*/=-_#~+|"
"""What banners and `/** */` put around words."""


def leading_comment(text: str, statements: Sequence[Statement], *, is_declared: bool) -> str:
    """The comment in front of a routine; without one, the comment on and below the line that declares it.

    Args:
        text: the program.
        statements: those of the routine, the comment in front of it included.
        is_declared: whether what follows that comment declares something: code between routines does not.
    """
    before = list(takewhile(_is_comment, statements))
    said = _words(text, before, _REM)
    if said or not is_declared:
        return said
    declaration, *rest = statements[len(before) :]
    parts = _words(text, [declaration], _REM_BEHIND), _words(text, list(takewhile(_is_comment, rest)), _REM)
    return " ".join(filter(None, parts))


def _is_comment(statement: Statement) -> bool:
    return statement.comment


def _words(text: str, statements: Sequence[Statement], opening: re.Pattern[str]) -> str:
    words: list[str] = []
    for statement in statements:
        if found := opening.match(text, statement.start, statement.end):
            written = _CONTINUED.sub(" ", text[found.end() : statement.end])
            words += _SAYS_NOTHING.sub(" ", written).strip(_FRAME).split()
    return " ".join(words)
