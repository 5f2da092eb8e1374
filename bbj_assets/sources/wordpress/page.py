"""A published page of a WordPress site, as its theme gives it: for sites whose REST API is closed."""

import re

from lxml.etree import _Element as Element

from bbj_assets.documents import Document, Json
from bbj_assets.errors import ParseError
from bbj_assets.sources.wordpress.content import article_markdown
from bbj_assets.sources.wordpress.post import year_of
from bbj_assets.sources.wordpress.titles import plain, without_site
from bbj_assets.web.markup import classes, remove, words
from bbj_assets.web.reading import read_html

_CONTENT = (
    # The body of Echo Knowledge Base also holds sidebars, so the text in it comes first.
    "//*[@id='eckb-article-content-body']",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' eckb-article-content-body ')]",
    "//*[@id='eckb-article-body']",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' entry-content ')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' wp-block-post-content ')]",
    "//*[contains(@class, 'elementor-widget-theme-post-content')]",
    "//*[contains(concat(' ', normalize-space(@class), ' '), ' post-content ')]",
    "//article",
    "//main",
    "//*[@role='main']",
)
"""Where the text of an article is, the surest place first."""
_TITLES = (
    "//h1[contains(@class, 'entry-title')]",
    "//*[contains(@class, 'eckb-article-title')]",
    "//article//h1",
    "//h1",
)
_LISTS = frozenset({"archive", "category", "tag", "blog", "search", "search-results", "author", "date", "error404"})
"""Classes of `body` on pages that list articles, or say that there is none."""

_SINGLE = frozenset({"single", "single-post", "singular"})


def parse_page(url: str, raw: bytes) -> list[Document]:
    """The document of a page; none of a list of articles, or of an article behind a password.

    Raises:
        ParseError: nowhere in the page is an article.
    """
    tree = read_html(url, raw)
    if _is_list(tree) or _first(tree, "//form[contains(@class, 'post-password-form')]") is not None:
        return []
    content = next((found for path in _CONTENT if (found := _first(tree, path)) is not None), None)
    if content is None:
        raise ParseError(
            f"{url}: no article in the page: it has no .entry-content, #eckb-article-body, article or main. If it is "
            "none, leave it out with `exclude` in sources.toml."
        )
    title = _title(tree) or url
    metadata: dict[str, Json] = {
        "date": published(tree),
        "modified": _meta(tree, "article:modified_time"),
        "author": _meta(tree, "author"),
        "tags": [plain(tag) for tag in _metas(tree, "article:tag")],
    }
    section = plain(_meta(tree, "article:section"))
    if content.tag in {"article", "main"}:
        for element in list(content.iter("footer", "aside") if content.tag == "main" else content.iter("footer")):
            remove(element)
    return [
        Document(
            source_url=url,
            title=title,
            content=article_markdown(content, base_url=url, title=title),
            doc_type="article",
            display_url=url,
            section_path=(section,) if section else (),
            metadata={key: value for key, value in metadata.items() if value},
        )
    ]


def year_published(url: str, raw: bytes) -> str:
    """The partition of a page: the year in which it says that it was published, else that of its URL.

    Raises:
        ParseError: the bytes are no text.
    """
    year = year_of(published(read_html(url, raw)))
    found = re.search(r"/((?:19|20)\d\d)/(?:\d\d?/)?", url)
    return found[1] if year == "_undated" and found else year


def is_article(url: str, raw: bytes) -> bool:
    """Whether a page that lies anywhere on the site is an article, and not one of those that menus are made of.

    Raises:
        ParseError: the bytes are no text.
    """
    kinds = _kinds(read_html(url, raw))
    return bool(kinds & _SINGLE) or not kinds & (_LISTS | {"page", "home"})


def published(tree: Element) -> str:
    """When a page was published, as it says it itself; empty if it does not."""
    if date := _meta(tree, "article:published_time"):
        return date
    found = _first(tree, "//time[@datetime][not(contains(@class, 'updated')) or contains(@class, 'published')]")
    if found is not None:
        return found.get("datetime", "")
    for script in tree.iter("script"):
        stated = re.search(r'"datePublished"\s*:\s*"([^"\\]{4,40})"', script.text or "")
        if stated and script.get("type") == "application/ld+json":
            return stated[1]
    return ""


def site_names(tree: Element) -> list[str]:
    """What the page calls its site."""
    return [plain(name) for name in _metas(tree, "og:site_name") if name.strip()]


def _title(tree: Element) -> str:
    names = site_names(tree)
    stated = _first(tree, "//head/title")
    whole = "" if stated is None else words(stated)
    for path in _TITLES:
        heading = _first(tree, path)
        if heading is not None and (text := words(heading)):
            return without_site(text, names)
    return without_site(plain(_meta(tree, "og:title")) or whole, names)


def _is_list(tree: Element) -> bool:
    kinds = _kinds(tree)
    return bool(kinds & _LISTS) and not kinds & (_SINGLE | {"page"})


def _kinds(tree: Element) -> set[str]:
    """What WordPress says of the page in the classes of its `body`."""
    body = _first(tree, "//body")
    return set() if body is None else set(classes(body))


def _meta(tree: Element, name: str) -> str:
    return next(iter(_metas(tree, name)), "")


def _metas(tree: Element, name: str) -> list[str]:
    return [
        element.get("content", "")
        for element in tree.iter("meta")
        if name in {element.get("property"), element.get("name")} and element.get("content")
    ]


def _first(tree: Element, path: str) -> Element | None:
    found = tree.xpath(path)
    return found[0] if isinstance(found, list) and found and isinstance(found[0], Element) else None
