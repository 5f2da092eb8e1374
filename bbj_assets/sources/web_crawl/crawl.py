"""The crawl: fetch the URLs of a frontier, a few at a time, until none is left.

Only the pages that are being fetched are in memory. The order is always: enqueue the links of a page, then store the
page, then mark it done. So a kill at any moment costs only the pages in flight, which the next run fetches again.
"""

import asyncio
from collections.abc import Callable, Iterable

from bbj_assets.errors import ListingError, ParseError
from bbj_assets.source import Source
from bbj_assets.sources.walk import is_excluded, partition_of
from bbj_assets.sources.web_crawl.links import canonical, links, may_be_page
from bbj_assets.sources.web_crawl.page import fingerprint
from bbj_assets.web.bodies import BodyError
from bbj_assets.web.client import SiteClient
from bbj_assets.web.content_types import HTML, SCRIPT, XML
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.reading import read_html, with_charset
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
from bbj_assets.web.sitemap import Kind, Listed, help_system, read_sitemap, read_toc
from bbj_assets.web.urls import Site, page_identity

MAX_URLS = 100_000
"""A site with more URLs is a calendar, a shop or a trap, not documentation."""

_CONTENT_TYPES: dict[Kind, tuple[str, ...]] = {
    "page": HTML,
    "sitemap": (*XML, *HTML, "text/plain"),
    "toc": (*XML, *SCRIPT),
}


async def crawl(source: Source, site: Site, mirror: Mirror, on_progress: Callable[[int, int], None]) -> None:
    """Bring the mirror up to date with the site.

    Raises:
        ListingError: the start URL or robots.txt cannot be fetched, or too many pages failed in a row.
    """
    async with SiteClient(
        source.url or site.start,
        requests_per_second=source.requests_per_second,
        concurrency=source.concurrency,
        within=site.holds,
    ) as client:
        crawler = _Crawler(source, site, mirror, client)
        mirror.begin_crawl()
        crawler.enqueue([Listed(site.start)])  # a resumed crawl may have been killed before it came to this
        await crawler.fetch(site.start, "page")
        crawler.enqueue(Listed(url, "sitemap") for url in client.sitemaps() or _default_sitemaps(site))
        await crawler.fetch_all(source.concurrency, on_progress)
    mirror.end_crawl(complete=not mirror.has_problems())


def _default_sitemaps(site: Site) -> list[str]:
    """Return where a sitemap may be that robots.txt does not name. Flare writes the file name with a capital letter."""
    folders = dict.fromkeys((f"{site.origin}/", f"{site.origin}{site.folder}"))
    return [f"{folder}{name}" for folder in folders for name in ("sitemap.xml", "Sitemap.xml")]


class _Crawler:
    def __init__(self, source: Source, site: Site, mirror: Mirror, client: SiteClient) -> None:
        self.source = source
        self.site = site
        self.mirror = mirror
        self.client = client

    async def fetch_all(self, concurrency: int, on_progress: Callable[[int, int], None]) -> None:
        """Fetch everything in the frontier, including what is added meanwhile."""
        last = 0
        in_flight: set[asyncio.Task[None]] = set()
        try:
            while True:
                for entry in self.mirror.pending(after=last, limit=concurrency - len(in_flight)):
                    last = entry.number
                    in_flight.add(asyncio.create_task(self.fetch(entry.url, entry.kind)))
                on_progress(*self.mirror.progress())
                if not in_flight:
                    return
                finished, in_flight = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                errors = [error for task in finished if (error := task.exception())]  # of all: asyncio logs the unread
                if errors:
                    raise errors[0]
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)

    async def fetch(self, url: str, kind: Kind) -> None:
        """Fetch one URL of the frontier, store its page and enqueue its links.

        Raises:
            ListingError: too many pages failed in a row, or the URL is the start URL and cannot be fetched.
        """
        if self.mirror.is_done(url):  # a redirect led there meanwhile
            return
        if self.site.with_site_scheme(url) != url:  # the source had another URL when it was enqueued
            self.mirror.mark_done(url)
            return
        try:
            response = await self.client.get(url, stored=self.mirror.page, content_types=_CONTENT_TYPES[kind])
            self._require_start(url, response)
            self._process(url, response, kind)
        except BodyError as error:
            self._fail(url, str(error))
        except Disallowed as error:
            self._require_start(url, error)
        except OutsideSite as error:
            self._require_start(url, error)
            if not error.permanently and self.mirror.page(url):  # a login or a maintenance page, perhaps
                self._fail(url, error.reason)
        except PageError as error:
            self._require_start(url, error)
            self._fail(url, error.reason)
        self.mirror.mark_done(url)

    def enqueue(self, listed: Iterable[Listed]) -> None:
        """Add to the frontier what belongs to the site.

        Raises:
            ListingError: the crawl knows more than `MAX_URLS` URLs.
        """
        wanted = []
        for entry in listed:
            url = self.site.with_site_scheme(entry.url)
            if url is not None and (entry.kind != "page" or self._is_wanted(url)):
                wanted.append(Listed(url, entry.kind))
        self.mirror.enqueue(wanted)
        _, known = self.mirror.progress()
        if wanted and known > MAX_URLS:
            raise ListingError(
                f"{self.site.start} leads to more than {MAX_URLS} addresses, the last of them {wanted[-1].url}. "
                "Leave out the part that generates them, with `exclude` in sources.toml."
            )

    def _is_wanted(self, url: str) -> bool:
        below = self.site.below(url)
        return below is not None and may_be_page(url) and not is_excluded(below, self.source.exclude)

    def _process(self, url: str, response: Response, kind: Kind) -> None:
        if response.moved:
            self._record_move(url, response)
            if self.mirror.is_done(response.url) or (kind == "page" and not self._is_wanted(response.url)):
                return
        match response:
            case Page() if kind == "page":
                self._store(response)
            case Page(body=body, url=final):
                self.enqueue((read_sitemap if kind == "sitemap" else read_toc)(body, final))
                self.mirror.remove(url)  # the problem that it may have had
            case NotModified(url=final):
                self._follow(final, self.mirror.body(final))
                self.mirror.confirm(final)
            case Gone(url=final):
                self.mirror.remove(final)
        if response.moved:
            self.mirror.mark_done(response.url)

    def _store(self, page: Page) -> None:
        body = with_charset(page.body, page.charset)
        identity, text = self._follow(page.url, body)
        self.mirror.store(
            page.url,
            body,
            partition=self._partition(page.url),
            etag=page.etag,
            last_modified=page.last_modified,
            identity=identity,
            fingerprint=text,
        )

    def _follow(self, url: str, body: bytes) -> tuple[str, str]:
        """Enqueue the links of a page. Return its identity and its fingerprint."""
        try:
            root = read_html(url, body)
        except ParseError:  # reported when the page is parsed
            return page_identity(url), ""
        found = [Listed(link) for link in links(root, url)]
        if manifest := help_system(root, url):
            found.append(manifest)
        self.enqueue(found)
        preferred = canonical(root, url)
        preferred = self.site.with_site_scheme(preferred) if preferred else None
        return page_identity(preferred if preferred and self.site.holds(preferred) else url), fingerprint(root)

    def _record_move(self, url: str, response: Response) -> None:
        """Delete the stored page of a URL that redirects permanently; keep it if the redirect is temporary."""
        if self.mirror.page(url) is None:
            return
        if response.moved == "permanently" or isinstance(response, Gone):
            self.mirror.remove(url)
        else:
            self._fail(url, f"redirects temporarily to {response.url}.")

    def _fail(self, url: str, problem: str) -> None:
        """Record the problem of a page, and follow the links of its stored body."""
        known = self.mirror.page(url)
        if known is not None and known.path:
            self._follow(url, self.mirror.body(url))
        self.mirror.fail(url, partition=self._partition(url), problem=problem)

    def _partition(self, url: str) -> str:
        return partition_of(self.site.section(url))

    def _require_start(self, url: str, response: Response | PageError) -> None:
        """Fail if the URL is the start URL and has no page, because then the site cannot be crawled."""
        if url != self.site.start:
            return
        match response:
            case Gone():
                reason = "there is no such page."
            case OtherContentType(content_type=content_type):
                reason = f"it is not a page, but {content_type}."
            case PageError(reason=reason):
                pass
            case _:
                return
        raise ListingError(
            f"The start URL {url} cannot be fetched: {reason} Nothing was deleted. Try again later, or correct `url` "
            "in sources.toml."
        )
