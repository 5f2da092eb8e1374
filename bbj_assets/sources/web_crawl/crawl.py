"""The crawl: a frontier that is worked off, a few addresses at a time.

Nothing of it is in memory but the pages under way. The order is always: what a page leads to, then the page, then
`done`; so a kill at any moment costs the pages under way, which the next run fetches again.
"""

import asyncio
from collections.abc import Callable, Iterable

from bbj_assets.errors import ListingError, ParseError
from bbj_assets.source import Source
from bbj_assets.sources.walk import is_excluded, partition_of
from bbj_assets.sources.web_crawl.links import canonical, links, may_be_page
from bbj_assets.sources.web_crawl.page import fingerprint
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
from bbj_assets.web.fetcher import HTML, SCRIPT, XML, Fetcher
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.reading import read_html, with_charset
from bbj_assets.web.sitemap import Kind, Listed, help_system, read_sitemap, read_toc
from bbj_assets.web.urls import Site, same_page

MOST_URLS = 100_000
"""A site with more addresses is a calendar, a shop or a trap, not a documentation."""

_KINDS: dict[Kind, tuple[str, ...]] = {"page": HTML, "sitemap": (*XML, *HTML, "text/plain"), "toc": (*XML, *SCRIPT)}


async def crawl(source: Source, site: Site, mirror: Mirror, on_progress: Callable[[int, int], None]) -> None:
    """Bring the mirror up to date.

    Raises:
        ListingError: the start URL or robots.txt cannot be had, or the site fails again and again.
    """
    async with Fetcher(
        source.url or site.start,
        requests_per_second=source.requests_per_second,
        concurrency=source.concurrency,
        within=site.holds,
    ) as fetcher:
        visit = _Visit(source, site, mirror, fetcher)
        mirror.begin_visit()  # also of what a visit that is gone on with may have had no time to enqueue
        visit.enqueue([Listed(site.start)])
        await visit.fetch(site.start, "page")
        visit.enqueue(Listed(url, "sitemap") for url in fetcher.sitemaps() or _usual_sitemaps(site))
        await visit.work_off(source.concurrency, on_progress)
    mirror.end_visit(complete=not mirror.has_problems())


def _usual_sitemaps(site: Site) -> list[str]:
    """Where a site has its sitemap when robots.txt does not say it; Flare writes it with a capital letter."""
    folders = dict.fromkeys((f"{site.origin}/", f"{site.origin}{site.folder}"))
    return [f"{folder}{name}" for folder in folders for name in ("sitemap.xml", "Sitemap.xml")]


class _Visit:
    def __init__(self, source: Source, site: Site, mirror: Mirror, fetcher: Fetcher) -> None:
        self.source = source
        self.site = site
        self.mirror = mirror
        self.fetcher = fetcher

    async def work_off(self, concurrency: int, on_progress: Callable[[int, int], None]) -> None:
        """Fetch whatever is in the frontier, and whatever comes into it meanwhile."""
        last = 0
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                for number, url, kind in self.mirror.pending(last, concurrency - len(under_way)):
                    last = number
                    under_way.add(asyncio.create_task(self.fetch(url, kind)))
                on_progress(*self.mirror.progress())
                if not under_way:
                    return
                finished, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def fetch(self, url: str, kind: Kind) -> None:
        """Fetch one address of the frontier and draw the conclusions.

        Raises:
            ListingError: the site is not to be asked any more; or it is the start URL, and cannot be had.
        """
        if self.mirror.is_done(url):  # a redirect led there meanwhile
            return
        if self.site.adopted(url) != url:  # the source had another URL when it was enqueued
            self.mirror.done(url)
            return
        try:
            answer = await self.fetcher.get(url, known=self.mirror.page, kinds=_KINDS[kind])
            self._require_start(url, answer)
            self._take(url, answer, kind)
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
        self.mirror.done(url)

    def enqueue(self, listed: Iterable[Listed]) -> None:
        """Put into the frontier what belongs to the site.

        Raises:
            ListingError: there are too many addresses to believe in.
        """
        fresh = []
        for entry in listed:
            url = self.site.adopted(entry.url)
            if url is not None and (entry.kind != "page" or self._is_ours(url)):
                fresh.append((url, entry.kind))
        self.mirror.enqueue(fresh)
        if fresh and self.mirror.progress()[1] > MOST_URLS:
            raise ListingError(
                f"{self.site.start} leads to more than {MOST_URLS} addresses, the last of them {fresh[-1][0]}. "
                "Leave out what makes ever new ones, with `exclude` in sources.toml."
            )

    def _is_ours(self, url: str) -> bool:
        below = self.site.below(url)
        return below is not None and may_be_page(url) and not is_excluded(below, self.source.exclude)

    def _take(self, url: str, answer: Answer, kind: Kind) -> None:
        if answer.moved:
            self._note_move(url, answer)
            if self.mirror.is_done(answer.url) or (kind == "page" and not self._is_ours(answer.url)):
                return
        match answer:
            case Page() if kind == "page":
                self._store(answer)
            case Page(body=body, url=final):
                self.enqueue((read_sitemap if kind == "sitemap" else read_toc)(body, final))
                self.mirror.remove(url)  # the problem that it may have had
            case NotModified(url=final):
                self._follow(final, self.mirror.body(final))
                self.mirror.confirm(final)
            case Gone(url=final):
                self.mirror.remove(final)
        if answer.moved:
            self.mirror.done(answer.url)

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
        """Enqueue what a page leads to; what the page is known by, and its fingerprint."""
        try:
            root = read_html(url, body)
        except ParseError:  # said when it is parsed
            return same_page(url), ""
        found = [Listed(link) for link in links(root, url)]
        if manifest := help_system(root, url):
            found.append(manifest)
        self.enqueue(found)
        known_by = canonical(root, url)
        known_by = self.site.adopted(known_by) if known_by else None
        return same_page(known_by if known_by and self.site.holds(known_by) else url), fingerprint(root)

    def _note_move(self, url: str, answer: Answer) -> None:
        """What is stored of a page that redirects goes if that is for good, and stays if it may come back."""
        if self.mirror.page(url) is None:
            return
        if answer.moved == "permanently" or isinstance(answer, Gone):
            self.mirror.remove(url)
        else:
            self._fail(url, f"redirects for the time being to {answer.url}.")

    def _fail(self, url: str, problem: str) -> None:
        """Note the problem, and go on from what the page said the last time."""
        known = self.mirror.page(url)
        if known is not None and known.path:
            self._follow(url, self.mirror.body(url))
        self.mirror.fail(url, partition=self._partition(url), problem=problem)

    def _partition(self, url: str) -> str:
        return partition_of(self.site.section(url))

    def _require_start(self, url: str, answer: Answer | PageError) -> None:
        """The site is not there when its start URL is not."""
        if url != self.site.start:
            return
        match answer:
            case Gone():
                reason = "there is no such page."
            case OtherKind(content_type=content_type):
                reason = f"it is no page, but {content_type}."
            case PageError(reason=reason):
                pass
            case _:
                return
        raise ListingError(
            f"The start URL {url} cannot be had: {reason} Nothing was deleted. Try again later, or correct `url` in "
            "sources.toml."
        )
