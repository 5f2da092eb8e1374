"""Fetching posts by the REST API.

Changed posts are requested first (`modified_after`), then the list of all posts is compared with the mirror. That finds
changes that a clock or a time zone hid, and deleted posts. It costs a request for a hundred posts, so it is done each
time.

A post counts as deleted only when the complete list omits it and a request for this very post does not return it
either: when posts are deleted while a list is read page by page, the list loses a post at the end of each page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from bbj_assets.sources.wordpress.post import Listed, serialise
from bbj_assets.sources.wordpress.rest import MAX_BODIES, PAGE_SIZE, Api, PostType, RouteClosed
from bbj_assets.sources.wordpress.scope import Scope
from bbj_assets.web.mirror import Mirror
from bbj_assets.web.responses import PageError

LIST_PARTITION = "_list"
"""The partition of lists that could not be read. They are rows of `failures` until they can be read again."""

_SUFFIX = ".json"
_MAX_READS = 3
"""Times that a list is read, at most, when it changes while it is read."""

_REMEDY = "None of its posts was deleted. If this is intended, name the types to read in `post_types` in sources.toml."


_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post in the mirror."""

    url: str
    modified: str


def stored_posts(mirror: Mirror, start: str) -> dict[str, dict[int, StoredPost]]:
    """Return the stored posts of the API for a start URL, by the route that lists them and their id.

    The mirror holds these in place of an ETag, as `<start URL>#wp/v2/posts/17`, and `modified` in place of
    Last-Modified. So posts that were fetched for another start URL do not count.
    """
    known: dict[str, dict[int, StoredPost]] = {}
    for item in mirror.items():
        site, _, identity = (item.etag or "").partition("#")
        route, _, number = identity.rpartition("/")
        if item.path.endswith(_SUFFIX) and site == start and number.isdecimal():
            known.setdefault(route, {})[int(number)] = StoredPost(item.key, item.last_modified or "")
    return known


class AddProgress(Protocol):
    """Adds to the numbers of posts that are done, and that are known."""

    def __call__(self, *, done: int = 0, known: int = 0) -> None: ...


class PostFetcher:
    """Fetches the posts of a site's API into the mirror.

    Attributes:
        in_scope: the number of listed posts that the start URL selects.
        out_of_scope: the number of listed posts that it does not select.
        is_complete: whether every list was read to its end.
    """

    def __init__(
        self,
        api: Api,
        mirror: Mirror,
        scope: Scope,
        site_names: Sequence[str],
        add_progress: AddProgress,
    ) -> None:
        self.api = api
        self.mirror = mirror
        self.scope = scope
        self.site_names = site_names
        self.add_progress = add_progress
        self.in_scope = 0
        self.out_of_scope = 0
        self.is_complete = True

    async def fetch_all(
        self, kinds: Sequence[PostType], stored: Mapping[str, Mapping[int, StoredPost]], *, are_configured: bool
    ) -> None:
        """Bring the posts of some types up to date.

        Args:
            stored: the posts in the mirror, by the route of their type and their id.
            are_configured: the configuration names the types, so it is a problem when the site does not list them.
        """
        for kind in kinds:
            await self._fetch_type(kind, stored.get(kind.route, {}), is_configured=are_configured)
        if not are_configured:
            for route in stored.keys() - {kind.route for kind in kinds}:
                self._record_problem(PostType(route), f"the site no longer has this type. {_REMEDY}")

    async def _fetch_type(self, kind: PostType, stored: Mapping[int, StoredPost], *, is_configured: bool) -> None:
        newest = max((post.modified for post in stored.values()), default="")
        rows: dict[int, Listed] = {}
        try:
            if newest:
                await self._fetch_changes(kind, newest)
            await self._read_list(kind, rows)
        except RouteClosed as error:
            if stored or is_configured:
                self._record_problem(kind, f"{error} {_REMEDY}")
            return
        except PageError as error:
            self._record_problem(kind, f"the list was not read to its end: {error} Nothing was deleted.")
        in_scope = sum(self.scope.selects(row, kind) for row in rows.values())
        self.in_scope += in_scope
        self.out_of_scope += sum(row.is_public for row in rows.values()) - in_scope
        wanted = [row for row in rows.values() if self.scope.holds(row, kind)]
        self.add_progress(known=len(wanted))
        stale = [row for row in wanted if not self._is_current(row, kind)]
        self.add_progress(done=len(wanted) - len(stale))
        for batch in _batches(stale, MAX_BODIES):
            await self._fetch(kind, batch)
            self.add_progress(done=len(batch))
        if self.is_complete:
            await self._confirm_existing(kind, {number: stored[number].url for number in stored.keys() - rows.keys()})

    async def _fetch_changes(self, kind: PostType, newest: str) -> None:
        """Store the posts that changed since the newest stored change. The list finds what this misses."""
        try:
            async for page in self.api.pages(kind, whole=True, modified_after=f"{newest.removesuffix('Z')}Z"):
                for row in page.rows:
                    self._store(row, kind)
                if any(row.modified <= newest for row in page.rows):  # an old WordPress, which ignores the parameter
                    return
        except (PageError, RouteClosed):
            return

    async def _read_list(self, kind: PostType, rows: dict[int, Listed]) -> None:
        """Read the list into `rows`, and read it again if it changed meanwhile.

        A server that ignores `_fields` sends whole posts, which are stored at once.
        """
        for _ in range(_MAX_READS):
            totals: set[int | None] = set()
            seen: set[int] = set()
            before = len(rows)
            async for page in self.api.pages(kind):
                totals.add(page.total)
                for row in page.rows:
                    self._store(row, kind)
                    seen.add(row.id)
                    rows[row.id] = replace(row, body=None)
            total = max((number for number in totals if number is not None), default=len(seen))
            if (len(totals) <= 1 and len(seen) >= total) or (before == len(rows) == len(seen)):
                return

    async def _fetch(self, kind: PostType, rows: Sequence[Listed]) -> None:
        """Fetch some posts. If the request fails, halve them until the failing post is alone."""
        try:
            for post in await self.api.posts(kind, [row.id for row in rows], whole=True):
                self._store(post, kind)
        except (PageError, RouteClosed) as error:
            if len(rows) == 1:
                reason = error.reason if isinstance(error, PageError) else str(error)
                self.mirror.fail(rows[0].url, partition=rows[0].year, problem=reason)
                return
            middle = len(rows) // 2
            await self._fetch(kind, rows[:middle])
            await self._fetch(kind, rows[middle:])

    async def _confirm_existing(self, kind: PostType, missing: Mapping[int, str]) -> None:
        """Confirm the posts that exist although the list omitted them.

        Args:
            missing: the URLs of the omitted posts by their ids.
        """
        for batch in _batches(list(missing), PAGE_SIZE):
            try:
                rows = await self.api.posts(kind, batch, whole=False)
            except (PageError, RouteClosed) as error:
                self._record_problem(kind, f"deleted posts could not be verified: {error} Nothing was deleted.")
                return
            for row in rows:
                if self.scope.holds(row, kind):
                    self.mirror.confirm(missing[row.id])

    def has(self, url: str) -> bool:
        """Return whether the mirror has the URL as a post."""
        page = self.mirror.page(url)
        return page is not None and page.path.endswith(_SUFFIX)

    def _is_current(self, row: Listed, kind: PostType) -> bool:
        """Return whether the mirror has this version of the post, and if so mark it as seen."""
        page = self.mirror.page(row.url)
        if page is None or not page.path.endswith(_SUFFIX):
            return False
        if page.etag != self._identity(row, kind) or page.last_modified != row.modified:
            return False
        self.mirror.confirm(row.url)
        return True

    def _store(self, row: Listed, kind: PostType) -> None:
        if row.body is None or not self.scope.holds(row, kind):
            return
        if row.modified and self._is_current(row, kind):
            return
        self.mirror.store(
            row.url,
            serialise(row.body, self.site_names),
            partition=row.year,
            suffix=_SUFFIX,
            etag=self._identity(row, kind),
            last_modified=row.modified,
        )

    def _identity(self, row: Listed, kind: PostType) -> str:
        return f"{self.scope.site.start}#{kind.route}/{row.id}"

    def _record_problem(self, kind: PostType, problem: str) -> None:
        self.is_complete = False
        self.mirror.fail(self.api.url(kind.route), partition=LIST_PARTITION, problem=problem)


def _batches(values: Sequence[_Value], size: int) -> Iterator[Sequence[_Value]]:
    return (values[start : start + size] for start in range(0, len(values), size))
