"""What changed since the last run: the one place that knows what `unchanged` means.

Unchanged is an item whose raw bytes, whose dependencies (bytes of files, or what a parser derives from them) and
whose code_version are those of the stored documents. It is not parsed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from bbj_assets.documents import Item
from bbj_assets.ingest.parsing import digest, input_of
from bbj_assets.outcomes import Failure
from bbj_assets.sources.files import Deriving, SourceFiles
from bbj_assets.sources.registry import PARSERS
from bbj_assets.store.documents import StoredDependency, StoredItem

MAX_LOST_PARSERS = 3
"""So often an item may kill or hang its parser, which may take minutes, while it stays as it is."""

_LEFT_ALONE = "It is left alone until it changes; `bbj-ingest-all --retry-failed` tries it all the same."


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


def find_changes(items: Iterable[Item], stored: Mapping[str, StoredItem], code_version: str) -> Changes:
    """Compare a complete listing with the store. Reads the files that may be unchanged, and no others."""
    changes = Changes(vanished=dict(stored))
    trees: dict[Path, SourceFiles] = {}
    for item in items:
        known = changes.vanished.pop(item.key, None)
        if known is not None and _is_unchanged(item, known, code_version, trees):
            changes.unchanged.append(item)
        else:
            changes.parse.append(item)
    return changes


def give_up_poison(changes: Changes, failures: Iterable[Failure], code_version: str) -> list[Failure]:
    """Take out of what is to be parsed the items that cost their parser too often as they are; gives their failures."""
    hopeless = {
        failure.item: failure
        for failure in failures
        if failure.input is not None and failure.attempts >= MAX_LOST_PARSERS
    }
    poison = {
        item.key
        for item in changes.parse
        if item.key in hopeless and hopeless[item.key].input == input_of(item, code_version)
    }
    changes.parse = [item for item in changes.parse if item.key not in poison]
    return [replace(hopeless[key], error=f"{hopeless[key].error} {_LEFT_ALONE}") for key in sorted(poison)]


def stale_partitions(roots: Iterable[Path], dependencies: Iterable[StoredDependency]) -> set[str]:
    """The partitions with a document that was made with a file that has changed since.

    Which of the source's roots a document came from is not stored: unchanged is what one of them still has.
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
    """What a parse would record of the path now; a dependency of many items is read once."""
    if path not in files.dependencies:
        parser, is_derived, _ = path.partition("://")
        if is_derived and parser in PARSERS:
            files.dependencies[path] = cast("Deriving", PARSERS[parser].load()).derive(files, path)
        else:
            files.read(path)
    return files.dependencies[path]
