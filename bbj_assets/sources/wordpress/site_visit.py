"""One visit to a WordPress site: the start page, its REST API or, where that is closed, its pages, and PDF files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from bbj_assets.errors import ListingError
from bbj_assets.source import Source
from bbj_assets.sources.wordpress.index import StartPage, read_start_page
from bbj_assets.sources.wordpress.pages import PageVisit
from bbj_assets.sources.wordpress.posts import LIST_PARTITION, PostVisit, known_posts
from bbj_assets.sources.wordpress.rest import Api, PostType, RouteClosed, api_roots
from bbj_assets.sources.wordpress.scope import Scope, paths
from bbj_assets.web.answers import Gone, OtherKind, Page, PageError
from bbj_assets.web.fetcher import HTML, Fetcher
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.urls import Site

_MOST_LATER_PAGES = 200
_NO_PAGE = "there is no such page."


async def visit_site(source: Source, site: Site, mirror: Mirror, on_progress: Callable[[int, int], None]) -> None:
    """Bring the mirror up to date.

    Raises:
        ListingError: the site cannot be reached, or fails again and again.
    """
    async with Fetcher(
        source.url or site.start,
        requests_per_second=source.requests_per_second,
        concurrency=source.concurrency,
    ) as fetcher:
        visit = _Visit(source, site, mirror, fetcher, on_progress)
        await visit.run()


class _Visit:
    def __init__(
        self,
        source: Source,
        site: Site,
        mirror: Mirror,
        fetcher: Fetcher,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self.source = source
        self.site = site
        self.mirror = mirror
        self.fetcher = fetcher
        self.on_progress = on_progress
        self.is_complete = True
        self.done = 0
        self.known = 0

    async def run(self) -> None:
        start, problem = await self._start_page()
        self.mirror.begin_visit()
        for item in list(self.mirror.items()):
            if item.partition == LIST_PARTITION:  # told again by this visit, if it still is so
                self.mirror.remove(item.key)
        scope = Scope(self.site, paths(start.articles), exclude=self.source.exclude)
        pages = PageVisit(self.fetcher, self.site, self.mirror, scope)
        has_api = await self._take_posts(start, scope, pages)
        if problem:
            if not has_api:
                raise ListingError(
                    f"{self.site.start}: {problem} The site's REST API is not there either. Nothing was deleted. Try "
                    "again later, or correct `url` in sources.toml."
                )
            if problem != _NO_PAGE or self._has_pages():  # which only the start page leads to
                self._note(self.site.start, f"the start page was not read, and nothing was deleted: {problem}")
        elif not has_api:
            await self._take_articles(start, pages)
        await self._take_pages(pages, {url: year for url, year in start.pdfs.items() if not scope.excludes(url)})
        self.mirror.end_visit(complete=self.is_complete and pages.is_complete)

    async def _start_page(self) -> tuple[StartPage, str]:
        """What the start page and the later pages of its list say, and why that is not everything."""
        found = StartPage()
        pending = [self.site.start]
        for url in pending:
            try:
                answer = await self.fetcher.get(url, kinds=HTML)
            except PageError as error:
                return found, error.reason
            if not isinstance(answer, Page):
                if url == self.site.start and isinstance(answer, Gone | OtherKind):
                    return found, _NO_PAGE
                continue
            page = read_start_page(self.site, answer.url, answer.body, answer.link)
            found = StartPage(
                articles=tuple(dict.fromkeys((*found.articles, *page.articles))),
                pdfs={**page.pdfs, **found.pdfs},
                api=found.api or page.api,
                site_names=found.site_names or page.site_names,
            )
            pending += [later for later in page.later if later not in pending and len(pending) < _MOST_LATER_PAGES]
        return found, ""

    async def _take_posts(self, start: StartPage, scope: Scope, pages: PageVisit) -> bool:
        """Bring the posts up to date by the API; whether there is one."""
        known = known_posts(self.mirror, self.site.start)
        scope = replace(scope, known=paths([post.url for posts in known.values() for post in posts.values()]))
        api, kinds = await self._api(start)
        if api is None:
            # Posts that are there are not to be replaced by what their pages show, only because the API fails today.
            return bool(known) and not self.is_complete
        if self.source.post_types:
            scope = replace(scope, everything=True)
        elif self.site.folder != "/":
            scope = replace(scope, terms=await api.term_ids(self.site.folder.rstrip("/").rpartition("/")[2]))
        posts = PostVisit(api, self.mirror, scope, start.site_names, self._progress)
        await posts.take_all(kinds, known, are_wanted=bool(self.source.post_types))
        if posts.meant and not self.source.post_types:
            unknown = [url for url in start.articles if self.site.holds(url) and not scope.excludes(url)]
            await self._take_pages(pages, {url: "" for url in unknown if not posts.has(url)})
        elif posts.others and not posts.meant:
            await self._take_articles(start, pages, known_as=(".html",))
            if self._means_everything(start, len(scope.known), posts.others):
                rest = [kind for kind in kinds if not kind.is_pages]
                posts.scope = replace(scope, everything=True)
                await posts.take_all(rest, {kind.route: known.get(kind.route, {}) for kind in rest}, are_wanted=False)
        self.is_complete = self.is_complete and posts.is_complete
        return True

    def _means_everything(self, start: StartPage, known: int, others: int) -> bool:
        """Whether the start URL means every post of the site, because nothing says what else it means.

        If far fewer posts were taken before, it is not so: the start page is under repair.
        """
        return not start.pdfs and not self._has_pages() and (not known or 2 * known >= others)

    def _has_pages(self) -> bool:
        """Whether the mirror has anything that is no post of the API."""
        return any(item.path.endswith((".html", ".pdf")) for item in self.mirror.items())

    async def _api(self, start: StartPage) -> tuple[Api | None, list[PostType]]:
        """The site's API and the types of its posts; without one, the visit is not complete if there should be one."""
        for root in api_roots(self.site.start, start.api):
            api = Api(self.fetcher, root)
            try:
                return api, await api.post_types(self.source.post_types)
            except RouteClosed:
                continue
            except PageError as error:
                self._note(api.url("wp/v2/types"), f"the REST API fails, and nothing was deleted: {error}")
                break
        return None, []

    async def _take_articles(
        self, start: StartPage, pages: PageVisit, known_as: tuple[str, ...] = (".html", ".json", "")
    ) -> None:
        """Bring articles up to date by their pages: those that are listed, and those that are known."""
        items = [item for item in self.mirror.items() if item.partition != LIST_PARTITION]
        known = [item.key for item in items if PurePosixPath(item.path).suffix in known_as]
        listed = dict.fromkeys((*start.articles, *await pages.sitemap_pages(), *known))
        urls = [url for url in listed if url not in start.pdfs and not pages.scope.excludes(url)]
        await self._take_pages(pages, {url: "" for url in urls if f"{url}/" not in listed})

    async def _take_pages(self, pages: PageVisit, partitions: dict[str, str]) -> None:
        self._progress(0, len(partitions))
        await pages.take(partitions, self.source.concurrency, lambda: self._progress(1, 0))

    def _progress(self, done: int, known: int) -> None:
        self.done += done
        self.known += known
        self.on_progress(self.done, self.known)

    def _note(self, url: str, problem: str) -> None:
        self.is_complete = False
        self.mirror.fail(url, partition=LIST_PARTITION, problem=problem)
