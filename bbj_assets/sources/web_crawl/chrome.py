"""Removing the parts of a page that are not content: navigation, search boxes, breadcrumbs, buttons.

They are removed from the tree before the tree is written as Markdown. Conversely, text that a script would show on
request (the body of a drop-down) is made visible.
"""

import re
from collections.abc import Callable, Collection, Sequence

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.web.markup import classes, remove, words

_TAGS = frozenset({"nav", "select", "dialog"})
_ROLES = frozenset(
    {"navigation", "search", "banner", "contentinfo", "menu", "menubar", "toolbar", "dialog", "alertdialog"}
)
_CLASSES = re.compile(
    r"""
      mc(?:breadcrumbs|webhelpframesetlink|textpopup(?:body|arrow)|popupbody|popupthumbnail_?popup)\w*
    | mc-component | _skins_\w+
    | breadcrumbs?(?:[-_]\w+)* | (?:site-?)?search-?(?:bar|box|form|field|input|container|wrapper|results)(?:-\w+)*
    | nav-?search(?:-\w+)* | table-of-contents | toc | on-this-page | page-toc
    | nocontent | topic-?toolbar\w* | topic-buttons | side-?nav(?:igation)?(?:-(?:wrapper|container|menu))?
    | side-?bar(?:-(?:left|right|nav|menu|toc))? | off-canvas(?:-(?:list|menu|accordion|toggle))?
    | (?:left|right)-off-canvas-(?:menu|toggle) | title-bar(?:-container)? | nav-?bar(?:-\w+)*
    | (?:main|top|site|global|page)-(?:nav|navigation|menu)
    | pagination(?:-\w+)* | pager | prev-?next | page-?nav | central-account-\w+
    | (?:cookie|consent)-?(?:banner|notice|bar|consent) | edit-(?:this-)?page | share-(?:buttons|links)
    | codesnippetcopybutton | copy-?(?:button|btn|code)(?:-\w+)* | (?:btn|button)-copy | clipboard(?:-\w+)*
    | skip-(?:to-\w+|link|nav) | sr-only(?:-\w+)? | visually-?hidden | screen-reader-text | invisible-label
    | material-icons(?:-\w+)* | material-symbols-\w+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MENU = re.compile(r"(?:mc)?mini-?toc\w*", re.IGNORECASE)
_FOOTER = re.compile(r"(?:[a-z]+[-_])*(?:footer\d?|copyright)(?:[-_][a-z]+)*", re.IGNORECASE)
_COPYRIGHT = re.compile(r"[\W_]*(?:©|copyright\b.{0,20}?(?:©|\(c\)|\b(?:19|20)\d\d\b))", re.IGNORECASE)
_LONGEST_COPYRIGHT = 800
_NO_TEXT = frozenset({"script", "style", "template"})
_BLOCKS = frozenset({"p", "div", "table", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "section", "hr"})
_ICON = re.compile(r"\bMC\w+_Image_Icon\b")
_REVEALED = re.compile(r"\b(?:MCDropDownBody|MCExpandingBody|MCTogglerBody|dropDownBody|expandingBody)\b")
_BUTTON_WORDS = frozenset(
    {"", "copy", "copied", "copy code", "copy to clipboard", "print", "menu", "search", "close", "open", "next", "top"}
    | {"previous", "expand", "collapse", "expand all", "collapse all", "toggle", "share", "edit", "back to top"}
)
_ANCHOR_SIGNS = frozenset({"", "#", "¶", "§", "🔗"})
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_OWN_FOOTERS = frozenset({"blockquote", "figure", "q", "td", "li"})
_SECTIONS = frozenset({"article", "main", "section", "blockquote", "figure", "li", "td"})


def remove_chrome(region: Element) -> None:
    """Remove from the region what is not content, and reveal folded text.

    A list of the pages below is removed too, unless the page has nothing else.
    """
    removed = []
    menus = []
    holders = _page_holders(region)
    pending = [region]
    while pending:
        element = pending.pop()
        for child in element.iterchildren(reversed=True):
            if not isinstance(child.tag, str):
                continue
            if _is_chrome(child, region, holders):
                removed.append(child)
            elif any(map(_MENU.fullmatch, classes(child))):
                menus.append(child)
            else:
                _reveal(child)
                pending.append(child)
    for element in removed:
        remove(element)
    _remove_copyright(region)
    if menus and _has_more(region, menus):
        for element in menus:
            remove(element)


def _has_more(region: Element, menus: Sequence[Element]) -> bool:
    """Return whether there are words besides the menus and the headings."""
    return _letters(region) > sum(map(_letters, (*menus, *region.iter(*_HEADINGS))))


def _letters(element: Element) -> int:
    return sum(map(str.isalnum, words(element)))


def _is_chrome(element: Element, region: Element, holders: Collection[Element]) -> bool:
    tag = str(element.tag)
    if tag in _TAGS or (element.get("role") or "").strip().lower() in _ROLES:
        return True
    if any(map(_CLASSES.fullmatch, classes(element))) and element not in holders:
        return True
    if (element.get("data-mc-ignore") or "").lower() == "true" or "data-mc-toc" in element.attrib:
        return True
    rule = _RULES.get(tag)
    return rule is not None and rule(element, region)


def _page_holders(region: Element) -> set[Element]:
    """Return the elements around the content. Some have the class of a menu, because they hold the menu too."""
    holders: set[Element] = set()
    for element in region.iter("h1", "main", "article", "div", "section"):
        if element.tag in ("div", "section") and element.get("role") != "main":
            continue
        holder: Element | None = element
        while holder is not None and holder is not region and holder not in holders:
            holders.add(holder)
            holder = holder.getparent()
    return holders


def _remove_copyright(region: Element) -> None:
    """Remove a copyright notice at the end, where the writers of a site put it into the content of every page."""
    last = _owner_of_last_text(region)
    while last is not region and last.tag not in _BLOCKS:
        parent = last.getparent()
        if parent is None:
            return
        last = parent
    text = words(last)
    if last is not region and len(text) <= _LONGEST_COPYRIGHT and _COPYRIGHT.match(text) and text != words(region):
        remove(last)


def _owner_of_last_text(region: Element) -> Element:
    """Return the element that holds the last text. One pass: asking each element for its text is quadratic."""
    owner = region
    for event, element in etree.iterwalk(region, events=("start", "end")):
        if event == "start":
            if element.text and element.tag not in _NO_TEXT and not element.text.isspace():
                owner = element
        elif element is not region and element.tail and not element.tail.isspace():
            parent = element.getparent()
            owner = region if parent is None else parent
    return owner


def _is_site_header(element: Element, region: Element) -> bool:
    """Return whether a header belongs to the site, and so holds navigation, and not to an article."""
    return not _is_within(element, region, _SECTIONS)


def _is_footer_by_class(element: Element, _region: Element) -> bool:
    return any(map(_FOOTER.fullmatch, classes(element)))


def _is_page_menu(element: Element, region: Element) -> bool:
    """Return whether an element has only links to headings of the page: `Syntax | Arguments | Examples`."""
    parent = element.getparent()
    if parent is not None and parent.tag in ("li", "ul", "ol"):  # decided for the list around it
        return False
    links = list(element.iter("a"))
    if len(links) < 2 or not all(len((link.get("href") or "").strip()) > 1 for link in links):
        return _is_footer_by_class(element, region)
    if not all((link.get("href") or "").strip().startswith("#") for link in links):
        return _is_footer_by_class(element, region)
    return _letters(element) == sum(map(_letters, links))


def _is_footer(element: Element, region: Element) -> bool:
    return not _is_within(element, region, _OWN_FOOTERS)


def _is_search_form(element: Element, _region: Element) -> bool:
    if "search" in f"{element.get('class')} {element.get('id')} {element.get('action')}".lower():
        return True
    return any((field.get("type") or "").lower() == "search" for field in element.iter("input"))


def _is_idle_button(element: Element, _region: Element) -> bool:
    """Return whether a button acts on the page. One that illustrates a program's button stays."""
    return words(element).lower() in _BUTTON_WORDS


def _is_icon(element: Element, _region: Element) -> bool:
    """Return whether an image is the arrow beside a drop-down, whose alternative text is `Closed`."""
    return _ICON.search(element.get("class") or "") is not None


def _is_anchor_sign(element: Element, _region: Element) -> bool:
    """Return whether a link is only the sign after a heading. Takes the target from every link within the page."""
    if (element.get("href") or "").strip().startswith("#"):
        del element.attrib["href"]
        return words(element) in _ANCHOR_SIGNS and not len(element)
    return False


_RULES: dict[str, Callable[[Element, Element], bool]] = {
    "header": _is_site_header,
    "footer": _is_footer,
    "form": _is_search_form,
    "button": _is_idle_button,
    "img": _is_icon,
    "a": _is_anchor_sign,
    "p": _is_page_menu,
    "ul": _is_page_menu,
    "ol": _is_page_menu,
    "div": _is_footer_by_class,
    "section": _is_footer_by_class,
}


def _reveal(element: Element) -> None:
    """Make a drop-down's body, an expanding text or a toggler's target visible, as one click does."""
    if "data-mc-target-name" in element.attrib or _REVEALED.search(element.get("class") or ""):
        if "hidden" in element.attrib:
            del element.attrib["hidden"]
        if style := element.get("style"):
            element.set("style", re.sub(r"(?:display|visibility)\s*:[^;]*;?", "", style, flags=re.IGNORECASE))


def _is_within(element: Element, region: Element, tags: frozenset[str]) -> bool:
    if str(region.tag) in tags and region.tag != "section":
        return True
    for ancestor in element.iterancestors():
        if ancestor is region:
            return False
        if ancestor.tag in tags:
            return True
    return False
