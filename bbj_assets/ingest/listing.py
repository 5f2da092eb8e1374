"""What a source has: its items, and the partitions that they are in."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from bbj_assets.documents import Item
from bbj_assets.errors import ParseError
from bbj_assets.outcomes import Failure
from bbj_assets.source import Source
from bbj_assets.sources.registry import PARSERS
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import stored_partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The items of some partitions of a source.

    Attributes:
        keys: the keys of all items of the source, whatever their partition.
        items: the items of the partitions, each key once.
        duplicates: the failures of items whose key another item has.
        unfetched: the failures of items whose current state could not be fetched. They are in `items` as well.
    """

    keys: frozenset[str]
    items: Sequence[Item]
    duplicates: Sequence[Failure]
    unfetched: Sequence[Failure]

    @property
    def failures(self) -> list[Failure]:
        """Return the failures that were found without parsing."""
        return [*self.duplicates, *self.unfetched]


def list_items(source: Source) -> Iterator[Item]:
    """Return the items of a source as its parser finds them.

    Raises:
        ListingError: the source cannot be listed.
    """
    for item in PARSERS[source.parser].load().discover(source):
        # A name with bytes that are not UTF-8 cannot be stored. The key gets their codes; parsing the item fails.
        key = item.key.encode(errors="surrogateescape").decode(errors="backslashreplace")
        yield item if key == item.key else replace(item, key=key)


def list_partitions(source: Source, partitions: Collection[str]) -> Listing:
    """List a source and return the items of some of its partitions.

    Raises:
        ListingError: the source cannot be listed.
    """
    first: dict[str, Item] = {}
    duplicates = []
    for item in list_items(source):
        other = first.setdefault(item.key, item)
        if other is not item and item.partition in partitions:
            duplicates.append(_duplicate(source, item, other))
    items = [item for item in first.values() if item.partition in partitions]
    return Listing(
        keys=frozenset(first),
        items=items,
        duplicates=duplicates,
        unfetched=[_failure(source, item, f"{item.key}: {item.problem}") for item in items if item.problem],
    )


def current_partitions(conn: Connection, source: Source) -> tuple[set[str], set[str]]:
    """Return the partitions that a source has now, and those that only the store still has.

    Raises:
        ListingError: the source cannot be listed.
    """
    listed = {item.partition for item in list_items(source)}
    return listed, stored_partitions(conn, source.name) - listed


def _duplicate(source: Source, item: Item, other: Item) -> Failure:
    """Return the failure of an item that has the same path as another one, below another root of the source."""
    return _failure(
        source,
        item,
        f"{item.file}: left out, because {other.file} has the same path in this source. Rename one of them, or name "
        "its folder in `paths` of another source in sources.toml.",
    )


def _failure(source: Source, item: Item, message: str) -> Failure:
    return Failure.of_item(key=item.key, source=source.name, partition_key=item.partition, error=ParseError(message))
