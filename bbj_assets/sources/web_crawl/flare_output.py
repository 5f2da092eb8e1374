"""Lists and code of Flare's output: its build turns them into tables and rows of paragraphs; here they turn back.

The styles of a Flare project keep their names in its output, so a class means there what it means in the project.
"""

import re

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.sources.flare.code import is_code, join_paragraphs, name_language, name_span
from bbj_assets.web.markup import words

_AUTO_NUMBER = re.compile(r"AutoNumber_")
_NUMBER = re.compile(r"(\d{1,6})[.):]?")


def normalise(region: Element) -> None:
    """Replace Flare's markup of lists and code by the elements of HTML, in place."""
    for table in list(region.iter("table")):
        if _AUTO_NUMBER.match(table.get("class") or ""):
            _replace_by_list(table)
    for span in list(region.iter("span")):
        name_span(span)
    for pre in region.iter("pre"):
        name_language(pre)
    join_paragraphs([paragraph for paragraph in region.iter("p") if is_code(paragraph)])


def _replace_by_list(table: Element) -> None:
    """Turn a table of one row, with a cell for the bullet or number and one for the text, into a list item."""
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
