"""The files of a source, and the partition that each belongs to."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from bbj_assets.errors import ListingError
from bbj_assets.source import Source

ROOT_PARTITION = "_root"
"""The partition of files in the root folder itself."""

NEVER_DOCUMENTATION = frozenset({"node_modules", "__pycache__"})

_NOT_IN_KEYS = re.compile(r",|\.\.\.|[\x00-\x1f\ud800-\udfff]")
"""Characters that Dagster refuses or reads as part of a range, and bytes of a name that are not UTF-8."""


def walk(
    source: Source,
    suffixes: Collection[str],
    *,
    below: str = "",
    skip_folder: Callable[[str], bool] = lambda _name: False,
) -> Iterator[tuple[Path, str]]:
    """Yield (root, path below it) for each file of the source with one of the suffixes, sorted.

    Leaves out hidden files and folders, folders that `skip_folder` accepts, and paths that match an `exclude` pattern
    of the source (`*` and `**` match any characters, including `/`; a leading `**/` also matches no folder at all).
    Symbolic links to folders are not followed, so a loop of links does no harm.

    Args:
        source: its roots may be folders, or single files, to which `exclude` does not apply.
        suffixes: in lower case, with the dot.
        below: a folder of each root to list instead of the whole root, with a trailing slash.
        skip_folder: returns whether to leave out the folders of that name.

    Raises:
        ListingError: a folder could not be read, so nothing can be inferred from files that are missing.
    """
    for root in source.roots:
        if root.is_file():
            if root.suffix.lower() in suffixes:
                yield root.parent, root.name
            continue
        for path in _walk_folder(root, below, suffixes, skip_folder):
            if not is_excluded(path, source.exclude):
                yield root, path


def partition_of(path: str) -> str:
    """Return the partition key of a file: its top folder, or `_root`.

    >>> partition_of("grids/columns/sizing.md"), partition_of("index.md")
    ('grids', '_root')
    """
    folder, slash, _ = path.partition("/")
    return partition_key(folder) if slash else ROOT_PARTITION


def partition_key(name: str) -> str:
    """Return a section's name as a Dagster partition key, with `_` for the characters that a key cannot have."""
    return _NOT_IN_KEYS.sub("_", name) or ROOT_PARTITION


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a path matches one of the patterns; a leading `**/` also matches no folder at all."""
    return any(
        fnmatchcase(path, pattern) or (pattern.startswith("**/") and fnmatchcase(path, pattern[3:]))
        for pattern in patterns
    )


def _walk_folder(
    root: Path, below: str, suffixes: Collection[str], skip_folder: Callable[[str], bool]
) -> Iterator[str]:
    try:
        with os.scandir(root / below) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        raise ListingError(
            f"Cannot list {root / below}: {error.strerror}. Nothing was deleted; "
            "make the folder readable, or correct `paths` in sources.toml."
        ) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in NEVER_DOCUMENTATION and not skip_folder(entry.name):
                yield from _walk_folder(root, f"{below}{entry.name}/", suffixes, skip_folder)
        elif os.path.splitext(entry.name)[1].lower() in suffixes and _may_be_file(entry):  # noqa: PTH122 - hot loop
            yield below + entry.name


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself or into an unreadable folder: parsing it reports the error
        return True
