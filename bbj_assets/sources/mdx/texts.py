"""The texts that expressions, attributes and small pieces of MDX put on a page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from bbj_assets.sources.mdx import elements
from bbj_assets.sources.mdx.jsx import Tag, attribute_text, expression_text, is_script
from bbj_assets.sources.mdx.output import Output
from bbj_assets.sources.mdx.page import Page, Scope

MAY_BE_MARKUP = re.compile(r"[<{&`!\\]")
"""Text without any of these characters is the same in MDX and in Markdown."""

_TAG_LIKE = re.compile(r"<(?=[A-Za-z/!])")
_ELEMENT_INSIDE = re.compile(r"<[A-Za-z>]")
_MAX_DEPTH = 8


class Render(Protocol):
    """The function `render` of `bbj_assets.sources.mdx.render`, which itself needs this module."""

    def __call__(self, text: str, scope: Scope, page: Page, *, depth: int) -> str:
        """Return Markdown for the MDX in `text`."""
        ...


class Caption(NamedTuple):
    """The attributes that a component shows: its title, and other texts."""

    title: str
    texts: Sequence[str] = ()


NO_CAPTION = Caption("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Reads the texts of one file.

    Attributes:
        scope: the meaning of names in the file.
        page: the page that is rendered.
        depth: the number of texts around this one that are being rendered.
        render: renders a text within this one.
    """

    scope: Scope
    page: Page
    depth: int
    render: Render

    def inner(self, source: str, *, in_script: bool = False) -> str:
        """Return Markdown for a piece of the page: a cell, a title, JSX in an expression."""
        if not MAY_BE_MARKUP.search(source):
            return source.strip()
        if self.depth >= _MAX_DEPTH:
            return elements.attribute_markup_removed(source)
        scope = replace(self.scope, in_script=True) if in_script else self.scope
        return self.render(source.strip(), scope, self.page, depth=self.depth + 1)

    def expression(self, code: str) -> str | None:
        """Return the text that an expression puts on the page; None when it is no expression but words in braces."""
        value = expression_text(code, self.scope.values)
        if value is not None:
            return _TAG_LIKE.sub(r"\\<", value)
        element = _ELEMENT_INSIDE.search(code)
        end = code.rfind(">") + 1
        if element and end > element.start():
            return self.inner(code[element.start() : end], in_script=True)
        return "" if is_script(code, self.scope.knows) else None

    def attribute(self, tag: Tag, name: str) -> str:
        """Return the text of an attribute as one line; empty when it is a switch or a script."""
        value = tag.attributes.get(name, "")
        text = attribute_text(value, self.scope.values)
        if not text and value.startswith("{") and _ELEMENT_INSIDE.search(value):
            text = self.expression(value[1:-1]) or ""
        return "" if text in {"", "true", "false"} else elements.attribute_markup_removed(text)

    def caption(self, name: str, tag: Tag, output: Output) -> Caption:
        """Return the texts that a component shows.

        Args:
            name: the name of the component as the tables of `elements` spell it.
            tag: its opening tag.
            output: knows the labels that open tabs give to their values.
        """
        is_html = name in elements.INLINE or name in elements.BLOCKS
        if name in elements.SILENT or (is_html and name not in elements.TITLED):
            return NO_CAPTION
        if elements.SHOWN.isdisjoint(tag.attributes) and name != "Admonition":
            return NO_CAPTION
        if name == "DocChip":
            return Caption(elements.chip_text({key: self.attribute(tag, key) for key in ("chip", "label")}))
        if name == "TabItem":
            value = self.attribute(tag, "value")
            return Caption(self.attribute(tag, "label") or output.tab_label(value))
        title = next(filter(None, (self.attribute(tag, key) for key in elements.TITLES)), "")
        if name == "Admonition":
            heading = elements.admonition_heading(self.attribute(tag, "type") or "note", title=title)
            return Caption(heading.strip("*"))
        texts = dict.fromkeys(filter(None, (self.attribute(tag, key) for key in elements.TEXTS)))
        return Caption(title, [text for text in texts if text != title])
