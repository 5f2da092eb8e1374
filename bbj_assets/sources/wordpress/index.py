"""The start page of a source: where its REST API is, and which articles and PDF files it leads to.

The page of a magazine lists articles that may lie anywhere on the site, editions that exist only as PDF, and, around
that, the menus of the whole company. Only links of its own text count.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from bbj_assets.convert.html import parse_html
from bbj_assets.sources.wordpress.content import remove_chrome
from bbj_assets.sources.wordpress.page import site_names
from bbj_assets.sources.wordpress.titles import last_part, plain
from bbj_assets.web.markup import words
from bbj_assets.web.urls import Site, normalised

PDF_PARTITION = "_pdf"
"""Of PDF articles whose year nothing tells."""

_API = "https://api.w.org/"
_IN_HEADER = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?https://api\.w\.org/"?')
_YEAR = re.compile(r"(?<!\d)(?:19[89]\d|20[0-4]\d)(?!\d)")
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_AROUND = frozenset({"nav", "footer", "aside"})
_NO_ARTICLE = re.compile(
    r"/(?:wp-json|wp-content|wp-admin|wp-includes|feed|comments|author|category|tag|search|cart|checkout|my-account)(?:/|$)"
    r"|/wp-\w+\.php|/xmlrpc\.php|\.(?:png|jpe?g|gif|svg|webp|css|js|json|xml|zip|gz|docx?|xlsx?|pptx?|mp[34]|bbj|jar)$",
    re.IGNORECASE,
)
_LATER = re.compile(r"/page/\d{1,4}/?$")
_NEAR = 1000
"""Characters around a link in which its year may stand."""
_UNUSED_QUERY = re.compile(r"(?:^|&)(?:replytocom|share|feed|s|attachment_id|rest_route)=")


@dataclass(frozen=True, slots=True)
class StartPage:
    """What a start page says.

    Attributes:
        articles: normalised URLs on the host, in the order of the page.
        pdfs: normalised URL of each PDF file on the host, and its partition.
        later: further pages of the same list (`/page/2/`).
        api: where its REST API is, if it says so; normalised, of any host.
        site_names: what the site calls itself.
    """

    articles: tuple[str, ...] = ()
    pdfs: dict[str, str] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    api: str | None = None
    site_names: tuple[str, ...] = ()


def read_start_page(site: Site, url: str, body: bytes, link_header: str = "") -> StartPage:
    """Read a start page, or a later page of its list."""
    tree = parse_html(body)
    api = _api(tree, url, link_header)
    names = site_names(tree)
    title = next(tree.iter("title"), None)
    if title is not None:
        names.append(last_part(plain(title.text or "")))
    pdfs: dict[str, str] = {}
    articles: dict[str, None] = {}
    later: dict[str, None] = {}
    for linked, nearby in _links(tree, url):
        target = site.adopted(linked)
        if target is None or target == site.start:
            continue
        path = urlsplit(target).path
        if path.lower().endswith(".pdf"):
            pdfs.setdefault(target, _year(*nearby, path) or PDF_PARTITION)
        elif _LATER.search(path):
            if site.holds(target):
                later[target] = None
        elif may_be_article(target):
            articles[target] = None
    return StartPage(tuple(articles), pdfs, tuple(later), api, tuple(dict.fromkeys(filter(None, names))))


def may_be_article(url: str) -> bool:
    """Whether the URL is none that WordPress uses for lists, feeds, files and its own matters."""
    parts = urlsplit(url)
    return not (_NO_ARTICLE.search(parts.path) or _LATER.search(parts.path) or _UNUSED_QUERY.search(parts.query))


def _api(tree: Element, url: str, link_header: str) -> str | None:
    if found := _IN_HEADER.search(link_header):
        return normalised(found[1], url)
    for link in tree.iter("link"):
        if (link.get("rel") or "").strip() == _API and (href := link.get("href")):
            return normalised(href, url)
    return None


def _links(tree: Element, url: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each link of the page's own text: its target, and words that may date it, the nearest first."""
    remove_chrome(tree)
    around: set[Element] = set()
    heading = ""
    for element in tree.iter("*"):
        parent = element.getparent()
        if (parent is not None and parent in around) or element.tag in _AROUND or _is_head_of_site(element):
            around.add(element)
            continue
        if element.tag in _HEADINGS:
            heading = words(element)
        href = element.get("href") if element.tag == "a" else None
        target = normalised(href, url) if href else None
        if target is not None:
            yield target, (words(element), words(_place(element))[:_NEAR], heading)


def _place(anchor: Element) -> Element:
    """What the link stands in: its row, its item, its paragraph."""
    return next(anchor.iterancestors("li", "tr", "p", "dd", "figure"), anchor)


def _is_head_of_site(element: Element) -> bool:
    return element.tag == "header" and next(element.iterancestors("article", "main", "section"), None) is None


def _year(*texts: str) -> str:
    return next((found[0] for text in texts if (found := _YEAR.search(text))), "")
