"""A WordPress site over real HTTP: sixty articles by the REST API, and the same articles as pages of a theme.

The API is that of the sample sites (`sample_data/serve.py`). This adds faults: routes that fail, an API that is closed
or ignores parameters, posts that change while a list of them is read.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from sample_data.serve import Answer, article_page, rest_answer, send

SITE_NAME = "Sample Magazine"
ERA = 2019
"""The year of the first post; there are twelve a year."""


@dataclass(frozen=True)
class Fault:
    """A response that is sent instead, `times` times; always if that is None."""

    status: int = 500
    body: bytes = b"<h1>Error establishing a database connection</h1>"
    content_type: str = "text/html"
    times: int | None = None


@dataclass
class Behaviour:
    """How the site differs from a default WordPress.

    Attributes:
        rest: `forbidden` is a 401 for every route of the API, `missing` a 404; `plain` has it at `?rest_route=/`.
        ignored: parameters that the API ignores.
        tells_totals: whether lists send the number of their posts and pages.
        tells_types: whether `wp/v2/types` exists.
        validators: whether pages have an ETag; those of WordPress have none.
        sitemap: whether there is a sitemap.
        linked: how many of the newest posts the start page links to.
    """

    rest: Literal["open", "forbidden", "missing", "plain"] = "open"
    ignored: frozenset[str] = frozenset()
    tells_totals: bool = True
    tells_types: bool = True
    validators: bool = False
    sitemap: bool = True
    linked: int = 10


def post(number: int, base: str, *, folder: str = "magazine", kind: str = "post") -> dict[str, Any]:
    """Return the post with a number, from 1: twelve a year, each with a different text."""
    year, month = ERA + (number - 1) // 12, (number - 1) % 12 + 1
    slug = f"article-{number}"
    category = {"id": 7, "name": "Tips &amp; Tricks", "slug": "tips", "taxonomy": "category"}
    tag = {"id": 31, "name": "grids", "slug": "grids", "taxonomy": "post_tag"}
    return {
        "id": 100 + number,
        "type": kind,
        "status": "publish",
        "slug": slug,
        "link": f"{base}/{folder}/{slug}/" if folder else f"{base}/{slug}/",
        "date": f"{year}-{month:02}-05T10:00:00",
        "modified": f"{year}-{month:02}-06T10:00:00",
        "modified_gmt": f"{year}-{month:02}-06T08:00:00",
        "title": {"rendered": f"Article {number} &#8211; rows &amp; columns"},
        "content": {
            "rendered": f"<!-- wp:paragraph --><p>The text of article number {number}.</p><!-- /wp:paragraph -->",
            "protected": False,
        },
        "excerpt": {"rendered": "<p>In short.</p>", "protected": False},
        "categories": [7],
        "tags": [31],
        "_embedded": {"author": [{"name": "Ann O&#8217;Nym"}], "wp:term": [[category], [tag]]},
    }


class WordPressServer:
    """The site, in a thread of its own; a context manager.

    Args:
        posts: the initial number of posts.
        folder: of their links.
        start: the path of the start page.

    Attributes:
        behaviour: how it differs from a default WordPress.
        root: the path of the API.
        types: the posts by the route that lists them.
        extra: responses by path, instead of the site's own.
        extra_links: HTML in the text of the start page, below the heading `Editions of 2009`.
        before: called with each request before it is served.
        requests: the requested paths and queries, decoded.
        unchanged: the paths of requests that got a 304.
    """

    def __init__(self, posts: int = 60, *, folder: str = "magazine", start: str = "/magazine/") -> None:
        self.behaviour = Behaviour()
        self.start = start
        self.root = "/wp-json/"
        self.extra_links = ""
        self.requests: list[str] = []
        self.unchanged: list[str] = []
        self.faults: dict[str, Fault] = {}
        self.before: Callable[[str], None] = lambda _target: None
        self.extra: dict[str, Answer] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.types: dict[str, list[dict[str, Any]]] = {
            "posts": [post(number, self.url, folder=folder) for number in range(1, posts + 1)],
            "pages": [],
        }

    @property
    def posts(self) -> list[dict[str, Any]]:
        """Return the posts, which tests change as an editor would."""
        return self.types["posts"]

    @property
    def start_url(self) -> str:
        """Return the `url` of a source of this site."""
        return f"{self.url}{self.start}"

    def fail(self, part: str, fault: Fault | None = None) -> None:
        """Fail requests whose decoded path and query contain `part`."""
        self.faults[part] = fault or Fault()

    def requests_with(self, part: str) -> list[str]:
        """Return the requests whose decoded path and query contain `part`."""
        return [target for target in self.requests if part in target]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str) -> Answer:
        """Return the response to a GET."""
        with self._lock:
            self.requests.append(unquote(target))
            self.before(unquote(target))
            for part, fault in list(self.faults.items()):
                if part in unquote(target) and fault.times != 0:
                    left = None if fault.times is None else fault.times - 1
                    self.faults[part] = Fault(fault.status, fault.body, fault.content_type, left)
                    return Answer(fault.status, fault.body, fault.content_type)
            parts = urlsplit(target)
            return self._answer(unquote(parts.path), dict(parse_qsl(parts.query)))

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        if path in self.extra:
            return self.extra[path]
        if path == "/robots.txt":
            return Answer(HTTPStatus.OK, b"User-agent: *\nDisallow: /wp-admin/\n", "text/plain")
        if path.startswith(self.root) or (path == "/" and "rest_route" in query):
            return self._rest(path.removeprefix(self.root), query)
        if path == "/wp-sitemap.xml" and self.behaviour.sitemap:
            return _xml("sitemapindex", "sitemap", [f"{self.url}/wp-sitemap-posts-post-1.xml"])
        if path == "/wp-sitemap-posts-post-1.xml" and self.behaviour.sitemap:
            links = [p["link"] for posts in self.types.values() for p in posts if p["status"] == "publish"]
            return _xml("urlset", "url", [*links, f"{self.url}/contact/", self.start_url])
        if path == self.start:
            return self._page(self._start_page())
        for found in (p for posts in self.types.values() for p in posts):
            if urlsplit(found["link"]).path == path and found["status"] == "publish":
                return self._page(article_page(found, SITE_NAME))
        return Answer(HTTPStatus.NOT_FOUND, b"<title>Not found</title><body class='error404'>")

    def _rest(self, route: str, query: dict[str, str]) -> Answer:
        if "rest_route" in query:
            route = query.pop("rest_route").lstrip("/")
            is_open = self.behaviour.rest == "plain"
        else:
            is_open = self.behaviour.rest == "open"
        if not is_open:
            status = HTTPStatus.UNAUTHORIZED if self.behaviour.rest == "forbidden" else HTTPStatus.NOT_FOUND
            return Answer(status, b'{"code": "rest_disabled"}', "application/json")
        if route == "wp/v2/types" and not self.behaviour.tells_types:
            return Answer(HTTPStatus.NOT_FOUND, b'{"code": "rest_no_route"}', "application/json")
        known = {name: value for name, value in query.items() if name not in self.behaviour.ignored}
        described = {
            name: {"slug": name, "rest_base": name, "rest_namespace": "wp/v2"}
            for name in (*self.types, "attachment", "wp_block", "nav_menu_item")
        }
        answer = rest_answer(self.types, described, route, known)
        if self.behaviour.tells_totals:
            return answer
        return Answer(answer.status, answer.body, answer.content_type)

    def _start_page(self) -> str:
        newest = sorted(self.posts, key=lambda p: str(p["date"]), reverse=True)[: self.behaviour.linked]
        entries = "".join(f'<article><h2><a href="{p["link"]}">{p["slug"]}</a></h2></article>' for p in newest)
        return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>All articles - {SITE_NAME}</title></head>
            <body class="blog"><header><nav><a href="/contact/">Contact</a></nav></header>
            <main>{entries}<h2>Editions of 2009</h2><ul>{self.extra_links}</ul></main>
            <footer><a href="/imprint/">Imprint</a></footer></body></html>"""

    def _page(self, html: str) -> Answer:
        root = f"{self.url}/?rest_route=/" if self.behaviour.rest == "plain" else f"{self.url}{self.root}"
        return Answer(HTTPStatus.OK, html.encode(), headers={"Link": f'<{root}>; rel="https://api.w.org/"'})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if send(self, site.answer(self.path), validators=site.behaviour.validators) == HTTPStatus.NOT_MODIFIED:
                    site.unchanged.append(self.path)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the names of http.server
                """Drop the log line of each request."""

        return Handler


def kinds_of(requests: list[str]) -> Mapping[str, int]:
    """Return the number of requests by path."""
    return Counter(urlsplit(target).path for target in requests)


def _xml(outer: str, inner: str, urls: list[str]) -> Answer:
    entries = "".join(f"<{inner}><loc>{url}</loc></{inner}>" for url in urls)
    body = f'<?xml version="1.0"?><{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{outer}>'
    return Answer(HTTPStatus.OK, body.encode(), "application/xml")
