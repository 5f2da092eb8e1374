"""What Flare's build makes of a topic that a reader does not see: lists as tables, code as rows of paragraphs.

The styles of a Flare project keep their names in its output, so what a class says there it says here.
"""

import re

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.sources.flare.code import is_code, join_paragraphs, name_language, name_span
from bbj_assets.web.markup import words

_AUTO_NUMBER = re.compile(r"AutoNumber_")
_NUMBER = re.compile(r"(\d{1,6})[.):]?")


def normalise(region: Element) -> None:
    """Give lists and code the tags that they would have, in place."""
    for table in list(region.iter("table")):
        if _AUTO_NUMBER.match(table.get("class") or ""):
            _list_of(table)
    for span in list(region.iter("span")):
        name_span(span)
    for pre in region.iter("pre"):
        name_language(pre)
    join_paragraphs([paragraph for paragraph in region.iter("p") if is_code(paragraph)])


def _list_of(table: Element) -> None:
    """Make a list item of a table of one row: a cell with the bullet or the number, and one with the text."""
    parent = table.getparent()
    if parent is None or next(table.iterdescendants("table"), None) is not None:
        return
    cells = [cell for cell in table.iter("td") if words(cell)]
    if len(cells) != 2:
        return
    sign, content = words(cells[0]), cells[1]
    number = _NUMBER.fullmatch(sign)
    content.tag = "li"
    if not number and any(map(str.isalnum, sign)):  # a letter, `Note:`
        content.text = f"{sign} {(content.text or '').lstrip()}"
    previous = table.getprevious()
    if previous is not None and previous.get("data-from") == "AutoNumber" and not (previous.tail or "").strip():
        items = previous
        items.tail = table.tail
        parent.remove(table)
    else:
        items = etree.Element("ol" if number else "ul", {"data-from": "AutoNumber"})
        if number:
            items.set("start", number[1])
        items.tail = table.tail
        parent.replace(table, items)
    content.tail = None
    items.append(content)
