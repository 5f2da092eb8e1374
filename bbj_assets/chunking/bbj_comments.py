"""The leading comment of a routine: the words of its `rem` lines, on one line."""

import re
from collections.abc import Sequence
from itertools import takewhile

from bbj_assets.chunking.bbj_structure import Statement

_REM = re.compile(r"[ \t]*+(?>(?:\d{1,5}[ \t]++)?)rem", re.IGNORECASE)
_TRAILING_REM = re.compile(r"""(?:[^"\n]|"[^"\n]*")*?[:;][ \t]*+rem(?![\w!$%@])""", re.IGNORECASE)
_CONTINUED = re.compile(r"\n[ \t]*:")
_NOISE = re.compile(r"([^\w\s])\1{2,}|@override\b|\{@inheritDoc\}", re.IGNORECASE)
_FRAME = " \t*/=-_#~+|"
"""The characters that banners and `/** */` put around words."""


def leading_comment(text: str, statements: Sequence[Statement], *, is_declared: bool) -> str:
    """Return the comment in front of a routine, or else the comment on and below the line that declares it.

    Args:
        text: the program.
        statements: the statements of the routine, including the comment in front of it.
        is_declared: whether a declaration follows the comment; False for code between routines.
    """
    before = list(takewhile(_is_comment, statements))
    comment = _words(text, before, _REM)
    if comment or not is_declared:
        return comment
    declaration, *rest = statements[len(before) :]
    parts = _words(text, [declaration], _TRAILING_REM), _words(text, list(takewhile(_is_comment, rest)), _REM)
    return " ".join(filter(None, parts))


def _is_comment(statement: Statement) -> bool:
    return statement.comment


def _words(text: str, statements: Sequence[Statement], opening: re.Pattern[str]) -> str:
    words: list[str] = []
    for statement in statements:
        if found := opening.match(text, statement.start, statement.end):
            written = _CONTINUED.sub(" ", text[found.end() : statement.end])
            words += _NOISE.sub(" ", written).strip(_FRAME).split()
    return " ".join(words)
