"""A published page of a WordPress site, as its theme renders it: for sites whose REST API is closed."""

import re

from bs4 import BeautifulSoup, Tag

from bbj_assets.documents import Document, Json
from bbj_assets.errors import ParseError
from bbj_assets.sources.wordpress.content import article_markdown, to_element
from bbj_assets.sources.wordpress.post import year_of
from bbj_assets.sources.wordpress.titles import plain, without_site
from bbj_assets.web.reading import read_soup
from bbj_assets.web.soup import attribute, classes, remove, words

_CONTENT = (
    # The body of Echo Knowledge Base also holds sidebars, so the text in it comes first.
    "#eckb-article-content-body",
    ".eckb-article-content-body",
    "#eckb-article-body",
    ".entry-content",
    ".wp-block-post-content",
    "[class*='elementor-widget-theme-post-content']",
    ".post-content",
    "article",
    "main",
    "[role='main']",
)
"""Selectors of the element with the text of an article, the most certain first."""
_TITLES = ("h1[class*='entry-title']", "[class*='eckb-article-title']", "article h1", "h1")
_PUBLISHED = "time[datetime]:not([class*='updated']), time[datetime][class*='published']"
_LOCKED = "form[class*='post-password-form']"
_LISTS = frozenset({"archive", "category", "tag", "blog", "search", "search-results", "author", "date", "error404"})
"""Classes of `body` on pages that list articles, and on error pages."""

_SINGLE = frozenset({"single", "single-post", "singular"})


def parse_page(url: str, raw: bytes) -> list[Document]:
    """Return the document of a page; none for a list of articles, or for an article behind a password.

    Raises:
        ParseError: the page has no article, or its bytes are not text.
    """
    soup = read_soup(url, raw)
    if _is_list(soup) or soup.select_one(_LOCKED) is not None:
        return []
    content = _first(soup, _CONTENT)
    if content is None:
        raise ParseError(
            f"{url}: no article in the page: it has no .entry-content, #eckb-article-body, article or main. If it is "
            "not an article, leave it out with `exclude` in sources.toml."
        )
    title = _title(soup) or url
    metadata: dict[str, Json] = {
        "date": published(soup),
        "modified": _meta(soup, "article:modified_time"),
        "author": _meta(soup, "author"),
        "tags": [plain(tag) for tag in _metas(soup, "article:tag")],
    }
    section = plain(_meta(soup, "article:section"))
    if content.name in {"article", "main"}:
        remove(content.select("footer, aside" if content.name == "main" else "footer"))
    return [
        Document(
            source_url=url,
            title=title,
            content=article_markdown(to_element(content), base_url=url, title=title),
            doc_type="article",
            display_url=url,
            section_path=(section,) if section else (),
            metadata={key: value for key, value in metadata.items() if value},
        )
    ]


def year_published(url: str, raw: bytes) -> str:
    """Return the partition of a page: the year of its publication date, or else the year in its URL.

    Raises:
        ParseError: the bytes are not text.
    """
    year = year_of(published(read_soup(url, raw)))
    found = re.search(r"/((?:19|20)\d\d)/(?:\d\d?/)?", url)
    return found[1] if year == "_undated" and found else year


def is_article(url: str, raw: bytes) -> bool:
    """Return whether a page that lies anywhere on the site is an article, and not a page that menus link to.

    Raises:
        ParseError: the bytes are not text.
    """
    kinds = _kinds(read_soup(url, raw))
    return bool(kinds & _SINGLE) or not kinds & (_LISTS | {"page", "home"})


def published(soup: BeautifulSoup) -> str:
    """Return the date of publication that a page states; empty without one."""
    if date := _meta(soup, "article:published_time"):
        return date
    found = soup.select_one(_PUBLISHED)
    if found is not None:
        return attribute(found, "datetime")
    for script in soup.select("script[type='application/ld+json']"):
        stated = re.search(r'"datePublished"\s*:\s*"([^"\\]{4,40})"', script.string or "")
        if stated:
            return stated[1]
    return ""


def site_names(soup: BeautifulSoup) -> list[str]:
    """Return the names of the site, as a page states them."""
    return [plain(name) for name in _metas(soup, "og:site_name") if name.strip()]


def _title(soup: BeautifulSoup) -> str:
    names = site_names(soup)
    for selector in _TITLES:
        heading = soup.select_one(selector)
        if heading is not None and (text := words(heading)):
            return without_site(text, names)
    title = soup.select_one("head > title")
    return without_site(plain(_meta(soup, "og:title")) or ("" if title is None else words(title)), names)


def _is_list(soup: BeautifulSoup) -> bool:
    kinds = _kinds(soup)
    return bool(kinds & _LISTS) and not kinds & (_SINGLE | {"page"})


def _kinds(soup: BeautifulSoup) -> set[str]:
    """Return the classes of `body`, in which WordPress says what kind of page it is."""
    return set() if soup.body is None else set(classes(soup.body))


def _meta(soup: BeautifulSoup, name: str) -> str:
    return next(iter(_metas(soup, name)), "")


def _metas(soup: BeautifulSoup, name: str) -> list[str]:
    found = soup.select(f"meta[property='{name}'], meta[name='{name}']")
    return [content for meta in found if (content := attribute(meta, "content"))]


def _first(soup: BeautifulSoup, selectors: tuple[str, ...]) -> Tag | None:
    return next((found for selector in selectors if (found := soup.select_one(selector)) is not None), None)
