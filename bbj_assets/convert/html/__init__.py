"""HTML to Markdown: one converter for every source that holds HTML.

It keeps every visible word, in order, and nothing that a browser would not show. Ready-made converters walk the tree
by recursion, so that a page of a thousand unclosed tags crashes them, and they lose cells of tables with spans;
docs/decisions.md has the comparison.

    parse_html ──▶ tree ──rules──▶ Writer (frames of blocks and runs of text) ──▶ Markdown

Does not belong here: the tags of one dialect (a parser passes its own `rules`), and cutting pages into chunks
(`chunking`).
"""

import html
import re
from collections.abc import Mapping

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.convert.html.block import Block, join
from bbj_assets.convert.html.inline import paragraphs
from bbj_assets.convert.html.rules import BLOCK, DROPPED, INLINE, RULES, Rule, heading, marked
from bbj_assets.convert.html.text import code_span, escape, fence, link
from bbj_assets.convert.html.writer import Writer

__all__ = [
    "BLOCK",
    "DROPPED",
    "INLINE",
    "RULES",
    "Rule",
    "Writer",
    "code_span",
    "escape",
    "fence",
    "heading",
    "link",
    "marked",
    "parse_html",
    "to_markdown",
]

_PAGE_END = re.compile(r"</(?:body|html)\s*>", re.IGNORECASE)
_PAGE_END_BYTES = re.compile(_PAGE_END.pattern.encode(), re.IGNORECASE)
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\ufffe\uffff]")
"""Characters that libxml2 accepts, but that make lxml refuse to move text within the tree."""
_STRUCTURE = re.compile(r"</?(?!/|(?:p|br|pre|code|script|style|template|noscript)\b)[a-zA-Z][^<>]*>")
"""Every tag except those that separate paragraphs, mark code, or hold what a browser does not show."""
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)
_IN_CODE = frozenset({"br", "img"})
"""Tags that keep their own rule within a block of code."""


def to_markdown(
    source: str | bytes | Element,
    *,
    base_url: str | None = None,
    code_language: str = "",
    top_heading: int | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> str:
    """Return the visible content of a page, a fragment or an element (without its tail) as Markdown.

    Args:
        source: text of any quality, bytes that declare their encoding, or a tree of lxml (HTML or XML).
        base_url: relative links are resolved against it; without it they stay relative.
        code_language: the language of code blocks that name none.
        top_heading: the new level of the highest heading; the others keep their distance to it. Without it,
            levels stay.
        rules: rules for tags in lower case, with their prefix (`madcap:keyword`); added to `RULES`, or replacing
            entries of it.
    """
    if isinstance(source, str):
        if "<" not in source and "&" not in source:
            return "\n\n".join(paragraphs([source]))
        source = parse_html(source)
    elif isinstance(source, bytes):
        source = parse_html(source)
    writer = Writer(base_url=base_url, code_language=code_language)
    _walk(source, writer, {**RULES, **rules} if rules else RULES)
    return join(_levelled(writer.frame.blocks, top_heading))


def parse_html(source: str | bytes) -> Element:
    """Parse any markup, however broken. No network is used; comments and processing instructions are dropped.

    A page that is nested deeper than libxml2 allows is parsed a second time without most of its tags, because a flat
    page is better than half of one.
    """
    if isinstance(source, str):
        encoding: str | None = "utf-8"
        # Without removing these end tags, text after </body> would be lost.
        source = _NOT_XML.sub("", source.replace("\f", " "))
        page = _PAGE_END.sub("", source).encode("utf-8", "replace")
    else:
        encoding, page = None, _PAGE_END_BYTES.sub(b"", source)
    root, complete = _parse(page, encoding)
    if not complete:
        text = page.decode(encoding or "utf-8", "replace")
        root, _ = _parse(_STRUCTURE.sub(" ", text).encode(), "utf-8")
    return root


def _parse(page: bytes, encoding: str | None) -> tuple[Element, bool]:
    """Return the tree, and whether it holds the whole page: libxml2 stops at 2,048 levels."""
    parser = etree.HTMLParser(encoding=encoding, huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(page, parser)
    except etree.LxmlError:  # an empty document, or only comments
        root = None
    if root is None:
        return etree.Element("html"), True
    stopped = any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log)
    return root, not stopped


def _walk(root: Element, writer: Writer, rules: Mapping[str, Rule]) -> None:
    """Apply the rules to the tree in the order of the document.

    An element is pushed back below its children, with its rule, so that the rule can `leave` it after them.
    """
    pending: list[tuple[Element, Rule | None]] = [(root, None)]
    while pending:
        element, rule = pending.pop()
        if rule is not None:
            rule.leave(writer, element)
        else:
            rule = _rule(element, writer, rules)
            if rule.visible:
                rule.enter(writer, element)
                if text := element.text:
                    writer.text(text)
                if len(element):
                    pending.append((element, rule))
                    pending.extend([(child, None) for child in element.iterchildren(reversed=True)])
                    continue
                rule.leave(writer, element)
        if element is not root and (tail := element.tail):
            writer.text(tail)
    writer.end_block()


def _rule(element: Element, writer: Writer, rules: Mapping[str, Rule]) -> Rule:
    """Return the rule that applies to an element here: a hidden one is dropped, and code holds lines and text only."""
    tag = element.tag
    if not isinstance(tag, str):
        if tag is etree.Entity:  # of XML that is read without its DTD
            writer.text(html.unescape(element.text or ""))
        return DROPPED
    rule = rules.get(tag)
    if rule is None:
        tag = tag.rpartition("}")[2].lower()
        rule = rules.get(f"{element.prefix}:{tag}".lower() if element.prefix else tag, INLINE)
    if rule.visible and element.attrib and _is_hidden(element):
        return DROPPED
    if writer.in_code_block and rule is not INLINE and rule.visible and tag not in _IN_CODE:
        return BLOCK if rule is BLOCK or tag in {"li", "tr"} else INLINE
    return rule


def _is_hidden(element: Element) -> bool:
    if "hidden" in element.attrib:
        return True
    style = element.get("style")
    return style is not None and _HIDDEN.search(style) is not None


def _levelled(blocks: list[Block], top_heading: int | None) -> list[Block]:
    """Return the blocks with their headings moved so that the highest has level `top_heading`."""
    levels = [block.level for block in blocks if block.level]
    if not levels or top_heading is None:
        return blocks
    shift = top_heading - min(levels)
    return [
        Block(block.kind, block.text, level=min(block.level + shift, 6)) if block.level else block for block in blocks
    ]
