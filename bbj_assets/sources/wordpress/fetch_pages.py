"""Fetching published pages and PDF files, one request each: without a REST API, and for pages that are not posts.

That no list names a page is no reason to delete it: start pages show the newest ten, and plugins write the sitemaps.
Every known page is requested instead, and deleted when its site answers 404 or 410.
"""

import asyncio
from collections.abc import Callable, Mapping

from bbj_assets.errors import ParseError
from bbj_assets.sources.wordpress.fetch_posts import LIST_PARTITION
from bbj_assets.sources.wordpress.page import is_article, year_published
from bbj_assets.sources.wordpress.scope import Scope
from bbj_assets.sources.wordpress.start_page import PDF_PARTITION, may_be_article
from bbj_assets.web.bodies import BodyError
from bbj_assets.web.client import SiteClient
from bbj_assets.web.content_types import HTML, PDF, XML
from bbj_assets.web.mirror import Mirror, MirroredPage
from bbj_assets.web.reading import with_charset
from bbj_assets.web.responses import (
    Disallowed,
    Gone,
    NotModified,
    OtherContentType,
    OutsideSite,
    Page,
    PageError,
    Response,
)
from bbj_assets.web.sitemap import read_sitemap
from bbj_assets.web.urls import Site

UNDATED = "_undated"
_MAX_SITEMAPS = 500
_SITEMAPS = ("sitemap.xml", "wp-sitemap.xml", "sitemap_index.xml")
"""The names of sitemaps that plugins and WordPress itself write."""


class PageFetcher:
    """Fetches single pages of a site into the mirror; `is_complete` says whether every sitemap was read."""

    def __init__(self, client: SiteClient, site: Site, mirror: Mirror, scope: Scope) -> None:
        self.client = client
        self.site = site
        self.mirror = mirror
        self.scope = scope
        self.is_complete = True

    async def sitemap_pages(self) -> list[str]:
        """Return the URLs of articles below the start URL that the site's sitemaps name."""
        articles = [url for start in self.client.sitemaps() for url in await self._read_sitemaps(start)]
        if articles:
            return articles
        for folder in dict.fromkeys((self.site.folder, "/")):
            for name in _SITEMAPS:
                found = await self._read_sitemaps(f"{self.site.origin}{folder}{name}")
                if found:
                    return found
        return []

    async def fetch_all(
        self, partitions: Mapping[str, str | None], concurrency: int, on_done: Callable[[], None]
    ) -> None:
        """Fetch pages, several at a time.

        Args:
            partitions: the partition of each URL; None for the year in which the page was published.
        """
        pending = iter(partitions.items())

        async def work() -> None:
            for url, partition in pending:
                if not self.mirror.is_done(url):
                    await self._fetch(url, partition)
                    self.mirror.mark_done(url)
                on_done()

        workers = [asyncio.create_task(work()) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _read_sitemaps(self, start: str) -> list[str]:
        """Return the articles in a sitemap and in the sitemaps that it names; none if it does not exist."""
        articles: dict[str, None] = {}
        known = [start]
        for url in known:
            try:
                response = await self.client.get(url, content_types=(*XML, "text/plain"))
                listed = list(read_sitemap(response.body, response.url)) if isinstance(response, Page) else None
            except Disallowed:
                listed = None
            except (PageError, BodyError) as error:
                listed = None
                if not isinstance(error, PageError) or error.status is None or error.status >= 500:
                    self.is_complete = False
                    self.mirror.fail(url, partition=LIST_PARTITION, problem=f"the sitemap was not read: {error}")
            for entry in listed or ():
                target = self.site.with_site_scheme(entry.url)
                if target is not None and entry.kind == "sitemap":
                    known += [target] if target not in known and len(known) < _MAX_SITEMAPS else []
                elif target is not None and self._is_article_below(target):
                    articles[target] = None
        return list(articles)

    def _is_article_below(self, url: str) -> bool:
        return self.site.holds(url) and url != self.site.start and may_be_article(url) and not self.scope.excludes(url)

    async def _fetch(self, url: str, partition: str | None) -> None:
        try:
            response = await self.client.get(url, stored=self._validators, content_types=(*HTML, *PDF))
        except Disallowed:
            self.mirror.remove(url)
        except OutsideSite as error:
            if error.permanently:
                self.mirror.remove(url)
            else:
                self._fail(url, partition, error)
        except PageError as error:
            self._fail(url, partition, error)
        else:
            self._process(url, partition, response)

    def _process(self, url: str, partition: str | None, response: Response) -> None:
        if response.url != url:  # the page has moved
            self.mirror.remove(url)
        match response:
            case Gone() | OtherContentType():
                self.mirror.remove(url)
            case NotModified(url=final):
                self.mirror.confirm(final)
            case Page(url=final) if final in (self.site.start, f"{self.site.origin}/"):
                self.mirror.remove(url)  # sites redirect requests for deleted pages there
            case Page(content_type="application/pdf"):
                self._store(response, response.body, partition=partition or PDF_PARTITION, suffix=".pdf")
            case Page():
                self._store_article(url, partition, response)

    def _store_article(self, url: str, partition: str | None, page: Page) -> None:
        body = with_charset(page.body, page.charset)
        try:
            if not self.site.holds(page.url) and not is_article(page.url, body):
                self.mirror.remove(url)
                return
            partition = partition or year_published(page.url, body)
        except ParseError:  # reported when the page is parsed
            partition = partition or UNDATED
        self._store(page, body, partition=partition, suffix=".html")

    def _store(self, page: Page, body: bytes, *, partition: str, suffix: str) -> None:
        self.mirror.store(
            page.url, body, partition=partition, suffix=suffix, etag=page.etag, last_modified=page.last_modified
        )

    def _fail(self, url: str, partition: str | None, error: PageError) -> None:
        self.mirror.fail(url, partition=partition or UNDATED, problem=error.reason)

    def _validators(self, url: str) -> MirroredPage | None:
        """Return the validators of a stored page. Those of a post from the API say nothing about its page."""
        page = self.mirror.page(url)
        return None if page is None or page.path.endswith(".json") else page
