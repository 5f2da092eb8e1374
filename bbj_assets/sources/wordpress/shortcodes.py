"""Shortcodes that WordPress left in its HTML: `[gallery ids="1,2"]`, `[caption ...]text[/caption]`.

A plugin that was uninstalled leaves its shortcodes in the articles as plain text. They look like the optional arguments
in manuals, `OPEN(channel[,ERR=label])` and `[mode]`. So only certain ones are removed: a name that WordPress or a page
builder uses, attributes in quotes, or a pair of tags. The text between the tags stays.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml.etree import _Element as Element

_TAG = re.compile(
    r"\[(?P<end>/?)(?P<name>[a-z][a-z0-9_-]{0,60})(?P<attributes>(?:\s[^\[\]]{0,4000}?)?)(?P<closed>/?)\]"
)
_QUOTES = "\"'“”„″‘’′"  # noqa: RUF001 - WordPress turns quotes outside of shortcodes it knows into typographic ones
_QUOTED = re.compile(rf"\s[\w-]+=[{_QUOTES}]")
_ATTRIBUTE = re.compile(r"\s[\w-]+=\S")
_ALONE = frozenset({"gallery", "playlist"})
_CORE = frozenset({"audio", "caption", "embed", "gallery", "playlist", "video", "wp_caption"})
_BUILDERS = re.compile(
    r"(?:vc|et_pb|fusion|su|av|cs|tatsu|wpb|mk|nectar|us|elementor|epkb|eckb|elay|learn_press|wpforms|gravityforms?|"
    r"ninja_forms?|contact-form|rev_slider|smartslider|metaslider|wpdm|woocommerce)(?:[_-]\w+|-?\d)*$"
)
_ENCODED = re.compile(r"\[(vc_raw_(?:html|js))[^\[\]]*\][\w+/=%\s]*\[/\1\]")
"""HTML that a page builder stores in Base64."""

_CODE = frozenset({"pre", "code", "kbd", "samp", "tt", "xmp", "listing", "plaintext", "script", "style"})


class _Text(NamedTuple):
    element: Element
    is_tail: bool

    @property
    def value(self) -> str:
        return (self.element.tail if self.is_tail else self.element.text) or ""

    def replace(self, value: str) -> None:
        if self.is_tail:
            self.element.tail = value
        else:
            self.element.text = value


def remove_shortcodes(root: Element) -> None:
    """Remove the shortcodes from the texts below the element, except in code."""
    texts = [text for text in _texts(root) if "[" in text.value]
    tags = [tag for text in texts for tag in _TAG.finditer(text.value)]
    closed = {tag["name"] for tag in tags if tag["end"]}
    paired = closed & {tag["name"] for tag in tags if not tag["end"]}
    for text in texts:
        kept = _TAG.sub(lambda tag: " " if _is_shortcode(tag, paired) else tag[0], _ENCODED.sub(" ", text.value))
        if kept != text.value:
            text.replace(kept)


def _is_shortcode(tag: re.Match[str], paired: set[str]) -> bool:
    name, attributes = tag["name"], tag["attributes"]
    if name in paired or name in _ALONE or _BUILDERS.match(name) or _QUOTED.search(attributes):
        return True
    if name in _CORE:
        return bool(tag["end"] or attributes)
    return bool(tag["closed"] and _ATTRIBUTE.search(attributes))


def _texts(root: Element) -> Iterator[_Text]:
    inside_code: set[Element] = set()
    for element in root.iter():
        parent = element.getparent()
        in_code = parent is not None and parent in inside_code
        if in_code or element.tag in _CODE:
            inside_code.add(element)
        else:
            yield _Text(element, is_tail=False)
        if element is not root and not in_code:
            yield _Text(element, is_tail=True)
