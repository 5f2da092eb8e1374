"""What changed since the last run. Only this module defines what `unchanged` means.

An item is unchanged if its raw bytes, its dependencies (bytes of files, or what a parser derives from them) and its
code version are those of the stored documents. It is not parsed again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from bbj_assets.documents import Item
from bbj_assets.ingest.parsing import digest, input_of
from bbj_assets.outcomes import LEFT_ALONE, Failure
from bbj_assets.sources.files import Deriving, SourceFiles
from bbj_assets.sources.registry import PARSERS
from bbj_assets.store.documents import StoredDependency, StoredItem

MAX_LOST_PARSERS = 3
"""An item that killed or hung its parser this many times is left alone until it changes: each time may take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The difference between a listing and the store.

    Attributes:
        parse: the new and changed items.
        unchanged: the items that need not be parsed.
        deleted: the stored items that are no longer listed, by key.
    """

    parse: Sequence[Item] = ()
    unchanged: Sequence[Item] = ()
    deleted: Mapping[str, StoredItem] = field(default_factory=dict)


def find_changes(items: Iterable[Item], stored: Mapping[str, StoredItem], code_version: str) -> Changes:
    """Compare a complete listing with the store. Only files that may be unchanged are read."""
    parse, unchanged, deleted = [], [], dict(stored)
    trees: dict[Path, SourceFiles] = {}
    for item in items:
        known = deleted.pop(item.key, None)
        if known is not None and _is_unchanged(item, known, code_version, trees):
            unchanged.append(item)
        else:
            parse.append(item)
    return Changes(parse=parse, unchanged=unchanged, deleted=deleted)


def find_failed_changes(items: Iterable[Item], stored: Mapping[str, StoredItem], failed: Collection[str]) -> Changes:
    """Return the changes of a run over failures only: failed items are parsed, or deleted if not listed any more."""
    parse = [item for item in items if item.key in failed]
    listed = {item.key for item in parse}
    return Changes(
        parse=parse, deleted={key: known for key, known in stored.items() if key in failed and key not in listed}
    )


def find_poison(items: Iterable[Item], failures: Iterable[Failure], code_version: str) -> list[Failure]:
    """Return the failures of items that killed or hung their parser too often, and have not changed since."""
    hopeless = {
        failure.item: failure
        for failure in failures
        if failure.input is not None and failure.attempts >= MAX_LOST_PARSERS
    }
    poison = sorted(
        item.key for item in items if item.key in hopeless and hopeless[item.key].input == input_of(item, code_version)
    )
    return [replace(hopeless[key], error=f"{hopeless[key].error} {LEFT_ALONE}") for key in poison]


def stale_partitions(roots: Iterable[Path], dependencies: Iterable[StoredDependency]) -> set[str]:
    """Return the partitions with a document that was made from a file that has changed since.

    The root of a document is not stored. A dependency is unchanged if one of the roots still has it as it was.
    """
    trees = [SourceFiles(root if root.is_dir() else root.parent) for root in roots]
    return {
        dependency.partition_key
        for dependency in dependencies
        if all(_dependency(files, dependency.path) != dependency.sha256 for files in trees)
    }


def _is_unchanged(item: Item, known: StoredItem, code_version: str, trees: dict[Path, SourceFiles]) -> bool:
    files = trees.setdefault(item.root, SourceFiles(item.root))
    return (
        known.code_version == code_version
        and known.partition_key == item.partition
        and digest(item.file) == known.content_sha256.hex()
        and all(_dependency(files, path) == sha256 for path, sha256 in known.dependencies.items())
    )


def _dependency(files: SourceFiles, path: str) -> str:
    """Return what a parse would record for the path now. A dependency of many items is read once."""
    if path not in files.dependencies:
        parser, is_derived, _ = path.partition("://")
        if is_derived and parser in PARSERS:
            files.dependencies[path] = cast("Deriving", PARSERS[parser].load()).derive(files, path)
        else:
            files.read(path)
    return files.dependencies[path]
