"""The start page of a source: where its REST API is, and which articles and PDF files it links to.

The page of a magazine lists articles that may lie anywhere on the site, and editions that exist only as PDF, surrounded
by the menus of the whole company. Only links in its own text count.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from bbj_assets.sources.wordpress.content import is_chrome
from bbj_assets.sources.wordpress.page import site_names
from bbj_assets.sources.wordpress.titles import last_part, plain
from bbj_assets.web.reading import decode_html, make_soup
from bbj_assets.web.soup import attribute, remove, words
from bbj_assets.web.urls import Site, normalised

PDF_PARTITION = "_pdf"
"""The partition of PDF articles without a year."""

_API = "https://api.w.org/"
_IN_HEADER = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?https://api\.w\.org/"?')
_YEAR = re.compile(r"(?<!\d)(?:19[89]\d|20[0-4]\d)(?!\d)")
_API_LINK = f"link[rel='{_API}'][href]"
_LINKS_AND_HEADINGS = "a[href]:not([href='']), h1, h2, h3, h4, h5, h6"
_FRAME = "nav, footer, aside, header:not(article header, main header, section header)"
"""The frame of the site around the page's own text. The header of an article is not part of it."""
_NO_ARTICLE = re.compile(
    r"/(?:wp-json|wp-content|wp-admin|wp-includes|feed|comments|author|category|tag|search|cart|checkout|my-account)(?:/|$)"
    r"|/wp-\w+\.php|/xmlrpc\.php|\.(?:png|jpe?g|gif|svg|webp|css|js|json|xml|zip|gz|docx?|xlsx?|pptx?|mp[34]|bbj|jar)$",
    re.IGNORECASE,
)
_NEXT_PAGE = re.compile(r"/page/\d{1,4}/?$")
_MAX_CONTEXT = 1000
"""Characters around a link in which its year is searched."""
_UNUSED_QUERY = re.compile(r"(?:^|&)(?:replytocom|share|feed|s|attachment_id|rest_route)=")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPage:
    """What a start page links to and says about its site.

    Attributes:
        articles: normalised URLs on the host, in the order of the page.
        pdfs: the partition of each PDF file on the host, by normalised URL.
        next_pages: further pages of the same list (`/page/2/`).
        api: the normalised URL of its REST API, on any host; None if the page does not name it.
        site_names: names that the page gives its site.
    """

    articles: tuple[str, ...] = ()
    pdfs: dict[str, str] = field(default_factory=dict)
    next_pages: tuple[str, ...] = ()
    api: str | None = None
    site_names: tuple[str, ...] = ()


def read_start_page(site: Site, *, url: str, body: bytes, link_header: str = "") -> StartPage:
    """Read a start page, or a further page of its list."""
    soup = make_soup(decode_html(body))
    names = site_names(soup)
    if soup.title is not None:
        names.append(last_part(plain(words(soup.title))))
    api = _api(soup, url=url, link_header=link_header)
    pdfs: dict[str, str] = {}
    articles: dict[str, None] = {}
    next_pages: dict[str, None] = {}
    for linked, context in _links(soup, url):
        target = site.with_site_scheme(linked)
        if target is None or target == site.start:
            continue
        path = urlsplit(target).path
        if path.lower().endswith(".pdf"):
            pdfs.setdefault(target, _year(*context, path) or PDF_PARTITION)
        elif _NEXT_PAGE.search(path):
            if site.holds(target):
                next_pages[target] = None
        elif may_be_article(target):
            articles[target] = None
    return StartPage(
        articles=tuple(articles),
        pdfs=pdfs,
        next_pages=tuple(next_pages),
        api=api,
        site_names=tuple(dict.fromkeys(filter(None, names))),
    )


def may_be_article(url: str) -> bool:
    """Return whether the URL is not one that WordPress uses for lists, feeds, files and its own administration."""
    parts = urlsplit(url)
    return not (_NO_ARTICLE.search(parts.path) or _NEXT_PAGE.search(parts.path) or _UNUSED_QUERY.search(parts.query))


def _api(soup: BeautifulSoup, *, url: str, link_header: str) -> str | None:
    if found := _IN_HEADER.search(link_header):
        return normalised(found[1], url)
    link = soup.select_one(_API_LINK)
    return None if link is None else normalised(attribute(link, "href"), url)


def _links(soup: BeautifulSoup, url: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the target of each link in the page's own text, with texts that may hold its year, the nearest first."""
    remove([tag for tag in soup.select("html *") if is_chrome(tag)])
    remove(soup.select(_FRAME))
    heading = ""
    for tag in soup.select(_LINKS_AND_HEADINGS):
        if tag.name != "a":
            heading = words(tag)
        elif (target := normalised(attribute(tag, "href"), url)) is not None:
            yield target, (words(tag), words(_block_around(tag))[:_MAX_CONTEXT], heading)


def _block_around(link: Tag) -> Tag:
    """Return the row, list item or paragraph that the link is in."""
    return link.find_parent(["li", "tr", "p", "dd", "figure"]) or link


def _year(*texts: str) -> str:
    return next((found[0] for text in texts if (found := _YEAR.search(text))), "")
