"""HTML in, Markdown out: one converter for every source that holds HTML.

Ready-made converters were not fit: they escape every underscore (so `BBJ_HOME` is no longer found),
recurse (a page of a thousand unclosed tags ends them), and lose cells of tables with spans. This one keeps every
visible word, in order, and nothing that a browser would not show.

    html.parse ──▶ tree ──rules──▶ Writer (frames of blocks and runs of text) ──▶ Markdown
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
"""Characters that libxml2 reads, and lxml then refuses to move within the tree."""
_STRUCTURE = re.compile(r"</?(?!/|(?:p|br|pre|code|script|style|template|noscript)\b)[a-zA-Z][^<>]*>")
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)
_IN_CODE = frozenset({"br", "img"})


def to_markdown(
    source: str | bytes | Element,
    *,
    base_url: str | None = None,
    code_language: str = "",
    top_heading: int | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> str:
    """The visible content of a page, a fragment or an element (without its tail) as Markdown.

    Args:
        source: text of any quality, bytes that declare their encoding, or a tree of lxml (HTML or XML).
        base_url: what relative links are resolved against; without it they stay relative.
        code_language: of code blocks that do not say their own.
        top_heading: the level that the highest heading gets, the others below it as they were; without it
            levels stay.
        rules: for tags in lower case, with their prefix (`madcap:keyword`), beyond or instead of `RULES`.
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
    """Parse leniently, without network, comments and processing instructions; never raises for bad markup."""
    if isinstance(source, str):
        encoding: str | None = "utf-8"
        # What follows </body> would be lost, and these two end tags mean nothing else.
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
    """The tree, and whether all of the page is in it: libxml2 stops at 2,048 levels."""
    parser = etree.HTMLParser(encoding=encoding, huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(page, parser)
    except etree.LxmlError:  # a document that is empty, or nothing but comments
        root = None
    if root is None:
        return etree.Element("html"), True
    stopped = any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log)
    return root, not stopped


def _walk(root: Element, writer: Writer, rules: Mapping[str, Rule]) -> None:
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
    levels = [block.level for block in blocks if block.level]
    if not levels or top_heading is None:
        return blocks
    shift = top_heading - min(levels)
    return [
        Block(block.kind, block.text, level=min(block.level + shift, 6)) if block.level else block for block in blocks
    ]
