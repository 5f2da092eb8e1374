"""The links of a page: anchors, frames, redirects by HTML or a script, and its canonical URL."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from lxml.etree import _Element as Element

from bbj_assets.web.urls import normalised

_ASSET = re.compile(
    r"\.(?:png|jpe?g|gif|svg|ico|webp|bmp|tiff?|css|js|mjs|map|json|xml|rss|atom|txt|csv|pdf|docx?|xlsx?|pptx?|odt|zip|gz"
    r"|tgz|bz2|xz|7z|rar|jar|war|exe|msi|dmg|iso|deb|rpm|bin|mp[34]|m4[av]|wav|ogg|webm|mov|avi|swf|woff2?|ttf|otf|eot"
    r"|bbj|src|class|java|chm|ics)$",
    re.IGNORECASE,
)
"""Names of files that are not pages. Everything else is requested, and its content type decides."""

_FOLLOWED = {"a": "href", "area": "href", "frame": "src", "iframe": "src"}
_REFRESH = re.compile(
    r"""\s*(\d+)?[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?(?P<quote>['"]?)(?P<url>.*?)(?P=quote)\s*$""",
    re.IGNORECASE | re.DOTALL,
)
_SCRIPT = re.compile(
    r"""(?:(?:window|document|self|top|parent)\s*\.\s*)?\blocation(?:\s*\.\s*href)?\s*
        (?: = | \.\s*(?:replace|assign)\s*\( )\s*
        (?P<quote>['"])(?P<url>[^'"<>\s][^'"<>]*)(?P=quote)""",
    re.VERBOSE,
)
_WITHOUT_TEXT = frozenset({"script", "style", "noscript"})
_MAX_SCRIPT = 100_000
_MAX_REFRESH_LENGTH = 2000
_MAX_REFRESH_SECONDS = 30


def base_of(root: Element, url: str) -> str:
    """Return the URL that relative links of the page are resolved against."""
    for base in root.iter("base"):
        if href := base.get("href"):
            return _joined(url, href)
    return url


def links(root: Element, url: str) -> Iterator[str]:
    """Yield the normalised URL of every page that this one leads to, possibly several times."""
    base = base_of(root, url)
    references = [element.get(_FOLLOWED[str(element.tag)]) for element in root.iter(*_FOLLOWED)]
    references += [link.get("href") for link in root.iter("link") if _relations(link) & {"next", "prev", "canonical"}]
    for reference in (*references, redirect(root)):
        if reference and not reference.lstrip().startswith("#"):
            target = normalised(reference, base)
            if target is not None and may_be_page(target):
                yield target


def may_be_page(url: str) -> bool:
    """Return whether a URL does not look like that of an image, a script or a download."""
    return _ASSET.search(url.partition("?")[0]) is None


def canonical(root: Element, url: str) -> str | None:
    """Return the page's canonical URL, normalised; None without one."""
    for link in root.iter("link"):
        if "canonical" in _relations(link) and (href := link.get("href")):
            return normalised(href, base_of(root, url))
    return None


def redirect(root: Element) -> str | None:
    """Return where the page sends its reader at once: a meta refresh, or a script on a page without text."""
    for meta in root.iter("meta"):
        if (meta.get("http-equiv") or "").strip().lower() == "refresh" and not _is_in_noscript(meta):
            found = _REFRESH.match((meta.get("content") or "")[:_MAX_REFRESH_LENGTH])
            if found and found["url"].strip() and int((found[1] or "0")[:9]) <= _MAX_REFRESH_SECONDS:
                return found["url"].strip()
    if any(map(_has_text, root.iter("body"))):
        return None
    for script in root.iter("script"):
        if found := _SCRIPT.search((script.text or "")[:_MAX_SCRIPT]):
            return found["url"]
    return None


def is_frameset(root: Element) -> bool:
    """Return whether the page is only a frame around others."""
    return next(root.iter("frameset"), None) is not None


def _is_in_noscript(element: Element) -> bool:
    return next(element.iterancestors("noscript"), None) is not None


def _has_text(body: Element) -> bool:
    for element in body.iter():
        if (element.tail or "").strip() and element is not body:
            return True
        if isinstance(element.tag, str) and element.tag not in _WITHOUT_TEXT and (element.text or "").strip():
            return True
    return False


def _relations(link: Element) -> set[str]:
    return set((link.get("rel") or "").lower().split())


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference.strip())
    except ValueError:
        return base
