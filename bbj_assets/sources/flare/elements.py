"""Flare's own elements as HTML: one table, so that the converter of HTML does the rest.

`keyword` and `concept` are entries of an index. The proxies are places where a build puts its menus. Micro content
is an answer for a search box that repeats the topic. Of a popup, only the head stays. Of text that opens on a click
(togglers, drop-downs, expanding text), all stays, because readers read it.
"""

from lxml.etree import _Element as Element

from bbj_assets.sources.flare.markup import blank, madcap, tag_of

MARKS = frozenset({"keyword", "concept", "indexterm"})
"""Elements without text in a well-formed file. In a malformed one they may hold the text that follows them."""

_GONE = frozenset(
    {"popupbody", "microcontent", "codesnippetcopybutton", "conceptlink", "keywordlink", "helpcontrolmenu"}
)

_HTML = {
    "xref": "a",
    "topicpopup": "a",
    "shortcut": "a",
    "relatedtopic": "a",
    "relatedtopics": "ul",
    "dropdown": "div",
    "dropdownhead": "div",
    "dropdownhotspot": "b",
    "dropdownbody": "div",
    "codesnippet": "div",
    "codesnippetcaption": "p",
    "codesnippetbody": "pre",
    "section": "div",
    "slideshow": "div",
    "slide": "div",
    "slidecaption": "p",
    "multiplechoice": "div",
    "multipleresponse": "div",
    "questiontext": "p",
    "answer": "p",
}
"""All other elements become `span`: toggler, glossaryTerm, annotation, conditionalText, popup, equation..."""

_BETWEEN = {"msup": "^", "msub": "_", "mfrac": "/"}
MATHEMATICS = (*_BETWEEN, "annotation", "annotation-xml")
"""Elements of MathML that matter for the text. Its annotations repeat the formula."""
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def is_dropped(name: str, *, well_formed: bool) -> bool:
    """Return whether an element of Flare is dropped with its content.

    Args:
        name: in lower case, without its prefix.
        well_formed: whether the file is well-formed. If not, a mark that was never closed holds the rest of its page.
    """
    if name in MARKS or name.endswith("proxy"):
        return well_formed
    return name in _GONE


def to_html(element: Element, name: str) -> None:
    """Turn an element of Flare into HTML, in place. Its content stays."""
    element.tag = _HTML.get(name, "span")
    match name:
        case "dropdownhotspot":
            parent = element.getparent()
            if parent is not None and tag_of(parent) in _HEADINGS:
                element.tag = "span"
        case "relatedtopic":
            element.set("href", element.get("src") or element.get("href") or "")
            item = element.makeelement("li")
            parent = element.getparent()
            if parent is not None:
                parent.replace(element, item)
                item.tail, element.tail = element.tail, None
                item.append(element)
        case "expandingbody":
            element.text = f" {element.text or ''}"
        case "footnote" | "footnoteblock":
            for child in element:
                child.tag = "span" if tag_of(child) == "p" else child.tag
            _wrap(element, before=" (", after=")")
        case "codesnippetbody":
            language = _style(element, "mc-code-lang")
            if language:
                element.set("class", f"language-{language}")


def to_plain_math(element: Element) -> None:
    """Put a sign between the parts of a formula, which would otherwise read `x2` for a square."""
    sign = _BETWEEN.get(tag_of(element))
    if sign is None:
        blank(element)
    elif len(element):
        element[0].tail = sign


def show_toggled(element: Element) -> None:
    """Show an element that is hidden until a reader clicks on its toggler."""
    if element.get("style") and madcap(element, "targetName"):
        del element.attrib["style"]


def continue_numbering(items: Element) -> None:
    """Continue the numbers of the list before a list that says so."""
    if (madcap(items, "continue") or "").lower() != "true" or items.get("start"):
        return
    previous = next((one for one in items.itersiblings(preceding=True) if tag_of(one) == "ol"), None)
    if previous is not None:
        start = previous.get("start") or "1"
        count = sum(tag_of(child) == "li" for child in previous)
        if start.isascii() and start.isdigit() and len(start) < 7:
            items.set("start", str(int(start) + count))


def _wrap(element: Element, *, before: str, after: str) -> None:
    element.text = f"{before}{(element.text or '').lstrip()}"
    if len(element):
        element[-1].tail = f"{element[-1].tail or ''}{after}"
    else:
        element.text += after


def _style(element: Element, name: str) -> str:
    for part in (element.get("style") or "").split(";"):
        key, _, value = part.partition(":")
        if key.strip().lower() == name:
            return value.strip().strip("'\"").lower().replace(" ", "")
    return ""
