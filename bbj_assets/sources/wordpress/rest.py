"""The REST API of a WordPress site: its post types, and lists of posts page by page.

Described in https://developer.wordpress.org/rest-api/using-the-rest-api/ . Two facts are missing there: `X-WP-Total`
also counts posts that a visitor may not read, so a page can hold fewer rows than requested before the last one; and a
page that no longer exists because the list has become shorter is a 400 (`rest_post_invalid_page_number`).
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
from bbj_assets.web.client import SiteClient
from bbj_assets.web.content_types import JSON
from bbj_assets.web.responses import Disallowed, Page, PageError
from bbj_assets.web.urls import normalised

PAGE_SIZE = 100
"""The most rows that WordPress sends in a page of a list."""
MAX_BODIES = 25
"""Posts whose content is requested at once. For 100 long posts, many servers take too long."""

_ROW = "id,link,status,modified,modified_gmt,date,categories,tags,content.protected"
_WHOLE = ",".join([*FIELDS, "_links", "_embedded"])
_MAX_PAGES = 10_000
_CLOSED = frozenset({400, 401, 403, 405, 406, 501})
_NOT_ARTICLES = ("wp_", "elementor", "e-", "jp_", "jetpack", "acf-", "et_", "fusion_", "oembed", "custom", "nav_")
_NO_TYPES = frozenset({"attachment", "nav_menu_item", "revision", "user_request", "product", "shop_order"})
_SHORT_NAMES = {"post": "posts", "page": "pages"}


class RouteClosed(BBjAssetsError):
    """A route that does not exist or is not public. `status` is that of the response, if there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class PostType:
    """A type of posts, identified by the route that lists them: `wp/v2/posts`."""

    route: str

    @property
    def is_pages(self) -> bool:
        """Whether these are WordPress's pages, among which are the company's address and imprint."""
        return self.route == "wp/v2/pages"


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list. `total` is the number of posts in the whole list, if the site sends it."""

    rows: Sequence[Listed]
    total: int | None


@dataclass(frozen=True, slots=True)
class Api:
    """The API below a root: `.../wp-json/`, or `.../?rest_route=/` on sites without pretty permalinks."""

    client: SiteClient
    root: str

    def url(self, route: str, **parameters: str | int) -> str:
        """Return the URL of a route."""
        base, mark, query = self.root.partition("?")
        if mark and "rest_route=" in query:
            target = f"{base}?{urlencode({'rest_route': f'/{route}', **parameters}, safe='/,')}"
        else:
            target = f"{base.rstrip('/')}/{route}" + (f"?{urlencode(parameters, safe=',')}" if parameters else "")
        return normalised(target) or target

    async def get(self, route: str, **parameters: str | int) -> tuple[Json, Page]:
        """Fetch a route. Return its JSON, and the page that holds it.

        Raises:
            RouteClosed: the route does not exist or is not public.
            PageError: the route cannot be fetched now, or its response is not JSON.
        """
        url = self.url(route, **parameters)
        try:
            response = await self.client.get(url, content_types=JSON)
        except Disallowed as error:
            raise RouteClosed(str(error)) from error
        except PageError as error:
            if error.status in _CLOSED:
                raise RouteClosed(str(error), error.status) from error
            raise
        if not isinstance(response, Page):
            raise RouteClosed(f"{url}: there is no REST API.")
        try:
            return json.loads(response.body), response
        except (ValueError, RecursionError) as error:
            raise PageError(url, f"the response is not JSON ({error}).") from None

    async def post_types(self, configured: Sequence[str]) -> list[PostType]:
        """Return the types of posts to read: the configured ones, or all types of the site that hold articles.

        Raises:
            RouteClosed: the site lists neither its types nor posts.
            PageError: the types cannot be fetched now.
        """
        if configured:
            return [PostType(name if "/" in name else f"wp/v2/{_SHORT_NAMES.get(name, name)}") for name in configured]
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
        """Yield the pages of the list of a type. Oldest posts come first, so that a new post shifts no other one.

        Args:
            whole: with the content of the posts and the names of their authors and terms.

        Raises:
            RouteClosed: the site does not list the type.
            PageError: a page of the list cannot be fetched.
        """
        size = MAX_BODIES if whole else PAGE_SIZE
        query: dict[str, str | int] = {"orderby": "id", "order": "asc", "per_page": size, **parameters}
        query |= {"_fields": _WHOLE, "_embed": "author,wp:term"} if whole else {"_fields": _ROW}
        before: Json = None
        for number in range(1, _MAX_PAGES):
            try:
                rows, page = await self.get(kind.route, page=number, **query)
            except RouteClosed as error:
                if number == 1:
                    raise
                if error.status == HTTPStatus.BAD_REQUEST:
                    return
                raise PageError(self.url(kind.route, page=number), str(error)) from error
            if not isinstance(rows, list):
                raise PageError(page.url, "the response is not a list of posts.")
            if rows == before:  # a server that ignores `page`
                return
            yield ListPage([row for row in map(read_row, rows) if row is not None], page.total)
            if number >= page.total_pages if page.total_pages is not None else len(rows) < size:
                return
            before = rows

    async def posts(self, kind: PostType, ids: Sequence[int], *, whole: bool) -> list[Listed]:
        """Return the posts with these ids, without those that do not exist.

        Args:
            ids: at most `PAGE_SIZE`, or `MAX_BODIES` for whole posts.
            whole: with the content of the posts and the names of their authors and terms.

        Raises:
            RouteClosed: the site does not list the type.
            PageError: the posts cannot be fetched.
        """
        found: dict[int, Listed] = {}
        async for page in self.pages(kind, whole=whole, include=",".join(map(str, ids))):
            found |= {row.id: row for row in page.rows if row.id in ids}
        return list(found.values())

    async def term_ids(self, slug: str) -> frozenset[int]:
        """Return the ids of the categories with a slug; none if the site does not list categories."""
        try:
            rows, _ = await self.get("wp/v2/categories", slug=slug, _fields="id,slug")
        except (RouteClosed, PageError):
            return frozenset()
        return frozenset(
            number
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and row.get("slug") == slug and isinstance(number := row.get("id"), int)
        )


def api_roots(start: str, *, stated: str | None) -> list[str]:
    """Return where the API of a site may be, the most certain root first. All are on the host of the start URL."""
    parts = urlsplit(start)
    origin = f"{parts.scheme}://{parts.netloc}"
    if stated is not None:
        there = urlsplit(stated)  # possibly under the public name of a site that is fetched under another name
        return [f"{origin}{there.path}" + (f"?{there.query}" if there.query else "")]
    folder = parts.path.rpartition("/")[0] if "." in parts.path.rpartition("/")[2] else parts.path.rstrip("/")
    roots = []
    while folder:
        roots.append(f"{origin}{folder}/wp-json/")
        folder = folder.rpartition("/")[0]
    return [*roots, f"{origin}/wp-json/"]
