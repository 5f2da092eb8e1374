"""The title of a topic: its `<title>`, else its first heading. 47 topics of 812 have no `<title>`."""

import re
from collections.abc import Callable, Iterator

from lxml.etree import _Element as Element

from bbj_assets.sources.flare.conditions import Selection, condition_names
from bbj_assets.sources.flare.elements import is_dropped
from bbj_assets.sources.flare.markup import conditions_of, plain, tag_of
from bbj_assets.sources.flare.references import replace_references

_HEADING = re.compile(r"h[1-6]")
_BLOCKS = frozenset({"p", "div", "br", "li", "tr"})


def title_of(root: Element, value: Callable[[str], str], selection: Selection) -> str:
    """Return the title on one line; empty when there is neither a `<title>` nor a heading with words.

    Args:
        root: the root of a topic, before or after its expansion.
        value: returns the value of a variable by its name.
        selection: headings that it leaves out are skipped.
    """
    candidates = [child for head in root if tag_of(head) == "head" for child in head if tag_of(child) == "title"]
    for element in candidates:
        if found := plain(replace_references("".join(map(str, element.itertext())), value)):
            return found
    pending = [root]
    while pending:
        element = pending.pop()
        tag = tag_of(element)
        if not selection.keeps(condition_names(conditions_of(element))) if element.attrib else False:
            continue
        if _HEADING.fullmatch(tag):
            if found := plain(replace_references("".join(_words(element, value, selection)), value)):
                return found
        elif tag != "head":
            pending.extend(element.iterchildren(reversed=True))
    return ""


def title_of_file(path: str) -> str:
    """Return a title for a topic without a title and without headings.

    >>> title_of_file("Content/usr/printing_to_pdf.htm")
    'printing to pdf'
    """
    name = path.rpartition("/")[2]
    return plain(name.rpartition(".")[0].replace("_", " ")) or name


def _words(heading: Element, value: Callable[[str], str], selection: Selection) -> Iterator[str]:
    pending: list[Element | str] = [heading]
    while pending:
        element = pending.pop()
        if isinstance(element, str):
            yield element
            continue
        tag = tag_of(element)
        if element is not heading and element.tail:
            pending.append(element.tail)
        if element.attrib and not selection.keeps(condition_names(conditions_of(element))):
            continue
        if tag == "madcap:variable":
            yield value(element.get("name") or "")
        elif not (tag.startswith("madcap:") and is_dropped(tag[7:], well_formed=True)):
            pending.extend(element.iterchildren(reversed=True))
            yield f" {element.text or ''}" if tag in _BLOCKS else element.text or ""
