"""Serves the folder `web` as the sites that it was taken from would: two of WordPress, and a built WebHelp.

    python sample_data/serve.py --port 8900

It needs nothing but Python, listens on loopback alone, and keeps nothing. A site of WordPress answers by its REST API
and by its pages; pages that are not in the folder are made from their posts, in a plain theme. Unchanged pages cost a
304. `--without-rest` closes the API, as many sites do.

The tests serve other posts with the same API (`rest_answer`).
"""

import argparse
import contextlib
import hashlib
import json
import mimetypes
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

WEB = Path(__file__).parent / "web"
PUBLIC = "https://sample.example"
"""The address in the files, replaced by that of the server."""
PORT = 8900  # what sample_data/web/sources.toml expects
WORDPRESS = {"advantage-magazine": "wordpress-advantage", "knowledge-base": "wordpress-kb"}
"""The folder of each WordPress site by the path that it has on the server."""
WEBHELP = "webhelp"

Post = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """An answer, before it is put on the wire."""

    status: int
    body: bytes
    content_type: str = "text/html; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def rest_answer(types: Mapping[str, Sequence[Post]], described: Post, route: str, query: Mapping[str, str]) -> Answer:
    """What the REST API of WordPress answers to a visitor.

    Args:
        types: the posts by the last part of the route that lists them (`posts`), in any order.
        described: the answer to `wp/v2/types`.
        route: below the API's root, such as `wp/v2/posts` or `wp/v2/posts/17`.
        query: its parameters.
    """
    space, _, rest = route.strip("/").partition("wp/v2/")
    name, _, number = rest.partition("/")
    if not route.strip("/"):
        return _json({"name": "Sample", "namespaces": ["wp/v2"]})
    if space or not rest:
        return _refusal(HTTPStatus.NOT_FOUND, "rest_no_route", "No route was found matching the URL.")
    if name == "types":
        return _json(described)
    if name in ("categories", "tags"):
        return _terms(types, name, query)
    if name not in types:
        return _refusal(HTTPStatus.NOT_FOUND, "rest_no_route", "No route was found matching the URL.")
    public = [post for post in types[name] if post.get("status", "publish") == "publish"]
    if number:
        found = next((post for post in public if str(post["id"]) == number), None)
        if found is None:
            return _refusal(HTTPStatus.NOT_FOUND, "rest_post_invalid_id", "Invalid post ID.")
        return _json(_shown(found, query))
    return _listed(public, query)


def _listed(posts: Sequence[Post], query: Mapping[str, str]) -> Answer:
    size, number = int(query.get("per_page", 10)), int(query.get("page", 1))
    if not 1 <= size <= 100:
        return _refusal(HTTPStatus.BAD_REQUEST, "rest_invalid_param", "Invalid parameter(s): per_page")
    if included := query.get("include"):
        posts = [post for post in posts if str(post["id"]) in included.split(",")]
    if after := query.get("modified_after"):
        moment = datetime.fromisoformat(after)
        attribute = "modified_gmt" if moment.tzinfo else "modified"
        posts = [p for p in posts if datetime.fromisoformat(p[attribute]) > moment.replace(tzinfo=None)]
    order: Callable[[Post], Any] = {
        "id": lambda post: post["id"],
        "modified": lambda post: post["modified"],
    }.get(query.get("orderby", "date"), lambda post: post["date"])
    posts = sorted(posts, key=order, reverse=query.get("order", "desc") == "desc")
    pages = -(-len(posts) // size)
    if number > max(pages, 1):
        return _refusal(
            HTTPStatus.BAD_REQUEST,
            "rest_post_invalid_page_number",
            "The page number requested is larger than the number of pages available.",
        )
    shown = [_shown(post, query) for post in posts[(number - 1) * size : number * size]]
    return _json(shown, {"X-WP-Total": str(len(posts)), "X-WP-TotalPages": str(pages)})


def _shown(post: Post, query: Mapping[str, str]) -> Post:
    shown = {key: value for key, value in post.items() if key != "_embedded"}
    shown["_links"] = {"self": [{"href": post["link"]}]}
    fields = query["_fields"].split(",") if query.get("_fields") else None
    if fields is not None:
        shown = _chosen(shown, fields)
    if "_embed" in query and "_links" in shown and "_embedded" in post:
        shown["_embedded"] = post["_embedded"]
    return shown


def _chosen(post: Post, fields: Sequence[str]) -> dict[str, Any]:
    """`_fields=id,content.protected` as WordPress understands it."""
    chosen: dict[str, Any] = {}
    for name in fields:
        outer, _, inner = name.partition(".")
        if outer not in post:
            continue
        value = post[outer]
        if not inner:
            chosen[outer] = value
        elif isinstance(value, dict) and inner in value:
            chosen.setdefault(outer, {})[inner] = value[inner]
    return chosen


def _terms(types: Mapping[str, Sequence[Post]], name: str, query: Mapping[str, str]) -> Answer:
    taxonomy = {"categories": "category", "tags": "post_tag"}[name]
    found = {
        term["id"]: term
        for posts in types.values()
        for post in posts
        for group in post.get("_embedded", {}).get("wp:term", ())
        for term in group
        if term["taxonomy"] == taxonomy and query.get("slug", term["slug"]) == term["slug"]
    }
    return _json(list(found.values()), {"X-WP-Total": str(len(found)), "X-WP-TotalPages": "1"})


def _json(content: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(HTTPStatus.OK, json.dumps(content).encode(), "application/json; charset=UTF-8", headers or {})


def _refusal(status: HTTPStatus, code: str, message: str) -> Answer:
    body = {"code": code, "message": message, "data": {"status": status.value}}
    return Answer(status, json.dumps(body).encode(), "application/json; charset=UTF-8")


def article_page(post: Post, site_name: str) -> str:
    """A post in a plain theme, with what themes put around it."""
    title = post["title"]["rendered"]
    terms = [term for group in post.get("_embedded", {}).get("wp:term", ()) for term in group]
    filed = "".join(f"<a rel='category tag'>{term['name']}</a> " for term in terms)
    return f"""<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8"><title>{title} &#8211; {escape(site_name)}</title>
    <meta property="og:site_name" content="{escape(site_name)}">
    <meta property="article:published_time" content="{post["date"]}+00:00">
    <meta property="article:modified_time" content="{post["modified"]}+00:00">
  </head>
  <body class="single single-post postid-{post["id"]}">
    <a class="skip-link screen-reader-text" href="#content">Skip to content</a>
    <header class="site-header"><nav><a href="/">Home</a> <a href="/contact/">Contact</a></nav></header>
    <main id="content"><article>
      <header class="entry-header"><h1 class="entry-title">{title}</h1>
        <div class="entry-meta"><time class="entry-date published" datetime="{post["date"]}">Posted</time></div>
      </header>
      <div class="entry-content">{post["content"]["rendered"]}</div>
      <footer class="entry-footer">Filed under {filed}</footer>
    </article>
    <nav class="post-navigation"><a href="/older/">An older article</a></nav>
    <div id="comments" class="comments-area"><h2>One thought</h2><p>First!</p></div></main>
    <aside id="secondary" class="widget-area"><h2>Popular this week</h2></aside>
    <footer class="site-footer">Follow us, but not here.</footer>
  </body>
</html>
"""


@dataclass(frozen=True)
class WordPressSite:
    """A site as its files say it is."""

    types: Mapping[str, Sequence[Post]]
    described: Post
    site_name: str


def wordpress_site(folder: Path, base: str) -> WordPressSite:
    """Read the files of a site, as if it were at `base`."""
    api = folder / "wp-json" / "wp" / "v2"

    def read(file: Path) -> Any:
        return json.loads(file.read_text(encoding="utf-8").replace(PUBLIC, base))

    types = {
        route.name: [post for page in sorted(route.glob("page-*.json")) for post in read(page)]
        for route in sorted(api.iterdir())
        if route.is_dir()
    }
    title = (folder / "index.html").read_text(encoding="utf-8").partition("<title>")[2].partition("</title>")[0]
    return WordPressSite(types, read(api / "types.json"), title.rpartition(" - ")[2])


class SampleServer(ThreadingHTTPServer):
    """Serves `web`; a context manager that listens from the beginning and serves while `serve_forever` runs.

    Args:
        port: of 127.0.0.1; 0 for any free one.
        without_rest: the API of the WordPress sites is closed.
        crawl_delay: robots.txt asks for the second between two requests that it asks for in the folder.
    """

    daemon_threads = True

    def __init__(self, port: int = 0, *, without_rest: bool = False, crawl_delay: bool = True) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.without_rest = without_rest
        self.crawl_delay = crawl_delay
        self.sites = {path: wordpress_site(WEB / folder, self.url) for path, folder in WORDPRESS.items()}

    def answer(self, target: str) -> Answer:
        """What a GET of a path, with its query, is answered."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        top, slash, below = path.lstrip("/").partition("/")
        if path == "/robots.txt":
            lines = (WEB / WEBHELP / "robots.txt").read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if self.crawl_delay or not line.startswith("Crawl-delay")]
            return Answer(HTTPStatus.OK, "".join(kept).replace(PUBLIC, self.url).encode(), "text/plain")
        if top == WEBHELP and slash:
            return self._file(WEB / WEBHELP, below or "index.htm")
        if top in self.sites and slash:
            return self._wordpress(top, below, dict(parse_qsl(parts.query)))
        if top in (*self.sites, WEBHELP):
            return Answer(HTTPStatus.MOVED_PERMANENTLY, b"", headers={"Location": f"/{top}/"})
        return _missing()

    def _wordpress(self, top: str, below: str, query: Mapping[str, str]) -> Answer:
        site = self.sites[top]
        if below.partition("/")[0] == "wp-json":
            if self.without_rest:
                return _refusal(HTTPStatus.UNAUTHORIZED, "rest_disabled", "The REST API is disabled.")
            return rest_answer(site.types, site.described, below.partition("/")[2], query)
        folder = WEB / WORDPRESS[top]
        link = {"Link": f'<{self.url}/{top}/wp-json/>; rel="https://api.w.org/"'}
        if (folder / below / "index.html").is_file():
            return self._file(folder, f"{below.rstrip('/')}/index.html".lstrip("/"), link)
        for post in (post for posts in site.types.values() for post in posts):
            if post["link"].rstrip("/") == f"{self.url}/{top}/{below}".rstrip("/"):
                return Answer(HTTPStatus.OK, article_page(post, site.site_name).encode(), headers=link)
        return self._file(folder, below)

    def _file(self, folder: Path, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        file = folder / path
        if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
            return _missing()
        content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        body = file.read_bytes()
        if content_type != "application/pdf":
            body = body.replace(PUBLIC.encode(), self.url.encode())
        return Answer(HTTPStatus.OK, body, content_type, headers or {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SampleServer

    def do_GET(self) -> None:
        send(self, self.server.answer(self.path))

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the names that http.server gives
        """Say nothing."""


def send(handler: BaseHTTPRequestHandler, answer: Answer, *, validators: bool = True) -> int:
    """Put an answer on the wire, or a 304 if the visitor has it already and there are `validators`; the status."""
    headers = {"Content-Type": answer.content_type, **answer.headers}
    status, body = answer.status, answer.body
    if validators and status == HTTPStatus.OK:
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers["Last-Modified"] = _STARTED
        known = handler.headers.get("If-None-Match")
        if known == headers["ETag"] or (known is None and handler.headers.get("If-Modified-Since") == _STARTED):
            status, body = HTTPStatus.NOT_MODIFIED, b""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if status != HTTPStatus.NOT_MODIFIED:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        with contextlib.suppress(ConnectionError):  # a visitor who left
            handler.wfile.write(body)
    return status


def _missing() -> Answer:
    return Answer(HTTPStatus.NOT_FOUND, b"<!DOCTYPE html><title>Not found</title><body class='error404'>Nothing here.")


_STARTED = f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}"


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--without-rest", action="store_true", help="close the REST API of the WordPress sites")
    options = parser.parse_args()
    with SampleServer(options.port, without_rest=options.without_rest) as server:
        addresses = {folder: path for path, folder in WORDPRESS.items()} | {"web-crawl": WEBHELP}
        lines = [f"  {source:21}{server.url}/{path}/" for source, path in addresses.items()]
        port = "" if options.port == PORT else f"DEMO_PORT={options.port} "
        command = f"  {port}bbj-ingest-all --config sample_data/web/sources.toml"
        sys.stdout.write(
            "\n".join(
                [
                    "Serving the sites of sample_data/web; Ctrl-C ends it.",
                    "",
                    *lines,
                    "",
                    "To watch them being indexed, run in another terminal:",
                    "",
                    command,
                    "",
                ]
            )
        )
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
