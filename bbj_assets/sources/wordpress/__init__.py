"""Articles of a WordPress site: a magazine, a knowledge base.

    visit:    start page ──▶ REST API: posts as JSON      ┐
                        └──▶ where it is closed: pages    ├──▶ mirror
                        └──▶ PDF files that it links to   ┘
    discover: mirror ──▶ Items
    parse:    a post, a page or a PDF file ──▶ Documents

The API comes first because it gives an article and nothing else: what is to be cleaned off it is what plugins put in.
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

__all__ = ["VERSION", "discover", "parse", "visit"]

VERSION = 1


def visit(source: Source, on_progress: Callable[[int, int], None] = lambda _done, _known: None) -> None:
    """Bring the mirror up to date with the site.

    A list that cannot be read to its end is an item with a problem, and then nothing is taken for gone.

    Args:
        on_progress: called with (articles done, articles known so far).

    Raises:
        ListingError: the site cannot be reached, or fails again and again.
        ConfigurationError: the source's URL is none.
    """
    from bbj_assets.sources.wordpress.site_visit import visit_site  # here, because who parses needs no HTTP

    with Mirror(mirror_of(source)) as mirror:
        asyncio.run(visit_site(source, site_of(source), mirror, on_progress))


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Turn what was fetched into documents: one for an article, one a section for a PDF file.

    Raises:
        ParseError: it is not what it should be.
    """
    match item.path.rpartition(".")[2]:
        case "json":
            return parse_post(item.key, raw)
        case "html":
            return parse_page(item.key, raw)
        case "pdf":
            return _parse_pdf(item, raw)
    raise ParseError(f"{item.key}: the mirror has no article under {item.path!r}. Delete the mirror to fetch it anew.")


def _parse_pdf(item: Item, raw: bytes) -> list[Document]:
    from bbj_assets.convert.pdf import documents  # here, because most sites have no PDF file

    name = unquote(urlsplit(item.key).path).rpartition("/")[2] or item.key
    return [
        replace(document, doc_type="article", display_url=_at_page(item.key, document))
        for document in documents(raw, name=name, url=item.key)
    ]


def _at_page(url: str, document: Document) -> str:
    """Where a browser opens the file at the section."""
    pages = document.metadata.get("pages")
    return f"{url}#page={pages[0]}" if isinstance(pages, list) and pages else url
