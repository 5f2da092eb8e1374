"""The title of a page, its leading heading, and its place among the other pages."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from lxml.etree import _Element as Element

from bbj_assets.convert.html.text import visible
from bbj_assets.web.markup import classes, flare_attribute, words
from bbj_assets.web.urls import Site

_SEPARATOR = re.compile(r"\s+(?:[|\u2013\u2014·•»«-]|::)\s+")
_CERTAIN_SEPARATOR = re.compile(r"\s+(?:[|·•»«]|::)\s+")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_UNRESOLVED = re.compile(r"\[%=[^|\]]{0,200}%\]")
_SITE_NAMES = frozenset({"og:site_name", "application-name", "apple-mobile-web-app-title"})


def page_title(root: Element) -> str:
    """Return the `<title>`, without the name of the site if the page itself shows that it is one.

    A dash may belong to a title (`OPEN Verb - BBj`), so the text after it is removed only if a heading or the site's
    own name proves that it is the name of the site.
    """
    title = next((text for element in root.iter("title") if (text := words(element))), "")
    names = (meta.get("content") or "" for meta in root.iter("meta") if _names_site(meta))
    sites = {" ".join(name.split()).casefold() for name in names}
    if title.casefold() in sites:
        return ""
    end = _last(_SEPARATOR, title)
    if end and title[end.end() :].casefold() in sites:
        return title[: end.start()]
    for heading in root.iter("h1"):
        text = words(heading)
        if text and title.casefold().startswith(text.casefold()) and _SEPARATOR.match(title[len(text) :]):
            return text
    end = _last(_CERTAIN_SEPARATOR, title)
    return title[: end.start()] if end else title


def name_in_url(url: str) -> str:
    """Return the page's name in its URL, for a page without a title."""
    parts = urlsplit(url)
    name = unquote(parts.path.rstrip("/").rpartition("/")[2])
    return visible(re.sub(r"\.\w{1,5}$", "", name)).strip() or parts.netloc


def breadcrumb(root: Element, url: str, site: Site) -> tuple[str, ...]:
    """Return the page's place, outermost first: its breadcrumb, or the folders of its URL. May end with the page."""
    if path := _toc_path(root) or _trail(root):
        return tuple(path)
    return tuple(name for folder in site.section(url).split("/")[:-1] if (name := visible(folder).strip()))


def _toc_path(root: Element) -> list[str]:
    """Parse Flare's path `A|B`. It may hold unresolved variables; a book and its first topic often share a name."""
    path: list[str] = []
    for entry in (flare_attribute(root, "tocpath") or "").split("|"):
        name = " ".join(visible(_UNRESOLVED.sub("", entry)).split())
        if name and name not in path[-1:]:
            path.append(name)
    return path


def _trail(root: Element) -> list[str]:
    """Return the breadcrumbs of Flare or another generator. A last one that is not a link is the page, and left out."""
    entries = list(_with_class(root, re.compile(r"MCBreadcrumbs(?:Link|Self)?", re.IGNORECASE)))
    if not entries:
        for box in _boxes(root):
            entries = list(box.iter("li")) or list(box.iter("a"))
            break
    if entries and not (entries[-1].tag == "a" or next(entries[-1].iter("a"), None) is not None):
        entries.pop()
    return [text for entry in entries if (text := words(entry).strip(" >»/\u203a"))]


def _names_site(meta: Element) -> bool:
    return (meta.get("property") or meta.get("name") or "").lower() in _SITE_NAMES


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for match in pattern.finditer(text):
        found = match
    return found


def _boxes(root: Element) -> Iterator[Element]:
    marked = re.compile(r"breadcrumbs?", re.IGNORECASE)
    for element in root.iter("nav", "ol", "ul", "div"):
        label = element.get("aria-label") or ""
        if marked.fullmatch(label.strip()) or any(map(marked.fullmatch, classes(element))):
            yield element


def _with_class(root: Element, pattern: re.Pattern[str]) -> Iterator[Element]:
    for element in root.iter("a", "span", "div", "li"):
        if any(map(pattern.fullmatch, classes(element))):
            yield element


def leading_heading(region: Element, title: str) -> Element | None:
    """Return the heading with the page's title, if no text comes before it.

    It is the only level-one heading, or a heading of another level with the text of the title.
    """
    first = next(region.iter(*_HEADINGS), None)
    if first is None or not _comes_first(first, region):
        return None
    if first.tag == "h1":
        return first if len(list(region.iter("h1"))) == 1 else None
    return first if words(first).casefold() == title.casefold() or not title else None


def _comes_first(element: Element, region: Element) -> bool:
    while element is not region:
        for before in element.itersiblings(preceding=True):
            if words(before) or (before.tail or "").strip():
                return False
        parent = element.getparent()
        if parent is None or (parent.text or "").strip():
            return False
        element = parent
    return True
