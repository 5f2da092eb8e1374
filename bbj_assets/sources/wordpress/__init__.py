"""Articles of a WordPress site: a magazine, a knowledge base.

    fetch:    start page ──▶ REST API: posts as JSON      ┐
                        └──▶ where it is closed: pages    ├──▶ mirror
                        └──▶ PDF files that it links to   ┘
    discover: mirror ──▶ Items
    parse:    a post, a page or a PDF file ──▶ Documents

The API comes first because it returns an article without the theme around it; only the additions of plugins have to be
removed.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from bbj_assets.documents import Document, Item
from bbj_assets.errors import ParseError
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.wordpress.page import parse_page
from bbj_assets.sources.wordpress.post import parse_post
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.site import mirror_of, site_of
from bbj_assets.web.site import mirrored_items as discover

__all__ = ["VERSION", "discover", "fetch", "parse"]

VERSION = 2


def fetch(source: Source, on_progress: Callable[[int, int], None] = lambda _done, _known: None) -> None:
    """Bring the mirror up to date with the site.

    A list that cannot be read to its end becomes an item with a problem, and then nothing is deleted.

    Args:
        on_progress: called with (articles done, articles known so far).

    Raises:
        ListingError: the site cannot be reached, or too many pages failed in a row.
        ConfigurationError: the source's URL is not the address of a website.
    """
    from bbj_assets.sources.wordpress.fetch_site import fetch_site  # here, because parsing needs no HTTP

    with Mirror(mirror_of(source)) as mirror:
        asyncio.run(fetch_site(source, site_of(source), mirror, on_progress))


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Return the documents of a fetched item: one for an article, one for each section of a PDF file.

    Raises:
        ParseError: the item is not an article, or damaged.
    """
    match item.path.rpartition(".")[2]:
        case "json":
            return parse_post(item.key, raw)
        case "html":
            return parse_page(item.key, raw)
        case "pdf":
            return _parse_pdf(item, raw)
    raise ParseError(f"{item.key}: the mirror has no article under {item.path!r}. Delete the mirror to fetch it again.")


def _parse_pdf(item: Item, raw: bytes) -> list[Document]:
    from bbj_assets.convert.pdf import documents  # here, because most sites have no PDF file

    name = unquote(urlsplit(item.key).path).rpartition("/")[2] or item.key
    return [
        replace(document, doc_type="article", display_url=_at_page(item.key, document))
        for document in documents(raw, name=name, url=item.key)
    ]


def _at_page(url: str, document: Document) -> str:
    """Return the URL at which a browser opens the file at the section's first page."""
    pages = document.metadata.get("pages")
    return f"{url}#page={pages[0]}" if isinstance(pages, list) and pages else url
