"""Read access to a source's tree of files, with a record of what was read.

A page may depend on more than its own file: partials, snippets, tables of contents. A parser reads those through a
`SourceFiles`, and each path with its hash, also that of a missing file, is stored with the document as a dependency.
So a changed partial causes exactly the pages that include it to be parsed again.

Some files concern every page, such as a table of contents. If each page depended on that file, moving one page would
parse all of them again. So a parser may depend on the part that it used instead: a derived dependency,
`<parser>://<name>`, whose hash its `derive` computes (see `Deriving`).
"""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Protocol

MISSING = ""
"""The recorded hash of a dependency that does not exist."""

MAX_FILE_BYTES = 64 * 1024 * 1024
"""A larger file is not documentation. It is refused before it is read into memory."""


class SourceFiles:
    """The files below one root, as one parse reads them.

    Attributes:
        root: the absolute folder.
        dependencies: the paths that were read, each with the SHA-256 of its content in hex, or `MISSING`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dependencies: dict[str, str] = {}
        self._real_root: Path | None = None

    def read(self, path: str) -> bytes | None:
        """Return the bytes of the file at `path` (relative to the root, with `/`), or None if there is none.

        A path that leads out of the root, directly or through a symbolic link, is treated as missing.
        In every case the path becomes a dependency.
        """
        content = self.peek(path)
        self.dependencies[path] = MISSING if content is None else hashlib.sha256(content).hexdigest()
        return content

    def peek(self, path: str) -> bytes | None:
        """Return what `read` returns, without recording a dependency: for the files behind derived dependencies."""
        file = self.root / path
        try:
            if file.stat().st_size > MAX_FILE_BYTES:  # first, because most requested files do not exist
                return None
            if self._real_root is None:
                self._real_root = self.root.resolve()
            return file.read_bytes() if file.resolve().is_relative_to(self._real_root) else None
        except (OSError, ValueError):  # missing, a folder, a loop of links, a NUL in the name
            return None


class Deriving(Protocol):
    """A parser with derived dependencies. Their keys begin with its name and `://`, which no path below a root does."""

    def derive(self, files: SourceFiles, key: str) -> str:
        """Return the hash that a parse would record for `key` now, or MISSING. Records no dependency."""
        ...


def resolve(relative_to: str, reference: str) -> str | None:
    """Return the root-relative path that `reference` means in the file `relative_to`; None if it leaves the root.

    Also None for a reference with NUL, which no file name has: PostgreSQL could not store it as a dependency.

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
