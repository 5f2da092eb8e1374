"""Read access to a source's tree of files, which remembers what was read.

A page may be made of more than its own file: partials, snippets, tables of contents. A parser
reads those through a `SourceFiles`, and what it read (with its hash, also when it was missing) is
stored with the document as its dependencies. That is how a changed partial re-parses exactly the
pages that include it.

Some files say something of every page: a table of contents has all of them. A page that depended on the file would
be parsed anew whenever another page is moved. So a parser may depend on what it took from such a file instead: a
derived dependency, `<parser>://<what>`, whose hash its `derive` computes (see `Deriving`).
"""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Protocol

MISSING = ""
"""The recorded hash of a dependency that was asked for and did not exist."""

MAX_FILE_BYTES = 64 * 1024 * 1024
"""A larger file is not documentation; it is refused before it is read into memory."""


class SourceFiles:
    """The files below one root, as one parse sees them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dependencies: dict[str, str] = {}
        self._real_root: Path | None = None

    def read(self, path: str) -> bytes | None:
        """The bytes of the file at `path` (relative to the root, `/`), or None when there is none.

        A path that leads out of the root, also through a symbolic link, is treated as missing.
        Either way the path becomes a dependency.
        """
        content = self.peek(path)
        self.dependencies[path] = MISSING if content is None else hashlib.sha256(content).hexdigest()
        return content

    def peek(self, path: str) -> bytes | None:
        """As `read`, but the file does not become a dependency: for what is recorded as a derived one."""
        file = self.root / path
        try:
            if file.stat().st_size > MAX_FILE_BYTES:  # first, because most of what is asked for is not there
                return None
            if self._real_root is None:
                self._real_root = self.root.resolve()
            return file.read_bytes() if file.resolve().is_relative_to(self._real_root) else None
        except (OSError, ValueError):  # missing, a folder, a loop of links, a NUL in the name
            return None


class Deriving(Protocol):
    """A parser with derived dependencies. Their keys begin with its name and `://`, which no path below a root has."""

    def derive(self, files: SourceFiles, key: str) -> str:
        """The hash that a parse would record of `key` now, MISSING for nothing; records no dependency itself."""
        ...


def resolve(relative_to: str, reference: str) -> str | None:
    """The root-relative path that `reference` means in the file `relative_to`; None if it leaves the root.

    None too for what no file can be called, so that it never becomes a dependency, which PostgreSQL could not store.

    >>> resolve("guide/setup.md", "../shared/_note.md")
    'shared/_note.md'
    """
    if "\0" in reference:
        return None
    parts: list[str] = []
    start = (
        PurePosixPath(reference.lstrip("/"))
        if reference.startswith("/")
        else (PurePosixPath(relative_to).parent / reference)
    )
    for part in start.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
