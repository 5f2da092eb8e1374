"""What changed since the last run: the one place that knows what `unchanged` means.

Unchanged is an item whose raw bytes, whose dependencies' bytes and whose recipe are those of the stored
documents. It is not parsed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bbj_assets.documents import Item
from bbj_assets.sources.files import MISSING
from bbj_assets.store.documents import StoredItem


@dataclass(slots=True)
class Changes:
    """The items of a listing, by what is to be done with them.

    Attributes:
        parse: new or changed.
        unchanged: nothing to do.
        vanished: stored, and no longer listed.
    """

    parse: list[Item] = field(default_factory=list)
    unchanged: list[Item] = field(default_factory=list)
    vanished: dict[str, StoredItem] = field(default_factory=dict)


def find_changes(items: Iterable[Item], stored: Mapping[str, StoredItem], recipe: str) -> Changes:
    """Compare a complete listing with the store. Reads the files that may be unchanged, and no others."""
    changes = Changes(vanished=dict(stored))
    digests: dict[Path, str] = {}
    for item in items:
        known = changes.vanished.pop(item.key, None)
        if known is not None and _is_unchanged(item, known, recipe, digests):
            changes.unchanged.append(item)
        else:
            changes.parse.append(item)
    return changes


def _is_unchanged(item: Item, known: StoredItem, recipe: str, digests: dict[Path, str]) -> bool:
    return (
        known.recipe == recipe
        and known.partition_key == item.partition
        and _digest(item.file, {}) == known.content_sha256.hex()
        and all(_digest(item.root / path, digests) == sha256 for path, sha256 in known.dependencies.items())
    )


def _digest(file: Path, known: dict[Path, str]) -> str:
    """SHA-256 in hex, `MISSING` for what cannot be read; a dependency of many items is read once."""
    digest = known.get(file)
    if digest is None:
        try:
            with file.open("rb", buffering=0) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except (OSError, ValueError):
            digest = MISSING
        known[file] = digest
    return digest
