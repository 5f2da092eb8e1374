"""Fetching what a web source reads: its site is crawled before anything is listed or parsed."""

from functools import partial

from bbj_assets.progress import SILENT, Progress
from bbj_assets.source import Source
from bbj_assets.sources.registry import PARSERS
from bbj_assets.store.connection import Connection
from bbj_assets.store.locks import source_lock


def is_web(source: Source) -> bool:
    """Return whether the source reads from the web."""
    return PARSERS[source.parser].reads == "web"


def fetch_site(conn: Connection, source: Source, progress: Progress = SILENT) -> None:
    """Bring the mirror of the source's site up to date.

    Args:
        conn: in autocommit mode. It holds the source's lock, because two crawls would double the load on the site.
        progress: receives the numbers of the pages done and the pages known so far.

    Raises:
        ListingError: the site cannot be reached, or its robots.txt forbids it.
    """
    with source_lock(conn, source.name, progress.waiting):
        PARSERS[source.parser].load_web().fetch(source, partial(progress.advance, "crawl"))
