"""The pages of the documentation, and what a reader can run on them.

A page marks its commands like this, and the tests go by it:

- A fence of `sh` holds commands, one per line.
- A fence of `text` or `json` after it, in the same section, is the output of its last command.
- Inline code, and a line of indented code, is a command if it begins with one of our programs.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bbj_assets_tests.conftest import REPOSITORY

PROGRAMS = ("bbj-ingest-all", "bbj-assets", "make")
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command on a page.

    Attributes:
        line: as it is written.
        output: what the page shows that it prints; None if it shows nothing.
    """

    line: str
    output: str | None = None

    @property
    def words(self) -> list[str]:
        """Return the program and its arguments, without variables that are set for it."""
        words = shlex.split(self.line)
        while words and _ASSIGNMENT.match(words[0]):
            words.pop(0)
        return words

    @property
    def program(self) -> str:
        return self.words[0]


@dataclass(frozen=True)
class Page:
    """A page of Markdown."""

    file: Path

    @property
    def name(self) -> str:
        return self.file.relative_to(REPOSITORY).as_posix()

    @cached_property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def _tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.text)

    @cached_property
    def commands(self) -> list[Command]:
        """Return the commands in their order, each with the output that the page shows."""
        found: list[Command] = []
        last: int | None = None
        for token in self._tokens:
            if token.type == "fence" and token.info == "sh":
                found += [Command(line=line) for line in token.content.splitlines()]
                last = len(found) - 1
            elif token.type == "fence" and token.info in ("text", "json") and last is not None:
                found[last] = Command(line=found[last].line, output=token.content)
                last = None
            elif token.type == "heading_open":
                last = None
            else:
                found += [Command(line=code) for code in _code(token) if _is_command(code)]
        return found

    @cached_property
    def inline_code(self) -> list[str]:
        return [code for token in self._tokens if token.type == "inline" for code in _code(token)]

    @cached_property
    def links(self) -> list[str]:
        """Return the targets of all links and pictures."""
        children = [child for token in self._tokens for child in token.children or ()]
        targets = [child.attrGet("href") or child.attrGet("src") for child in children]
        return [str(target) for target in targets if target]

    def fences(self, language: str) -> list[str]:
        """Return the contents of all fences of a language."""
        return [token.content for token in self._tokens if token.type == "fence" and token.info == language]

    @cached_property
    def rows(self) -> list[list[str]]:
        """Return the cells of all table rows, as Markdown, without the headings."""
        rows: list[list[str]] = []
        for before, token in zip(self._tokens, self._tokens[1:], strict=False):
            if token.type == "tr_open":
                rows.append([])
            elif before.type == "td_open":
                rows[-1].append(token.content)
        return [row for row in rows if row]


def all_pages() -> list[Page]:
    """Return the pages in the order in which their commands are run; the model that is used changes last."""
    names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "sample_data/README.md"]
    files = [REPOSITORY / name for name in names] + sorted((REPOSITORY / "docs").glob("*.md"))
    return [Page(file) for file in sorted(files, key=lambda file: file.stem == "models")]


def page(name: str) -> Page:
    """Return a page by its path in the repository."""
    return Page(REPOSITORY / name)


def _code(token: Token) -> Iterator[str]:
    if token.type == "code_block":
        yield from (line.strip() for line in token.content.splitlines())
    for child in token.children or ():
        if child.type == "code_inline":
            yield child.content


def _is_command(code: str) -> bool:
    """Return whether a piece of code is a call of one of our programs, and not only its name."""
    words = [word for word in code.split() if not _ASSIGNMENT.match(word)]
    return bool(words) and words[0] in PROGRAMS and (len(words) > 1 or words[0] == "bbj-ingest-all")
