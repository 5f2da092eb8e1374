"""Where links lead: to pages of the published help, not to files of the project."""

import re
from urllib.parse import quote, unquote, urljoin

from bbj_assets.sources.files import resolve

CONTENT = "Content/"
"""The folder of a project that is published."""

_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//")
_UNESCAPED = "/~!$&'()*+,;=:@"


def linked_file(href: str, path: str) -> str | None:
    """The path in the project that a link in the file `path` means; None if it leads elsewhere, or out of it.

    >>> linked_file("../usr/a%20b.htm#top", "Content/dwc/c.htm")
    'Content/usr/a b.htm'
    """
    target = _slashes(href).partition("#")[0]
    if not target or _ABSOLUTE.match(target):
        return None
    return resolve(path, unquote(target))


def published_link(href: str, path: str, topic: str, pages: str) -> str:
    """The address to show for a link; empty for one that leads nowhere else, whose text is all there is to it.

    Args:
        href: as it is written.
        path: of the file that it is written in: the topic, or a snippet.
        topic: the path of the topic that it is shown in.
        pages: the address that stands for Content; without it, a link stays relative to the topic.
    """
    if _ABSOLUTE.match(href.strip()):
        return href
    target = linked_file(href, path)
    if target is None or target == topic or not target.startswith(CONTENT):
        return ""
    _, sign, fragment = _slashes(href).partition("#")
    below = quote(target.removeprefix(CONTENT), safe=_UNESCAPED, errors="replace")
    if pages:
        return urljoin(pages, f"./{below}") + sign + fragment
    return "../" * topic.removeprefix(CONTENT).count("/") + below + sign + fragment


def _slashes(href: str) -> str:
    return href.strip().replace("\\", "/")
