"""Listing the files of a source, and naming the section that each belongs to."""

import os
from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from bbj_assets.errors import ListingError
from bbj_assets.settings import Source

ROOT_PARTITION = "_root"
"""The partition of files that lie in no folder."""

_NEVER = frozenset({"node_modules", "__pycache__"})


def walk(
    source: Source,
    suffixes: Collection[str],
    *,
    skip_folder: Callable[[str], bool] = lambda _name: False,
) -> Iterator[tuple[Path, str]]:
    """Every (root, path below it) of the source with one of the suffixes (lower case, with the dot), sorted.

    Hidden folders and files are left out, and so are folders that `skip_folder` names and paths that match one
    of the source's `exclude` patterns (`*` and `**` match any characters, also `/`). Symbolic links to folders
    are not followed, so a loop of links cannot hold it.

    Raises:
        ListingError: a folder could not be read; what is missing then says nothing.
    """
    for root in source.roots:
        if root.is_file():
            if root.suffix.lower() in suffixes:
                yield root.parent, root.name
            continue
        for path in _walk_folder(root, "", suffixes, skip_folder):
            if not any(fnmatchcase(path, pattern) for pattern in source.exclude):
                yield root, path


def partition_of(path: str) -> str:
    """The partition key of a file: its top folder, or `_root`.

    Commas and `...` have a meaning in Dagster's partition ranges, so they are replaced.

    >>> partition_of("grids/columns/sizing.md"), partition_of("index.md")
    ('grids', '_root')
    """
    folder, slash, _ = path.partition("/")
    return partition_key(folder) if slash else ROOT_PARTITION


def partition_key(name: str) -> str:
    """A section's name as a Dagster partition key."""
    return name.replace(",", "_").replace("...", "_") or ROOT_PARTITION


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
            if entry.name not in _NEVER and not skip_folder(entry.name):
                yield from _walk_folder(root, f"{below}{entry.name}/", suffixes, skip_folder)
        elif os.path.splitext(entry.name)[1].lower() in suffixes and entry.is_file():  # noqa: PTH122 - hot
            yield below + entry.name
