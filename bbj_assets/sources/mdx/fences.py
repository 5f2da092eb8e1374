"""Fenced code: the code stays as it is, and the instructions to Docusaurus go.

The info string may hold a title, highlighted lines and switches. The code may hold magic comments that only mark
lines to highlight.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

OPENING = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+[ \t>]*)*(?:`{3,}[^`\n]*|~{3,}[^\n]*)(?:\n|\Z)"
"""The pattern of a line that opens a fence, also in a list item or a quote."""

_PARTS = re.compile(r"(?P<prefix>[^`~]*)(?P<fence>`+|~+)[ \t]*(?P<info>.*)")
_TITLE = re.compile(r"(?:^|[\s}])title=(?:\"([^\"]*)\"|'([^']*)'|\{[\"'`]([^\"'`]*)[\"'`]\}|([^\s{}\"']+))")
_LANGUAGE = re.compile(r"(?!title=)[^\s{},=]+(?!=)")
_MAGIC = re.compile(
    r"^[ \t>]*(?://|#|--|;|%|'|/\*|<!--|\{/\*|rem\b)[ \t]*highlight-(?:next-line|start|end)\b"
    r"[ \t]*(?:\*/\}?|-->)?[ \t]*(?:\n|\Z)",
    re.MULTILINE | re.IGNORECASE,
)
_MARKER = re.compile(r"[-*+]|\d+[.)]")


class Fence(NamedTuple):
    """A fence as plain Markdown, and the position after it in the source."""

    markdown: str
    end: int


def read_fence(text: str, start: int, *, shift: int) -> Fence:
    """Read the fence that opens at `start`, the beginning of its line.

    A title becomes a bold line above the fence. A fence without a closing line ends with the text, as in CommonMark.

    Args:
        text: the source.
        start: the position of the first character of the line.
        shift: columns of indentation to remove, as from the prose around the fence.
    """
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    line = text[start:line_end]
    parts = _PARTS.match(line)
    if parts is None:  # the caller matched OPENING, so there is a fence
        return Fence(line, line_end)
    prefix, fence, info = parts["prefix"], parts["fence"], parts["info"]
    closing = _closing(fence[0], len(fence)).search(text, line_end)
    body = text[line_end + 1 : closing.start() + 1 if closing else len(text)]
    end = closing.end() if closing else len(text)
    if "highlight-" in body:
        body = _MAGIC.sub("", body)
    if body and not body.endswith("\n"):
        body += "\n"
    within = _MARKER.sub(lambda marker: " " * len(marker.group()), prefix) if prefix else ""
    if shift:
        prefix, within = shift_line_left(prefix, shift), shift_line_left(within, shift)
        body = shift_left("\n" + body, shift)[1:]
    title = _TITLE.search(info) if "title=" in info else None
    head = ""
    if title:
        shown = next(group for group in title.groups() if group is not None).strip()
        head = f"{prefix}**{shown}**\n{within.rstrip()}\n" if shown else ""
    language = _LANGUAGE.match(info)
    opening = f"{within if head else prefix}{fence}{language.group().lower() if language else ''}\n"
    return Fence(f"{head}{opening}{body}{within}{fence}", end)


def fenced(code: str, *, language: str = "") -> str:
    """Return the code in a fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language.lower()}\n{code}\n{fence}"


def shift_left(text: str, columns: int) -> str:
    """Remove up to this many spaces from the beginning of each line except the first."""
    return _indentation(columns).sub("\n", text) if "\n " in text else text


def shift_line_left(line: str, columns: int) -> str:
    """Remove up to this many spaces from the beginning of one line."""
    return line[min(columns, len(line) - len(line.lstrip(" "))) :]


@cache
def _indentation(columns: int) -> re.Pattern[str]:
    return re.compile(rf"\n {{1,{columns}}}")


@lru_cache(maxsize=64)
def _closing(character: str, length: int) -> re.Pattern[str]:
    return re.compile(rf"\n[ \t>]*{character}{{{length},}}[ \t]*(?=\n|\Z)")
