"""Fetching what a web source reads: its site is crawled before anything is listed or parsed."""

from collections.abc import Callable

from bbj_assets.source import Source
from bbj_assets.sources.registry import PARSERS
from bbj_assets.store.connection import Connection
from bbj_assets.store.locks import source_lock


def is_web(source: Source) -> bool:
    """Return whether the source reads from the web."""
    return PARSERS[source.parser].reads == "web"


def fetch_site(
    conn: Connection,
    source: Source,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_wait: Callable[[], None] = lambda: None,
) -> None:
    """Bring the mirror of the source's site up to date.

    Args:
        conn: in autocommit mode. It holds the source's lock, because two crawls would double the load on the site.
        on_progress: called with (pages done, pages known so far).
        on_wait: called once if another run over the source has to end first.

    Raises:
        ListingError: the site cannot be reached, or its robots.txt forbids it.
    """
    with source_lock(conn, source.name, on_wait):
        PARSERS[source.parser].load_web().fetch(source, on_progress)
