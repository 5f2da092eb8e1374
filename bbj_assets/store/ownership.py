"""Which source and item a stored page belongs to, and which other source may take it over.

A page belongs to the source that stored it first. Another source that has the same page fails to store it, so the two
do not replace each other's documents in every run.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bbj_assets.store.connection import Connection


class Owner(NamedTuple):
    """The source and the item that a stored document belongs to."""

    source: str
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """The rule by which other sources lose a page to a source that has the same page.

    Attributes:
        is_allowed: whether any source loses its pages.
        keepers: the sources that keep their pages even if `is_allowed` is true.
    """

    is_allowed: bool
    keepers: Collection[str] = ()

    def allows(self, source: str) -> bool:
        """Return whether this other source loses its pages."""
        return self.is_allowed and source not in self.keepers


NO_TAKEOVER = Takeover(is_allowed=False)


def takeover_from_removed(configured: Iterable[str]) -> Takeover:
    """Allow taking over the pages of sources that are no longer configured.

    Args:
        configured: the names of all sources of sources.toml.
    """
    return Takeover(is_allowed=True, keepers=frozenset(configured))


def owners(conn: Connection, source_urls: Collection[str]) -> dict[str, Owner]:
    """Return the owners of the stored documents among these, by `source_url`."""
    rows = conn.execute(
        "SELECT source_url, source, item FROM documents WHERE source_url = ANY(%s)", [list(source_urls)]
    )
    return {source_url: Owner(source, item) for source_url, source, item in rows}
