"""Reading and editing trees of Beautiful Soup: the counterpart of `markup`, which does it for trees of lxml."""

from collections.abc import Iterable

from bs4 import Tag
from bs4.element import CData, NavigableString, RubyParenthesisString, RubyTextString

from bbj_assets.convert.html.text import visible

_TEXTS = (NavigableString, CData, RubyTextString, RubyParenthesisString)
"""The classes of visible text. Scripts, styles, templates and comments have classes of their own."""


def words(tag: Tag) -> str:
    """Return the text of a tag on one line, without scripts and zero-width characters."""
    texts = [
        " " if isinstance(node, Tag) and node.name == "br" else str(node)
        for node in tag.descendants
        if type(node) in _TEXTS or (isinstance(node, Tag) and node.name == "br")
    ]
    return " ".join(visible("".join(texts)).split())


def attribute(tag: Tag, name: str) -> str:
    """Return the value of an attribute; empty without one."""
    value = tag.get(name)
    return value if isinstance(value, str) else ""


def classes(tag: Tag) -> list[str]:
    """Return the names in a tag's `class`."""
    return attribute(tag, "class").split()


def remove(tags: Iterable[Tag]) -> None:
    """Remove tags from their tree, but keep the text that follows them."""
    for tag in tags:
        tag.extract()
