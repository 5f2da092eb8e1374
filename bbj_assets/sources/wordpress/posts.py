"""Posts by the REST API, into the mirror.

What changed is asked for first (`modified_after`), then the list of everything is compared with the mirror: that finds
what a clock or a time zone hid, and what is gone. It costs a request for a hundred posts, so it is done each time.

A post is taken for gone only when the complete list does not have it, and the site, asked for this very post, does not
give it either: a list that is read page by page while somebody deletes from it loses a post at the end of each page.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bbj_assets.sources.wordpress.post import Listed, stored
from bbj_assets.sources.wordpress.rest import BODIES_AT_ONCE, PAGE_SIZE, Api, PostType, RouteClosed
from bbj_assets.sources.wordpress.scope import Scope
from bbj_assets.web.answers import PageError
from bbj_assets.web.mirror import Mirror

LIST_PARTITION = "_list"
"""Of lists that could not be read: they are rows of `failures` until they can."""

_SUFFIX = ".json"
_MOST_READINGS = 3
"""Of a list that changes while it is read."""

_REMEDY = "Nothing of it was deleted. If it is to be so, name the types to read in `post_types` in sources.toml."


_Element = TypeVar("_Element")


@dataclass(frozen=True, slots=True)
class KnownPost:
    """A post in the mirror."""

    url: str
    modified: str


def known_posts(mirror: Mirror, start: str) -> dict[str, dict[int, KnownPost]]:
    """The posts that the mirror has from the API for a start URL, by the route that lists them and their id.

    The mirror keeps these in place of an ETag, as `<start URL>#wp/v2/posts/17`, and `modified` in place of
    Last-Modified. So what was taken for another start URL counts for nothing.
    """
    known: dict[str, dict[int, KnownPost]] = {}
    for item in mirror.items():
        site, _, identity = (item.etag or "").partition("#")
        route, _, number = identity.rpartition("/")
        if item.path.endswith(_SUFFIX) and site == start and number.isdecimal():
            known.setdefault(route, {})[int(number)] = KnownPost(item.key, item.last_modified or "")
    return known


class PostVisit:
    """A visit to the lists of a site's API.

    Attributes:
        meant: posts that the start URL means.
        others: posts of the site that it does not mean.
        is_complete: whether every list was read to its end.
    """

    def __init__(
        self,
        api: Api,
        mirror: Mirror,
        scope: Scope,
        site_names: Sequence[str],
        on_progress: Callable[[int, int], None],
    ) -> None:
        self.api = api
        self.mirror = mirror
        self.scope = scope
        self.site_names = site_names
        self.on_progress = on_progress
        self.meant = 0
        self.others = 0
        self.is_complete = True

    async def take_all(
        self, kinds: Sequence[PostType], known: Mapping[str, Mapping[int, KnownPost]], *, are_wanted: bool
    ) -> None:
        """Bring the posts of some types up to date.

        Args:
            known: those in the mirror, by the route of their type.
            are_wanted: the configuration names the types, so that it is a fault when the site does not list them.
        """
        for kind in kinds:
            await self._take(kind, known.get(kind.route, {}), is_wanted=are_wanted)
        if not are_wanted:
            for route in known.keys() - {kind.route for kind in kinds}:
                self._note(PostType(route), f"the site no longer tells of it. {_REMEDY}")

    async def _take(self, kind: PostType, known: Mapping[int, KnownPost], *, is_wanted: bool) -> None:
        newest = max((post.modified for post in known.values()), default="")
        rows: dict[int, Listed] = {}
        try:
            if newest:
                await self._take_changes(kind, newest)
            await self._read_list(kind, rows)
        except RouteClosed as error:
            if known or is_wanted:
                self._note(kind, f"{error} {_REMEDY}")
            return
        except PageError as error:
            self._note(kind, f"the list was not read to its end: {error} Nothing was deleted.")
        meant = sum(self.scope.means(row, kind) for row in rows.values())
        self.meant += meant
        self.others += sum(row.is_public for row in rows.values()) - meant
        held = [row for row in rows.values() if self.scope.holds(row, kind)]
        self.on_progress(0, len(held))
        stale = [row for row in held if not self._is_current(row, kind)]
        self.on_progress(len(held) - len(stale), 0)
        for batch in _batches(stale, BODIES_AT_ONCE):
            await self._fetch(kind, batch)
            self.on_progress(len(batch), 0)
        if self.is_complete:
            await self._keep_what_is_still_there(kind, [(i, known[i].url) for i in known.keys() - rows.keys()])

    async def _take_changes(self, kind: PostType, newest: str) -> None:
        """Store what was changed since the newest change that we know of; whatever this misses, the list finds."""
        try:
            async for page in self.api.pages(kind, whole=True, modified_after=f"{newest.removesuffix('Z')}Z"):
                for row in page.rows:
                    self._store(row, kind)
                if any(row.modified <= newest for row in page.rows):  # an old WordPress, which does not know it
                    return
        except (PageError, RouteClosed):
            return

    async def _read_list(self, kind: PostType, rows: dict[int, Listed]) -> None:
        """Read the list into `rows`, again when it changed meanwhile.

        A server that ignores `_fields` gives the posts themselves, and they are taken as they come.
        """
        for _ in range(_MOST_READINGS):
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
        """Fetch some posts; when the site fails over them, they are halved until the one it fails over is alone."""
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

    async def _keep_what_is_still_there(self, kind: PostType, missing: Sequence[tuple[int, str]]) -> None:
        for batch in _batches(missing, PAGE_SIZE):
            try:
                there = {row.id: row for row in await self.api.posts(kind, [i for i, _ in batch], whole=False)}
            except (PageError, RouteClosed) as error:
                self._note(kind, f"whether posts are gone could not be asked: {error} Nothing was deleted.")
                return
            for number, url in batch:
                if number in there and self.scope.holds(there[number], kind):
                    self.mirror.confirm(url)

    def has(self, url: str) -> bool:
        """Whether the mirror has the page as a post."""
        page = self.mirror.page(url)
        return page is not None and page.path.endswith(_SUFFIX)

    def _is_current(self, row: Listed, kind: PostType) -> bool:
        """Whether the mirror has this state of the post, which it then counts as seen."""
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
            stored(row.body, self.site_names),
            partition=row.year,
            suffix=_SUFFIX,
            etag=self._identity(row, kind),
            last_modified=row.modified,
        )

    def _identity(self, row: Listed, kind: PostType) -> str:
        return f"{self.scope.site.start}#{kind.route}/{row.id}"

    def _note(self, kind: PostType, problem: str) -> None:
        self.is_complete = False
        self.mirror.fail(self.api.url(kind.route), partition=LIST_PARTITION, problem=problem)


def _batches(values: Sequence[_Element], size: int) -> Iterator[Sequence[_Element]]:
    return (values[start : start + size] for start in range(0, len(values), size))
