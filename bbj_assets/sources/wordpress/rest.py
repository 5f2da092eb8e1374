"""The REST API of a WordPress site: its post types, and lists of posts page by page.

Described in https://developer.wordpress.org/rest-api/using-the-rest-api/ . What that does not say: `X-WP-Total` also
counts posts that a visitor may not see, so a page can hold fewer rows than asked for before the last one; and an
answer that no longer exists because the list has become shorter is a 400 (`rest_post_invalid_page_number`).
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from bbj_assets.documents import Json
from bbj_assets.errors import BBjAssetsError
from bbj_assets.sources.wordpress.post import FIELDS, Listed, read_row
from bbj_assets.web.answers import Disallowed, Page, PageError
from bbj_assets.web.fetcher import JSON, Fetcher
from bbj_assets.web.urls import normalised

PAGE_SIZE = 100
"""The most rows that WordPress gives at once."""
BODIES_AT_ONCE = 25
"""Posts whose content is asked for at once: of 100 long ones, many a server takes too long."""

_ROW = "id,link,status,modified,modified_gmt,date,categories,tags,content.protected"
_WHOLE = ",".join([*FIELDS, "_links", "_embedded"])
_MOST_PAGES = 10_000
_CLOSED = frozenset({400, 401, 403, 405, 406, 501})
_NOT_ARTICLES = ("wp_", "elementor", "e-", "jp_", "jetpack", "acf-", "et_", "fusion_", "oembed", "custom", "nav_")
_NO_TYPES = frozenset({"attachment", "nav_menu_item", "revision", "user_request", "product", "shop_order"})
_SHORT_NAMES = {"post": "posts", "page": "pages"}


class RouteClosed(BBjAssetsError):
    """The site has no such route, or keeps it to itself. `status` is what it answers, if it answers."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class PostType:
    """A kind of posts, by the route that lists them: `wp/v2/posts`."""

    route: str

    @property
    def is_pages(self) -> bool:
        """Whether these are WordPress's pages: the company's address and imprint are among them, too."""
        return self.route == "wp/v2/pages"


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list; `total` is of the posts in the whole list, as far as the site says it."""

    rows: Sequence[Listed]
    total: int | None


@dataclass(frozen=True, slots=True)
class Api:
    """The API below a root, which is `.../wp-json/`, or `.../?rest_route=/` on sites without pretty permalinks."""

    fetcher: Fetcher
    root: str

    def url(self, route: str, **parameters: str | int) -> str:
        """The URL of a route."""
        base, mark, query = self.root.partition("?")
        if mark and "rest_route=" in query:
            target = f"{base}?{urlencode({'rest_route': f'/{route}', **parameters}, safe='/,')}"
        else:
            target = f"{base.rstrip('/')}/{route}" + (f"?{urlencode(parameters, safe=',')}" if parameters else "")
        return normalised(target) or target

    async def get(self, route: str, **parameters: str | int) -> tuple[Json, Page]:
        """What a route answers.

        Raises:
            RouteClosed: it is not there for us.
            PageError: it cannot be had now, or is no JSON.
        """
        url = self.url(route, **parameters)
        try:
            answer = await self.fetcher.get(url, kinds=JSON)
        except Disallowed as error:
            raise RouteClosed(str(error)) from error
        except PageError as error:
            if error.status in _CLOSED:
                raise RouteClosed(str(error), error.status) from error
            raise
        if not isinstance(answer, Page):
            raise RouteClosed(f"{url}: there is no REST API.")
        try:
            return json.loads(answer.body), answer
        except (ValueError, RecursionError) as error:
            raise PageError(url, f"answers what is no JSON ({error}).") from None

    async def post_types(self, wanted: Sequence[str]) -> list[PostType]:
        """The types of posts to read: the wanted ones, or all of the site that hold articles.

        Raises:
            RouteClosed: the site does not tell its types, nor lists posts.
            PageError: it cannot tell them now.
        """
        if wanted:
            return [PostType(name if "/" in name else f"wp/v2/{_SHORT_NAMES.get(name, name)}") for name in wanted]
        try:
            types, _ = await self.get("wp/v2/types")
        except RouteClosed:
            await self.get("wp/v2/posts", per_page=1, _fields="id")
            return [PostType("wp/v2/posts"), PostType("wp/v2/pages")]
        found = []
        for name, described in types.items() if isinstance(types, dict) else ():
            if name in _NO_TYPES or name.startswith(_NOT_ARTICLES) or not isinstance(described, dict):
                continue
            base, space = described.get("rest_base") or name, described.get("rest_namespace") or "wp/v2"
            if re.fullmatch(r"[\w/-]+/[\w-]+", route := f"{space}/{base}", re.ASCII):  # others have parameters in them
                found.append(PostType(route))
        return found

    async def pages(self, kind: PostType, *, whole: bool = False, **parameters: str | int) -> AsyncIterator[ListPage]:
        """The list of the posts of a type, oldest first, so that a new post shifts no other to another page.

        Args:
            whole: with their content and the names of their authors and terms.

        Raises:
            RouteClosed: the site does not list them.
            PageError: a page of the list cannot be had.
        """
        size = BODIES_AT_ONCE if whole else PAGE_SIZE
        asked: dict[str, str | int] = {"orderby": "id", "order": "asc", "per_page": size, **parameters}
        asked |= {"_fields": _WHOLE, "_embed": "author,wp:term"} if whole else {"_fields": _ROW}
        before: Json = None
        for number in range(1, _MOST_PAGES):
            try:
                rows, page = await self.get(kind.route, page=number, **asked)
            except RouteClosed as error:
                if number == 1:
                    raise
                if error.status == HTTPStatus.BAD_REQUEST:
                    return
                raise PageError(self.url(kind.route, page=number), str(error)) from error
            if not isinstance(rows, list):
                raise PageError(page.url, "answers no list of posts.")
            if rows == before:  # a server that does not know `page`
                return
            yield ListPage([row for row in map(read_row, rows) if row is not None], page.total)
            if number >= page.total_pages if page.total_pages is not None else len(rows) < size:
                return
            before = rows

    async def posts(self, kind: PostType, ids: Sequence[int], *, whole: bool) -> list[Listed]:
        """Those of the posts that there are, at most `PAGE_SIZE`, or `BODIES_AT_ONCE` whole ones.

        Raises:
            RouteClosed: the site does not list them.
            PageError: they cannot be had.
        """
        found: dict[int, Listed] = {}
        async for page in self.pages(kind, whole=whole, include=",".join(map(str, ids))):
            found |= {row.id: row for row in page.rows if row.id in ids}
        return list(found.values())

    async def term_ids(self, slug: str) -> frozenset[int]:
        """The ids of the categories with a slug."""
        try:
            rows, _ = await self.get("wp/v2/categories", slug=slug, _fields="id,slug")
        except (RouteClosed, PageError):
            return frozenset()
        return frozenset(
            number
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and row.get("slug") == slug and isinstance(number := row.get("id"), int)
        )


def api_roots(start: str, stated: str | None) -> list[str]:
    """Where the API of a site may be, the surest place first: all on the host of the start URL."""
    parts = urlsplit(start)
    origin = f"{parts.scheme}://{parts.netloc}"
    if stated is not None:
        there = urlsplit(stated)  # perhaps the public name of a site that is asked by another one
        return [f"{origin}{there.path}" + (f"?{there.query}" if there.query else "")]
    folder = parts.path.rpartition("/")[0] if "." in parts.path.rpartition("/")[2] else parts.path.rstrip("/")
    roots = []
    while folder:
        roots.append(f"{origin}{folder}/wp-json/")
        folder = folder.rpartition("/")[0]
    return [*roots, f"{origin}/wp-json/"]
