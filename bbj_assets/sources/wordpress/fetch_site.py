"""Fetching a WordPress site: the start page, the REST API or, where it is closed, the pages, and PDF files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from bbj_assets.errors import ListingError
from bbj_assets.source import Source
from bbj_assets.sources.wordpress.fetch_pages import PageFetcher
from bbj_assets.sources.wordpress.fetch_posts import LIST_PARTITION, PostFetcher, stored_posts
from bbj_assets.sources.wordpress.rest import Api, PostType, RouteClosed, api_roots
from bbj_assets.sources.wordpress.scope import Scope, paths
from bbj_assets.sources.wordpress.start_page import StartPage, read_start_page
from bbj_assets.web.client import SiteClient
from bbj_assets.web.content_types import HTML
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.reading import with_charset
from bbj_assets.web.responses import Gone, OtherContentType, Page, PageError
from bbj_assets.web.urls import Site

_MAX_NEXT_PAGES = 200
_NO_PAGE = "there is no such page."


async def fetch_site(source: Source, site: Site, mirror: Mirror, on_progress: Callable[[int, int], None]) -> None:
    """Bring the mirror up to date with the site.

    Raises:
        ListingError: the site cannot be reached, or too many pages failed in a row.
    """
    async with SiteClient(
        source.url or site.start,
        requests_per_second=source.requests_per_second,
        concurrency=source.concurrency,
    ) as client:
        await _SiteFetch(source, site, mirror, client, on_progress).run()


class _SiteFetch:
    """One fetch of a site, with its progress; `is_complete` says whether every list was read to its end."""

    def __init__(
        self,
        source: Source,
        site: Site,
        mirror: Mirror,
        client: SiteClient,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self.source = source
        self.site = site
        self.mirror = mirror
        self.client = client
        self.on_progress = on_progress
        self.is_complete = True
        self.done = 0
        self.known = 0

    async def run(self) -> None:
        start, problem = await self._read_start_pages()
        self.mirror.begin_crawl()
        for item in list(self.mirror.items()):
            if item.partition == LIST_PARTITION:  # a problem of a list is recorded again if it still exists
                self.mirror.remove(item.key)
        scope = Scope(self.site, paths(start.articles), exclude=self.source.exclude)
        pages = PageFetcher(self.client, self.site, self.mirror, scope)
        has_api = await self._fetch_posts(start, scope, pages)
        if problem:
            if not has_api:
                raise ListingError(
                    f"{self.site.start}: {problem} The site's REST API is not there either. Nothing was deleted. Try "
                    "again later, or correct `url` in sources.toml."
                )
            if problem != _NO_PAGE or self._has_pages():  # pages that only the start page leads to
                self._record_problem(
                    self.site.start, f"the start page was not read, and nothing was deleted: {problem}"
                )
        elif not has_api:
            await self._fetch_articles(start, pages)
        pdfs: dict[str, str | None] = {
            url: partition for url, partition in start.pdfs.items() if not scope.excludes(url)
        }
        await self._fetch_pages(pages, pdfs)
        self.mirror.end_crawl(complete=self.is_complete and pages.is_complete)

    async def _read_start_pages(self) -> tuple[StartPage, str | None]:
        """Read the start page and the further pages of its list. Return their links, and the problem that ended it."""
        found = StartPage()
        pending = [self.site.start]
        for url in pending:
            try:
                response = await self.client.get(url, content_types=HTML)
            except PageError as error:
                return found, error.reason
            if not isinstance(response, Page):
                if url == self.site.start and isinstance(response, Gone | OtherContentType):
                    return found, _NO_PAGE
                continue
            body = with_charset(response.body, response.charset)
            page = read_start_page(self.site, url=response.url, body=body, link_header=response.link)
            found = StartPage(
                articles=tuple(dict.fromkeys((*found.articles, *page.articles))),
                pdfs={**page.pdfs, **found.pdfs},
                api=found.api or page.api,
                site_names=found.site_names or page.site_names,
            )
            for following in page.next_pages:
                if following not in pending and len(pending) < _MAX_NEXT_PAGES:
                    pending.append(following)
        return found, None

    async def _fetch_posts(self, start: StartPage, scope: Scope, pages: PageFetcher) -> bool:
        """Bring the posts up to date by the REST API. Return whether there is one."""
        known = stored_posts(self.mirror, self.site.start)
        scope = replace(scope, known=paths([post.url for posts in known.values() for post in posts.values()]))
        api, kinds = await self._api(start)
        if api is None:
            # Stored posts are not replaced by the text of their pages just because the API fails today.
            return bool(known) and not self.is_complete
        if self.source.post_types:
            scope = replace(scope, everything=True)
        elif self.site.folder != "/":
            scope = replace(scope, terms=await api.term_ids(self.site.folder.rstrip("/").rpartition("/")[2]))
        posts = PostFetcher(api, self.mirror, scope, start.site_names, self._add_progress)
        await posts.fetch_all(kinds, known, are_configured=bool(self.source.post_types))
        if posts.in_scope and not self.source.post_types:
            unknown = [url for url in start.articles if self.site.holds(url) and not scope.excludes(url)]
            await self._fetch_pages(pages, {url: None for url in unknown if not posts.has(url)})
        elif posts.out_of_scope and not posts.in_scope:
            await self._fetch_articles(start, pages, suffixes=(".html",))
            if self._selects_everything(start, known=len(scope.known), others=posts.out_of_scope):
                rest = [kind for kind in kinds if not kind.is_pages]
                posts.scope = replace(scope, everything=True)
                await posts.fetch_all(
                    rest, {kind.route: known.get(kind.route, {}) for kind in rest}, are_configured=False
                )
        self.is_complete = self.is_complete and posts.is_complete
        return True

    def _selects_everything(self, start: StartPage, *, known: int, others: int) -> bool:
        """Return whether the start URL selects every post of the site, because nothing else says what it selects.

        It does not if far fewer posts were selected before: then the start page is under repair.
        """
        return not start.pdfs and not self._has_pages() and (not known or 2 * known >= others)

    def _has_pages(self) -> bool:
        """Return whether the mirror has a page or a PDF file, which the API does not list."""
        return any(item.path.endswith((".html", ".pdf")) for item in self.mirror.items())

    async def _api(self, start: StartPage) -> tuple[Api | None, list[PostType]]:
        """Return the site's API and the types of its posts; None without one. A failure is recorded as a problem."""
        for root in api_roots(self.site.start, stated=start.api):
            api = Api(self.client, root)
            try:
                return api, await api.post_types(self.source.post_types)
            except RouteClosed:
                continue
            except PageError as error:
                self._record_problem(api.url("wp/v2/types"), f"the REST API fails, and nothing was deleted: {error}")
                break
        return None, []

    async def _fetch_articles(
        self, start: StartPage, pages: PageFetcher, suffixes: tuple[str, ...] = (".html", ".json", "")
    ) -> None:
        """Fetch the pages of listed articles, and of stored articles whose files have one of the suffixes."""
        items = [item for item in self.mirror.items() if item.partition != LIST_PARTITION]
        known = [item.key for item in items if PurePosixPath(item.path).suffix in suffixes]
        listed = dict.fromkeys((*start.articles, *await pages.sitemap_pages(), *known))
        urls = [url for url in listed if url not in start.pdfs and not pages.scope.excludes(url)]
        await self._fetch_pages(pages, {url: None for url in urls if f"{url}/" not in listed})

    async def _fetch_pages(self, pages: PageFetcher, partitions: dict[str, str | None]) -> None:
        self._add_progress(known=len(partitions))
        await pages.fetch_all(partitions, self.source.concurrency, lambda: self._add_progress(done=1))

    def _add_progress(self, *, done: int = 0, known: int = 0) -> None:
        self.done += done
        self.known += known
        self.on_progress(self.done, self.known)

    def _record_problem(self, url: str, problem: str) -> None:
        self.is_complete = False
        self.mirror.fail(url, partition=LIST_PARTITION, problem=problem)
