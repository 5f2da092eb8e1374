"""Published pages and PDF files into the mirror, a request each: where there is no REST API, and for what is no post.

Nothing is taken for gone because it is listed nowhere: start pages show the newest ten, and sitemaps are written by
plugins. Every page that is known is asked for instead, and removed when its site says 404 or 410.
"""

import asyncio
from collections.abc import Callable, Mapping

from bbj_assets.errors import ParseError
from bbj_assets.sources.wordpress.index import PDF_PARTITION, may_be_article
from bbj_assets.sources.wordpress.page import is_article, year_published
from bbj_assets.sources.wordpress.posts import LIST_PARTITION
from bbj_assets.sources.wordpress.scope import Scope
from bbj_assets.web.answers import (
    Answer,
    Disallowed,
    Gone,
    NotModified,
    OtherKind,
    OutsideSite,
    Page,
    PageError,
)
from bbj_assets.web.bodies import BodyError
from bbj_assets.web.fetcher import HTML, PDF, XML, Fetcher
from bbj_assets.web.mirror import Mirror, MirroredPage
from bbj_assets.web.reading import with_charset
from bbj_assets.web.sitemap import read_sitemap
from bbj_assets.web.urls import Site

UNDATED = "_undated"
_MOST_SITEMAPS = 500
_SITEMAPS = ("sitemap.xml", "wp-sitemap.xml", "sitemap_index.xml")
"""Where plugins and WordPress itself put it."""


class PageVisit:
    """A visit to single pages of a site; `is_complete` tells whether every list of them was read."""

    def __init__(self, fetcher: Fetcher, site: Site, mirror: Mirror, scope: Scope) -> None:
        self.fetcher = fetcher
        self.site = site
        self.mirror = mirror
        self.scope = scope
        self.is_complete = True

    async def sitemap_pages(self) -> list[str]:
        """The URLs of articles below the start URL that the site's sitemaps name."""
        articles = [url for start in self.fetcher.sitemaps() for url in await self._read_sitemaps(start)]
        if articles:
            return articles
        for folder in dict.fromkeys((self.site.folder, "/")):
            for name in _SITEMAPS:
                found = await self._read_sitemaps(f"{self.site.origin}{folder}{name}")
                if found:
                    return found
        return []

    async def take(self, partitions: Mapping[str, str], concurrency: int, on_done: Callable[[], None]) -> None:
        """Bring pages up to date, a few at a time.

        Args:
            partitions: of each URL; empty for the year in which the page says that it was published.
        """
        pending = iter(partitions.items())

        async def work() -> None:
            for url, partition in pending:
                if not self.mirror.is_done(url):
                    await self._take(url, partition)
                    self.mirror.done(url)
                on_done()

        workers = [asyncio.create_task(work()) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _read_sitemaps(self, start: str) -> list[str]:
        """The articles that a sitemap and those that it names list; none when it is not there."""
        articles: dict[str, None] = {}
        known = [start]
        for url in known:
            try:
                answer = await self.fetcher.get(url, kinds=(*XML, "text/plain"))
                listed = list(read_sitemap(answer.body, answer.url)) if isinstance(answer, Page) else None
            except Disallowed:
                listed = None
            except (PageError, BodyError) as error:
                listed = None
                if not isinstance(error, PageError) or error.status is None or error.status >= 500:
                    self.is_complete = False
                    self.mirror.fail(url, partition=LIST_PARTITION, problem=f"the sitemap was not read: {error}")
            for entry in listed or ():
                target = self.site.adopted(entry.url)
                if target is not None and entry.kind == "sitemap":
                    known += [target] if target not in known and len(known) < _MOST_SITEMAPS else []
                elif target is not None and self._is_article_below(target):
                    articles[target] = None
        return list(articles)

    def _is_article_below(self, url: str) -> bool:
        return self.site.holds(url) and url != self.site.start and may_be_article(url) and not self.scope.excludes(url)

    async def _take(self, url: str, partition: str) -> None:
        try:
            answer = await self.fetcher.get(url, known=self._validators, kinds=(*HTML, *PDF))
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
            self._keep(url, partition, answer)

    def _keep(self, url: str, partition: str, answer: Answer) -> None:
        if answer.url != url:  # the page has moved
            self.mirror.remove(url)
        match answer:
            case Gone() | OtherKind():
                self.mirror.remove(url)
            case NotModified(url=final):
                self.mirror.confirm(final)
            case Page(url=final) if final in (self.site.start, f"{self.site.origin}/"):
                self.mirror.remove(url)  # where sites lead those who ask for what is gone
            case Page(content_type="application/pdf"):
                self._store(answer, answer.body, partition or PDF_PARTITION, ".pdf")
            case Page():
                self._keep_article(url, partition, answer)

    def _keep_article(self, url: str, partition: str, page: Page) -> None:
        body = with_charset(page.body, page.charset)
        try:
            if not self.site.holds(page.url) and not is_article(page.url, body):
                self.mirror.remove(url)
                return
            partition = partition or year_published(page.url, body)
        except ParseError:  # said when it is parsed
            partition = partition or UNDATED
        self._store(page, body, partition, ".html")

    def _store(self, page: Page, body: bytes, partition: str, suffix: str) -> None:
        self.mirror.store(
            page.url, body, partition=partition, suffix=suffix, etag=page.etag, last_modified=page.last_modified
        )

    def _fail(self, url: str, partition: str, error: PageError) -> None:
        self.mirror.fail(url, partition=partition or UNDATED, problem=error.reason)

    def _validators(self, url: str) -> MirroredPage | None:
        """Those of a page; a post that came from the API has none that its page would understand."""
        known = self.mirror.page(url)
        return None if known is None or known.path.endswith(".json") else known
