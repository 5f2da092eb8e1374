"""The meaning of each HTML element in Markdown: a table from tag to rule.

A parser for another dialect (such as MadCap's) passes rules for its own tags, built from the same parts:
`{"madcap:keyword": DROPPED, "madcap:xref": RULES["a"]}`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from lxml.etree import _Element as Element

from bbj_assets.convert.html.block import Block, add_definition, add_term, adopt_strays, list_block, quote_blocks
from bbj_assets.convert.html.inline import Kind
from bbj_assets.convert.html.table import Cell, table_blocks
from bbj_assets.convert.html.writer import Writer, code_text

Step = Callable[[Writer, Element], None]


def _nothing(_writer: Writer, _element: Element) -> None:
    """Do nothing, as most elements do at their start or end."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an element does before and after its content.

    Attributes:
        enter: called before the content.
        leave: called after the content.
        visible: False leaves the element out with everything in it.
    """

    enter: Step = _nothing
    leave: Step = _nothing
    visible: bool = True


def _end_block(writer: Writer, _element: Element) -> None:
    writer.end_block()


DROPPED = Rule(visible=False)
INLINE = Rule()
"""The element contributes only its content."""
BLOCK = Rule(_end_block, _end_block)
"""The content is a block of its own."""


def marked(kind: Kind) -> Rule:
    """Return the rule that marks the content as strong, emphasised, struck out or code."""
    return Rule(lambda writer, _: writer.open(kind), lambda writer, _: writer.close(kind))


def _enter_strong(writer: Writer, element: Element) -> None:
    if not _is_light(element):
        writer.open("strong")


def _leave_strong(writer: Writer, element: Element) -> None:
    if not _is_light(element):
        writer.close("strong")


def _is_light(element: Element) -> bool:
    """Return whether a `b` is styled as not bold: word processors wrap whole paragraphs in such elements."""
    style = element.get("style")
    return style is not None and re.search(r"font-weight\s*:\s*(?:normal|400)\b", style) is not None


def heading(level: int) -> Rule:
    """Return the rule for a heading.

    Within a list, a cell or a quote it becomes a bold line, because there it divides nothing.
    """

    def leave(writer: Writer, element: Element) -> None:
        frame = writer.end(element)
        if frame is None or not frame.blocks:
            return
        text = " ".join(re.sub(r"\s*\n\s*", " ", block.text) for block in frame.blocks)
        if writer.frame.kind == "root":
            text = re.sub(r"(?<= )(#+)$", r"\\\1", text)  # otherwise `C #` would be read as `C`
            writer.frame.blocks.append(Block("heading", text, level=level))
        else:
            writer.frame.blocks.append(Block("text", text if "**" in text else f"**{text}**"))

    return Rule(lambda writer, element: writer.begin("heading", element), leave)


def _begin_list(writer: Writer, element: Element) -> None:
    writer.begin("list", element)


def _end_list(writer: Writer, element: Element) -> None:
    frame = writer.end(element)
    if frame is None:
        return
    adopt_strays(frame.items, frame.blocks)
    start = _integer(element, "start", 1) if _local(element) == "ol" else None
    block = list_block(frame.items, start=start)
    if block:
        writer.frame.blocks.append(block)


def _begin_item(writer: Writer, element: Element) -> None:
    writer.end_block()
    if writer.frame.kind == "list":
        adopt_strays(writer.frame.items, writer.frame.blocks)
    writer.begin("item", element)


def _end_item(writer: Writer, element: Element) -> None:
    frame = writer.end(element)
    if frame is None:
        return
    if writer.frame.kind == "list":
        writer.frame.items.append(frame.blocks)
    elif block := list_block([frame.blocks]):
        writer.frame.blocks.append(block)


def _begin_term(writer: Writer, element: Element) -> None:
    _begin_item(writer, element)
    writer.open("strong")


def _end_term(writer: Writer, element: Element) -> None:
    writer.close("strong")
    frame = writer.end(element)
    if frame and writer.frame.kind == "list":
        add_term(writer.frame.items, frame.blocks)
    elif frame:
        writer.frame.blocks += frame.blocks


def _end_definition(writer: Writer, element: Element) -> None:
    frame = writer.end(element)
    if frame and writer.frame.kind == "list":
        add_definition(writer.frame.items, frame.blocks)
    elif frame:
        writer.frame.blocks += frame.blocks


def _end_quote(writer: Writer, element: Element) -> None:
    frame = writer.end(element)
    if frame:
        writer.frame.blocks += quote_blocks(frame.blocks)


def _begin_row(writer: Writer, _element: Element) -> None:
    writer.end_block()
    writer.frame.rows.append([])


def _begin_cell(writer: Writer, element: Element) -> None:
    if writer.frame.kind == "table":
        writer.begin("cell", element)
    else:
        writer.end_block()


def _end_cell(writer: Writer, element: Element) -> None:
    frame = writer.end(element)
    if frame is None:
        return
    rows = writer.frame.rows
    if not rows:
        rows.append([])
    row_element = element.getparent()
    section = None if row_element is None else row_element.getparent()
    in_head = section is not None and _local(section) == "thead"
    cell = Cell(
        frame.blocks,
        header=in_head or _local(element) == "th",
        columns=max(_integer(element, "colspan", 1), 1),
        rows=max(_integer(element, "rowspan", 1), 1),
    )
    rows[-1].append(cell)


def _end_table(writer: Writer, element: Element) -> None:
    frame = writer.end(element)
    if frame:
        writer.frame.blocks += frame.blocks + table_blocks(frame.rows)


def _end_code_block(writer: Writer, element: Element) -> None:
    frame = writer.end(element)
    if frame:
        writer.code(code_text(frame.inline), language=language_of(element) or writer.code_language)


def language_of(element: Element) -> str:
    """Return the language that a `pre`, or the `code` in it, declares; empty if none."""
    for candidate in (element, *element.iterchildren("code")):
        classes = candidate.get("class") or ""
        found = re.search(r"\b(?:language|lang|brush)(?:-|:\s*)([\w+#.-]+)", classes)
        language = found[1] if found else candidate.get("data-lang") or candidate.get("data-language") or ""
        if language and re.fullmatch(r"[\w+#.-]+", language):
            return language.lower()
    return ""


def _enter_link(writer: Writer, element: Element) -> None:
    if target := writer.target(element.get("href")):
        writer.open("link", target)


def _leave_link(writer: Writer, element: Element) -> None:
    if writer.target(element.get("href")):
        writer.close("link")


def _enter_code(writer: Writer, element: Element) -> None:
    if target := _only_link(writer, element):
        writer.open("link", target)
    writer.open("code")


def _leave_code(writer: Writer, element: Element) -> None:
    writer.close("code")
    if _only_link(writer, element):
        writer.close("link")


def _only_link(writer: Writer, element: Element) -> str | None:
    """Return the target of `<code><a href=...>x</a></code>`: Markdown allows code in links, not links in code."""
    if len(element) != 1 or (element.text or "").strip() or (element[0].tail or "").strip():
        return None
    return writer.target(element[0].get("href")) if element[0].tag == "a" else None


def _raised(sign: str) -> Rule:
    """Return the rule that puts a sign before a short index or exponent: `2<sup>10</sup>` must not become 210."""

    def enter(writer: Writer, element: Element) -> None:
        if re.fullmatch(r"[+-]?\d+|[a-z]", "".join(map(str, element.itertext())).strip()):
            writer.text(sign)

    return Rule(enter)


def _image(writer: Writer, element: Element) -> None:
    if alt := element.get("alt"):
        writer.text(f" {alt} ")


def _rule_line(writer: Writer, _element: Element) -> None:
    writer.end_block()
    if writer.frame.kind in {"root", "item", "quote"} and writer.frame.blocks:
        writer.frame.blocks.append(Block("rule", "---"))


def _quotation_mark(writer: Writer, _element: Element) -> None:
    writer.text('"')


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _integer(element: Element, name: str, default: int) -> int:
    written = element.get(name)
    if written is None:
        return default
    return int(written) if re.fullmatch(r"\s*[0-9]{1,6}\s*", written) else default


_NEVER_SHOWN = """
    script style noscript template head title meta link base area map col colgroup iframe audio video svg canvas
    object embed datalist
"""
_BLOCKS = """
    p div section article aside main header footer nav address center details summary dialog fieldset legend figure
    figcaption form html body hgroup caption thead tbody tfoot option optgroup search menuitem textarea
"""
_LIST = Rule(_begin_list, _end_list)
_CODE = Rule(_enter_code, _leave_code)
_CODE_BLOCK = Rule(lambda writer, element: writer.begin("pre", element), _end_code_block)
_CELL = Rule(_begin_cell, _end_cell)

RULES: dict[str, Rule] = {
    **dict.fromkeys(_NEVER_SHOWN.split(), DROPPED),
    **dict.fromkeys(_BLOCKS.split(), BLOCK),
    **dict.fromkeys(("b", "strong"), Rule(_enter_strong, _leave_strong)),
    **dict.fromkeys(("i", "em", "var", "cite", "dfn"), marked("em")),
    **dict.fromkeys(("s", "del", "strike"), marked("strike")),
    **dict.fromkeys(("code", "kbd", "samp", "tt"), _CODE),
    **dict.fromkeys(("pre", "xmp", "listing", "plaintext"), _CODE_BLOCK),
    **dict.fromkeys(("ul", "ol", "menu", "dir", "dl"), _LIST),
    **{f"h{level}": heading(level) for level in range(1, 7)},
    "a": Rule(_enter_link, _leave_link),
    "sup": _raised("^"),
    "sub": _raised("_"),
    "q": Rule(_quotation_mark, _quotation_mark),
    "br": Rule(lambda writer, _: writer.line_break()),
    "hr": Rule(_rule_line),
    "img": Rule(_image),
    "li": Rule(_begin_item, _end_item),
    "dt": Rule(_begin_term, _end_term),
    "dd": Rule(_begin_item, _end_definition),
    "blockquote": Rule(lambda writer, element: writer.begin("quote", element), _end_quote),
    "table": Rule(lambda writer, element: writer.begin("table", element), _end_table),
    "tr": Rule(_begin_row, _end_block),
    "td": _CELL,
    "th": _CELL,
}
"""The rule of each HTML tag; a tag that is not here counts as INLINE."""
