"""A site that is read page by page: the built help (Flare's HTML5 output), or any other that has links.

    visit:   start URL, sitemaps, Flare's TOC ──▶ frontier ──Fetcher──▶ mirror ──links──▶ frontier
    discover:                                                           mirror ──▶ Items
    parse:                                                              a page's bytes ──▶ Document

Pages average 137 KB, most of which is navigation. What is content and what is not is in `content` and `chrome`.
"""

from collections.abc import Callable, Sequence

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.web_crawl.page import page_document
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.site import mirror_of, site_of
from bbj_assets.web.site import mirrored_items as discover

__all__ = ["VERSION", "discover", "parse", "visit"]

VERSION = 2


def visit(source: Source, on_progress: Callable[[int, int], None] = lambda _done, _known: None) -> None:
    """Crawl the site into the mirror; a crawl that was cut off goes on where it was.

    Args:
        on_progress: called with (addresses done, addresses known so far).

    Raises:
        ListingError: the start URL or robots.txt cannot be had, or the site fails again and again.
        ConfigurationError: the source's URL is none.
    """
    import asyncio  # here, because who parses needs neither this nor HTTP

    from bbj_assets.sources.web_crawl.crawl import crawl

    with Mirror(mirror_of(source)) as mirror:
        asyncio.run(crawl(source, site_of(source), mirror, on_progress))


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Turn a page into its document; none for a redirect, a frameset or a page without content.

    Raises:
        ParseError: the bytes are no HTML.
    """
    document = page_document(item.key, site_of(source), raw)
    return () if document is None else (document,)
