"""Reading and editing trees of elements, independent of what the elements mean."""

import re
from collections.abc import Iterator

from lxml.etree import _Element as Element

from bbj_assets.convert.html.text import visible

_SPECIAL = ("script", "style", "template", "br")
_FLARE = re.compile(r"data-mc-|madcap:|\{[^}]*\}|-")


def words(element: Element) -> str:
    """Return the text of an element on one line, without scripts and zero-width characters."""
    if next(element.iter(*_SPECIAL), None) is None:
        text = "".join(map(str, element.itertext()))
    else:
        text = "".join(_texts(element))
    return " ".join(visible(text).split())


def _texts(element: Element) -> Iterator[str]:
    pending = [(element, True)]
    while pending:
        node, enters = pending.pop()
        if not enters:
            yield node.tail or ""
        elif isinstance(node.tag, str) and node.tag not in ("script", "style", "template"):
            yield " " if node.tag == "br" else node.text or ""
            for child in node.iterchildren(reversed=True):
                pending += [(child, False), (child, True)]


def classes(element: Element) -> list[str]:
    """Return the names in an element's `class`."""
    return (element.get("class") or "").split()


def flare_attribute(root: Element, name: str) -> str | None:
    """Return an attribute that Flare writes into a page: `data-mc-toc-path` in HTML5, `MadCap:tocPath` before that.

    Args:
        name: in lower case and without hyphens: `tocpath`.
    """
    for key, value in root.attrib.items():
        if str(key).lower() != name and _FLARE.sub("", str(key).lower()) == name:
            return str(value)
    return None


def remove(element: Element) -> None:
    """Remove an element from its tree, but keep the text that follows it."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)
