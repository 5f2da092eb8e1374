"""What Flare's own elements are in HTML: one table, so that the converter of HTML does the rest.

`keyword` and `concept` are marks of an index, the proxies are where a build puts its menus, micro content is an
answer for a search box that repeats the topic. Of a popup the head stays; of whatever opens when it is clicked
(togglers, drop-downs, expanding text) all stays, since its reader reads it.
"""

from lxml.etree import _Element as Element

from bbj_assets.sources.flare.markup import blank, tag_of

MARKS = frozenset({"keyword", "concept", "indexterm"})
"""Elements that hold no text in a well-formed file; in a malformed one they may have swallowed what follows them."""

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
"""The others are `span`: toggler, glossaryTerm, annotation, conditionalText, popup, equation..."""

_BETWEEN = {"msup": "^", "msub": "_", "mfrac": "/"}
MATHEMATICS = (*_BETWEEN, "annotation", "annotation-xml")
"""Elements of MathML that mean something for the text; its annotations say the formula once more."""
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def is_dropped(name: str, *, well_formed: bool) -> bool:
    """Whether an element of Flare's goes with all that is in it.

    Args:
        name: in lower case, without its prefix.
        well_formed: whether the file is; if not, a mark that was never closed holds the rest of its page.
    """
    if name in MARKS or name.endswith("proxy"):
        return well_formed
    return name in _GONE


def to_html(element: Element, name: str) -> None:
    """Make an element of Flare's one of HTML, in place, with its content."""
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
            _wrap(element, " (", ")")
        case "codesnippetbody":
            language = _style(element, "mc-code-lang")
            if language:
                element.set("class", f"language-{language}")


def to_plain_math(element: Element) -> None:
    """Put the sign between the parts of a formula that would read `x2` for a square."""
    sign = _BETWEEN.get(tag_of(element))
    if sign is None:
        blank(element)
    elif len(element):
        element[0].tail = sign


def _wrap(element: Element, before: str, after: str) -> None:
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
