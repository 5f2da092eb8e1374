"""What a source has: its items, and the partitions that they are in."""

from collections.abc import Iterator
from dataclasses import replace

from bbj_assets.documents import Item
from bbj_assets.source import Source
from bbj_assets.sources.registry import PARSERS
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import stored_partitions


def list_items(source: Source) -> Iterator[Item]:
    """The items of a source, as its parser finds them.

    Raises:
        ListingError: the source cannot be listed.
    """
    for item in PARSERS[source.parser].load().discover(source):
        # Bytes of a name that are no UTF-8 cannot be stored: such an item is known by their codes, and fails.
        key = item.key.encode(errors="surrogateescape").decode(errors="backslashreplace")
        yield item if key == item.key else replace(item, key=key)


def current_partitions(conn: Connection, source: Source) -> tuple[set[str], set[str]]:
    """The partitions that a source has now, and those that only the store still has.

    Raises:
        ListingError: the source cannot be listed.
    """
    listed = {item.partition for item in list_items(source)}
    return listed, stored_partitions(conn, source.name) - listed
