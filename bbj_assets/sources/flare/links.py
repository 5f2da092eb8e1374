"""The targets of links: pages of the published help, not files of the project."""

import re
from urllib.parse import quote, unquote, urljoin

from bbj_assets.sources.files import resolve

CONTENT = "Content/"
"""The folder of a project that a build publishes."""

_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//")
"""The start of a URL with a scheme or a host. Such a link does not lead to a file of the project."""
_UNESCAPED = "/~!$&'()*+,;=:@"
"""Characters that a path in a URL may hold as they are (RFC 3986, 3.3), besides letters, digits and `-._`."""


def linked_file(href: str, *, path: str) -> str | None:
    """Return the target of a link in the file `path` as a path in the project; None if it leads out of the project.

    >>> linked_file("../usr/a%20b.htm#top", path="Content/dwc/c.htm")
    'Content/usr/a b.htm'
    """
    target = _slashes(href).partition("#")[0]
    if not target or _ABSOLUTE.match(target):
        return None
    return resolve(path, unquote(target))


def published_link(href: str, *, path: str, topic: str, pages: str) -> str:
    """Return the address to show for a link; empty if the link leads to no other published page.

    >>> published_link("../usr/a b.htm#top", path="Content/dwc/c.htm", topic="Content/dwc/c.htm", pages="")
    '../usr/a%20b.htm#top'

    Args:
        href: the link as it is written.
        path: the file that the link is written in: the topic, or a snippet.
        topic: the path of the topic that shows the link.
        pages: the published address of Content; if empty, a link stays relative to the topic.
    """
    if _ABSOLUTE.match(href.strip()):
        return href
    target = linked_file(href, path=path)
    if target is None or target == topic or not target.startswith(CONTENT):
        return ""
    _, sign, fragment = _slashes(href).partition("#")
    below = quote(target.removeprefix(CONTENT), safe=_UNESCAPED, errors="replace")
    if pages:
        return urljoin(pages, f"./{below}") + sign + fragment
    return "../" * topic.removeprefix(CONTENT).count("/") + below + sign + fragment


def _slashes(href: str) -> str:
    return href.strip().replace("\\", "/")
