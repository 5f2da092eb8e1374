"""A help of 300 topics as Flare publishes it, on a server of its own: the site that the tests crawl."""

from pathlib import Path

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources import web_crawl
from bbj_assets.sources.files import SourceFiles
from bbj_assets_tests.fakes.site_server import SiteServer

SECTIONS = ("commands", "events", "grids", "sysadmin", "usr")
TOPICS = 300
FOLDER = "/BASISHelp/WebHelp/"


def topic(title: str, text: str, links: tuple[str, ...] = (), *, toc_path: str = "", head: str = "") -> str:
    """Return a page with the chrome of Flare's skin around its content."""
    anchors = " ".join(f'<a href="{link}">more</a>' for link in links)
    return f"""<!DOCTYPE html>
<html data-mc-toc-path="{toc_path}" data-mc-runtime-file-type="Topic">
<head><meta charset="utf-8"><title>{title} | The Help</title>{head}</head>
<body><nav class="title-bar"><a href="{FOLDER}index.htm">Home</a> Skip to main content</nav>
<section class="main-section"><nav class="sidenav-wrapper">All topics</nav>
<div class="body-container"><div class="nocontent"><div class="MCBreadcrumbsBox_0">You are here</div></div>
<div role="main" id="mc-main-content"><h1>{title}</h1><p>{text}</p><p>{anchors}</p></div>
<p>Footer of the skin</p></div></section></body></html>"""


def path_of(number: int) -> str:
    """Return the path of a topic."""
    return f"{FOLDER}{SECTIONS[number % len(SECTIONS)]}/topic{number}.htm"


def url_of(site: SiteServer, number: int) -> str:
    """Return the URL of a topic."""
    return site.url + path_of(number)


def text_of(number: int, edition: str = "first") -> str:
    """Return the text of a topic."""
    return f"Topic number {number} in its {edition} edition."


def put_topic(site: SiteServer, number: int, edition: str = "first", topics: int = TOPICS) -> None:
    """Publish a topic. Each links to the next two; every tenth has no links to it, and is in the sitemap."""
    links = tuple(path_of(near) for near in (number + 1, number + 2) if near < topics and near % 10)
    site.put(
        path_of(number), topic(f"Topic {number}", text_of(number, edition), links, toc_path=f"Book|Part {number % 5}")
    )


def publish(site: SiteServer, topics: int = TOPICS) -> None:
    """Publish the whole help."""
    for number in range(topics):
        put_topic(site, number, topics=topics)
    site.put(f"{FOLDER}index.htm", topic("Welcome", "Start here.", (path_of(1), "commands/topic5.htm#part")))
    orphans = "".join(f"<url><loc>{site.url}{path_of(number)}</loc></url>" for number in range(0, topics, 10))
    site.put(f"{FOLDER}sitemap.xml", sitemap(orphans))


def sitemap(entries: str) -> str:
    """Return a sitemap with these entries."""
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'


def source(site: SiteServer, folder: Path, *, url: str | None = None, exclude: tuple[str, ...] = ()) -> Source:
    """Return a source that crawls the site."""
    return Source(
        "web-crawl",
        "web-crawl",
        url=url or f"{site.url}{FOLDER}index.htm",
        mirror=folder / "mirror",
        requests_per_second=400,
        concurrency=4,
        exclude=exclude,
    )


def pages(site: SiteServer, *names: str) -> set[str]:
    """Return the URLs of pages below FOLDER."""
    return {f"{site.url}{FOLDER}{name}.htm" for name in names}


def items(crawled: Source) -> dict[str, Item]:
    """Return the items of the mirror, by URL."""
    return {item.key: item for item in web_crawl.discover(crawled)}


def documents(crawled: Source) -> dict[str, Document]:
    """Return the documents of the mirror's pages, by URL."""
    return {
        document.source_url: document
        for item in items(crawled).values()
        if item.path
        for document in web_crawl.parse(crawled, item, item.file.read_bytes(), SourceFiles(item.root))
    }
