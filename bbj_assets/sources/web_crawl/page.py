"""From the bytes of a page to its document."""

import hashlib
import itertools
from collections.abc import Callable, Iterator

from lxml.etree import _Element as Element

from bbj_assets.convert.html import to_markdown
from bbj_assets.convert.html.text import visible
from bbj_assets.documents import Document, Json
from bbj_assets.sources.web_crawl.chrome import remove_chrome
from bbj_assets.sources.web_crawl.flare_output import normalise
from bbj_assets.sources.web_crawl.headings import (
    breadcrumb,
    leading_heading,
    name_in_url,
    page_title,
)
from bbj_assets.sources.web_crawl.links import base_of, is_frameset, redirect
from bbj_assets.web.markup import classes, flare_attribute, remove, words
from bbj_assets.web.reading import read_html
from bbj_assets.web.urls import Site

MAX_TITLE = 300

_CODE = "bbj"


def page_document(url: str, site: Site, raw: bytes) -> Document | None:
    """Return the document of a page; None for a redirect, a frameset, a shell that a script fills, an empty page.

    Raises:
        ParseError: the bytes are not text.
    """
    root = read_html(url, raw)
    if redirect(root) or is_frameset(root) or _is_shell(root):
        return None
    title = page_title(root)
    section_path = breadcrumb(root, url, site)  # before the chrome is removed, which it is part of
    region = content_region(root)
    heading = leading_heading(region, title)
    if heading is not None and 0 < len(text := words(heading)) <= MAX_TITLE:
        title = text
        remove(heading)
    normalise(region)
    content = to_markdown(region, base_url=base_of(root, url), code_language=_CODE).replace("\0", "")
    if not content and heading is None:
        return None
    title = title[:MAX_TITLE].strip() or name_in_url(url)
    while section_path and section_path[-1].casefold() == title.casefold():
        section_path = section_path[:-1]
    return Document(source_url=url, title=title, content=content, section_path=section_path, metadata=_metadata(root))


def content_region(root: Element) -> Element:
    """Return the element that holds the content, with the chrome in it removed."""
    region = root
    for candidate in _candidates(root):
        region = candidate
        remove_chrome(region)
        if words(region):
            break
    return region


def fingerprint(root: Element) -> str:
    """Return a hash of the page's visible text; empty for a page without words. Changes the tree."""
    title = page_title(root)
    text = words(content_region(root))
    return hashlib.sha256(f"{title}\n{text}".encode("utf-8", "replace")).hexdigest() if text else ""


def _candidates(root: Element) -> Iterator[Element]:
    """Yield the elements that may hold the content, the most certain first. Flare's own is right even if empty."""
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    flare = next((element for element in elements if element.get("id") == "mc-main-content"), None)
    if flare is not None:
        yield flare
        return
    tests: tuple[Callable[[Element], bool], ...] = (
        lambda element: "body-container" in classes(element),
        lambda element: element.tag in ("section", "div") and "main-section" in classes(element),
        lambda element: (element.get("role") or "").strip().lower() == "main",
        lambda element: element.tag == "main",
        lambda element: element.tag == "article",
        lambda element: element.tag == "body",
    )
    for test in tests:
        yield from itertools.islice(filter(test, elements), 1)


def _is_shell(root: Element) -> bool:
    """Return whether Flare declares the page to be its search page, a frame or the like, and not a topic."""
    kinds = {kind.strip() for kind in (flare_attribute(root, "runtimefiletype") or "").split(";")} - {""}
    return bool(kinds) and kinds.isdisjoint({"Topic", "Glossary"})


def _metadata(root: Element) -> dict[str, Json]:
    metadata: dict[str, Json] = {}
    tags = (flare_attribute(root, "conditions") or "").split(",")
    if conditions := [tag.strip() for tag in tags if tag.strip()]:
        metadata["conditions"] = list(conditions)
    for meta in root.iter("meta"):
        text = " ".join(visible(meta.get("content") or "").split())
        if text and (meta.get("name") or "").lower() == "description":
            metadata.setdefault("description", text)
    return metadata
