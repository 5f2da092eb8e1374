"""Fingerprints of a source's sections, taken without opening a file: they show that something changed.

A fingerprint is a hash over path, size and time of modification of every file of a section. It is cheap enough to be
taken every half minute: 50,000 files in about half a second. Which documents really changed is decided by the ingest,
from the bytes.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from bbj_assets.documents import Item
from bbj_assets.errors import ListingError
from bbj_assets.ingest.listing import list_items
from bbj_assets.source import Source
from bbj_assets.sources.walk import NEVER_DOCUMENTATION

SHARED = ""
"""The key of the files that are no page and may be part of many: snippets, tables of contents, images."""

GONE = "gone"
"""The fingerprint of a section that the source does not have."""

_CHANGED_MEANWHILE = "changed while it was read"
_FINGERPRINT_BYTES = 8
_State = tuple[int, int]  # size, mtime in nanoseconds
_ABSENT: _State = (-1, 0)


def fingerprints(source: Source) -> dict[str, str]:
    """Return the fingerprint of each section (16 hex digits), and of the files that sections share as `SHARED`.

    For a web source these are fingerprints of its mirror, in which sections share nothing.

    Raises:
        ListingError: the source cannot be listed, so nothing is known of it.
    """
    items = list(list_items(source))
    files = {} if source.mirror is not None else dict(_files(source))
    sections: dict[str, list[str]] = defaultdict(list)
    for item in items:
        sections[item.partition].append(_line(item, files))
    if source.mirror is None:
        sections[SHARED] = [f"{path}\0{size}\0{time}" for path, (size, time) in files.items()]
    return {key: _hash(lines) for key, lines in sections.items()}


def read_as(*, before: Mapping[str, str], after: Mapping[str, str], section: str) -> str:
    """Return the fingerprint of a section as a run read it, from the listings before and after the run.

    If these differ, return a value that no state of the section has.

    >>> read_as(before={"grids": "3f"}, after={"grids": "3f"}, section="grids")
    '3f'
    >>> read_as(before={"grids": "3f"}, after={}, section="grids")
    'changed while it was read'
    """
    fingerprint = before.get(section, GONE)
    return fingerprint if after.get(section, GONE) == fingerprint else _CHANGED_MEANWHILE


def data_version(listing: dict[str, str]) -> str:
    """Return one fingerprint for a whole listing."""
    return _hash([f"{key}\0{fingerprint}" for key, fingerprint in listing.items()])


def _line(item: Item, files: dict[str, _State]) -> str:
    path = f"{item.root}/{item.path}"
    size, time = _state_of(path, files) if item.path else _ABSENT
    return f"{item.key}\0{path}\0{size}\0{time}\0{item.problem}"


def _state_of(path: str, files: dict[str, _State]) -> _State:
    return files.pop(path) if path in files else _state(path)


def _hash(lines: list[str]) -> str:
    text = "\n".join(sorted(lines))
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=_FINGERPRINT_BYTES).hexdigest()


def _files(source: Source) -> Iterator[tuple[str, _State]]:
    for root in source.roots:
        if root.is_dir():
            yield from _below(str(root))
        else:
            yield str(root), _state(root)


def _below(folder: str) -> Iterator[tuple[str, _State]]:
    try:
        with os.scandir(folder) as scan:
            entries = list(scan)
    except OSError as error:
        raise ListingError(f"Cannot list {folder}: {error.strerror}. Make the folder readable.") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in NEVER_DOCUMENTATION:
                yield from _below(entry.path)
        else:
            yield entry.path, _state(entry)


def _state(file: "str | Path | os.DirEntry[str]") -> _State:
    try:
        found = file.stat() if isinstance(file, os.DirEntry) else os.stat(file)  # noqa: PTH116 - hot
    except OSError:  # deleted meanwhile, or a link to nowhere: its parse reports it
        return _ABSENT
    return found.st_size, found.st_mtime_ns
