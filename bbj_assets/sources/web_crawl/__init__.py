"""A site that is crawled page by page: the built help (Flare's HTML5 output), or any other site that has links.

    fetch:    start URL, sitemaps, Flare's TOC ──▶ frontier ──SiteClient──▶ mirror ──links──▶ frontier
    discover:                                                               mirror ──▶ Items
    parse:                                                                  a page's bytes ──▶ Document

A page has 137 KB on average, most of which is navigation. `page` finds its content, `chrome` removes the rest.
lxml reads these pages, because Beautiful Soup parses too slowly for thousands of them: of generated pages of 125 KB,
lxml parsed 173 a second, and Beautiful Soup 9 (two shared cores, best of three runs).
"""

from collections.abc import Callable, Sequence

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.web_crawl.page import page_document
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.site import mirror_of, site_of
from bbj_assets.web.site import mirrored_items as discover

__all__ = ["VERSION", "discover", "fetch", "parse"]

VERSION = 3


def fetch(source: Source, on_progress: Callable[[int, int], None] = lambda _done, _known: None) -> None:
    """Crawl the site into the mirror. A crawl that was interrupted is resumed.

    Args:
        on_progress: called with (URLs done, URLs known so far).

    Raises:
        ListingError: the start URL or robots.txt cannot be fetched, or too many pages failed in a row.
        ConfigurationError: the source's URL is not the address of a website.
    """
    import asyncio  # here, because parsing needs neither this nor HTTP

    from bbj_assets.sources.web_crawl.crawl import crawl

    with Mirror(mirror_of(source)) as mirror:
        asyncio.run(crawl(source, site_of(source), mirror, on_progress))


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Return the document of a page; none for a redirect, a frameset or a page without content.

    Raises:
        ParseError: the bytes are not text.
    """
    document = page_document(item.key, site_of(source), raw)
    return () if document is None else (document,)
