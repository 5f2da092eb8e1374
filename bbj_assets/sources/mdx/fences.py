"""Fenced code: what it shows is kept to the letter, what Docusaurus reads from it is not.

The info string may carry a title, highlighted lines and switches; the code may carry magic comments
that only say which lines to highlight.
"""

import re
from functools import cache, lru_cache

OPENING = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+[ \t>]*)*(?:`{3,}[^`\n]*|~{3,}[^\n]*)(?:\n|\Z)"
"""The pattern of a line that opens a fence, in a list item or a quote as well."""

_PARTS = re.compile(r"(?P<prefix>[^`~]*)(?P<fence>`+|~+)[ \t]*(?P<info>.*)")
_TITLE = re.compile(r"(?:^|[\s}])title=(?:\"([^\"]*)\"|'([^']*)'|\{[\"'`]([^\"'`]*)[\"'`]\}|([^\s{}\"']+))")
_LANGUAGE = re.compile(r"(?!title=)[^\s{},=]+(?!=)")
_MAGIC = re.compile(
    r"^[ \t>]*(?://|#|--|;|%|'|/\*|<!--|\{/\*|rem\b)[ \t]*highlight-(?:next-line|start|end)\b"
    r"[ \t]*(?:\*/\}?|-->)?[ \t]*(?:\n|\Z)",
    re.MULTILINE | re.IGNORECASE,
)
_MARKER = re.compile(r"[-*+]|\d+[.)]")


def read_fence(text: str, start: int, shift: int) -> tuple[str, int]:
    """The fence that opens at `start` (the beginning of its line) as plain Markdown, and where it ends.

    A title becomes a bold line above it. A fence that is never closed ends with the text, as CommonMark
    says. `shift` columns of indentation go, as they do from the prose around it.
    """
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    line = text[start:line_end]
    parts = _PARTS.match(line)
    if parts is None:  # the caller matched OPENING, so there is a fence
        return line, line_end
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
        prefix, within = unshifted(prefix, shift), unshifted(within, shift)
        body = shift_left("\n" + body, shift)[1:]
    title = _TITLE.search(info) if "title=" in info else None
    head = ""
    if title:
        shown = next(group for group in title.groups() if group is not None).strip()
        head = f"{prefix}**{shown}**\n{within.rstrip()}\n" if shown else ""
    language = _LANGUAGE.match(info)
    opening = f"{within if head else prefix}{fence}{language.group().lower() if language else ''}\n"
    return f"{head}{opening}{body}{within}{fence}", end


def fenced(code: str, language: str = "") -> str:
    """`code` in a fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language.lower()}\n{code}\n{fence}"


def shift_left(text: str, columns: int) -> str:
    """The text with up to so many spaces less at the beginning of each line but the first."""
    return _indentation(columns).sub("\n", text) if "\n " in text else text


def unshifted(line: str, columns: int) -> str:
    """One line, with up to so many spaces less at its beginning."""
    return line[min(columns, len(line) - len(line.lstrip(" "))) :]


@cache
def _indentation(columns: int) -> re.Pattern[str]:
    return re.compile(rf"\n {{1,{columns}}}")


@lru_cache(maxsize=64)
def _closing(character: str, length: int) -> re.Pattern[str]:
    return re.compile(rf"\n[ \t>]*{character}{{{length},}}[ \t]*(?=\n|\Z)")
