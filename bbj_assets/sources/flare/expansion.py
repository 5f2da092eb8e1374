"""Expansion: the steps of a Flare build that come before a topic can be read.

    topic + snippets + variables - elements that conditions leave out ──expand──▶ plain HTML

The tree is walked once, with an explicit stack, and changed in place. No element is removed: an element that goes is
emptied, because a removal moves the text after it, which is quadratic in a long paragraph.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from lxml.etree import _Element as Element

from bbj_assets.sources.flare import code
from bbj_assets.sources.flare.build import TopicBuild
from bbj_assets.sources.flare.columns import columns_without, empty_columns
from bbj_assets.sources.flare.elements import (
    MARKS,
    MATHEMATICS,
    continue_numbering,
    is_dropped,
    show_toggled,
    to_html,
    to_plain_math,
)
from bbj_assets.sources.flare.links import linked_file, published_link
from bbj_assets.sources.flare.markup import blank, tag_of
from bbj_assets.sources.flare.place import Place
from bbj_assets.sources.flare.references import replace_references
from bbj_assets.sources.flare.snippets import include_snippet


def expand(root: Element, place: Place, build: TopicBuild) -> None:
    """Turn an element and its content into the HTML that a reader would see, in place.

    Raises:
        ParseError: snippets include each other without end, or the values of variables are too long.
    """
    walk = _Walk(build)
    pending = [(root, place)]
    while pending:
        element, here = pending.pop()
        inner = walk.process(element, here)
        if inner is not None and len(element):
            pending.extend([(child, inner) for child in element.iterchildren(reversed=True)])
    code.join_paragraphs(walk.code_paragraphs)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk over a tree. `code_paragraphs` are the paragraphs of code that it met."""

    build: TopicBuild
    code_paragraphs: list[Element] = field(default_factory=list)

    def process(self, element: Element, place: Place) -> Place | None:
        """Process one element. Return the place of its children; None when they are left as they are."""
        tag = tag_of(element)
        if not tag:
            return None
        if place.has_conditions and element.attrib and place.leaves_out(element):
            _leave_out(element, tag)
            return None
        if place.has_references:
            self._replace_references(element, place)
        if tag.startswith("madcap:"):
            return self._process_madcap(element, tag.removeprefix("madcap:"), place)
        if action := _ACTIONS.get(tag):
            action(self, element, place)
        return place

    def process_paragraph(self, element: Element, _place: Place) -> None:
        """Show a paragraph that a toggler opens, and collect one that is a line of code."""
        if element.attrib:
            show_toggled(element)
            if code.is_code(element):
                self.code_paragraphs.append(element)

    def process_link(self, link: Element, place: Place) -> None:
        """Make the target of a link an address of the published help."""
        href = link.get("href")
        if href is None:
            return
        if target := published_link(href, path=place.path, topic=self.build.topic, pages=self.build.pages):
            link.set("href", target)
        else:
            del link.attrib["href"]

    def _process_madcap(self, element: Element, name: str, place: Place) -> Place | None:
        match name:
            case "variable":
                value = self.build.value(element.get("name") or "", path=place.path)
                blank(element)
                element.text = value
                return None
            case "snippetblock" | "snippettext":
                return include_snippet(element, place, self.build, as_text=name == "snippettext")
        if name in MARKS:
            terms = (term.strip() for term in (element.get("term") or "").split(";"))
            self.build.keywords.update(dict.fromkeys(filter(None, terms)))
        if is_dropped(name, well_formed=place.well_formed):
            blank(element)
            return None
        show_toggled(element)
        to_html(element, name)
        if element.tag == "a":
            if not (len(element) or (element.text or "").strip()):
                element.text = self._linked_title(element, place)
            self.process_link(element, place)
        return place

    def _replace_references(self, element: Element, place: Place) -> None:
        def value(name: str) -> str:
            return self.build.value(name, path=place.path)

        for name, written in element.attrib.items():
            if "[%=" in str(written):
                element.set(name, replace_references(str(written), value))
        if element.text and "[%=" in element.text:
            element.text = replace_references(element.text, value)
        for child in element:
            if child.tail and "[%=" in child.tail:
                child.tail = replace_references(child.tail, value)

    def _linked_title(self, element: Element, place: Place) -> str:
        """Return the text of a cross-reference that was never generated: the title of its topic."""
        target = linked_file(element.get("href") or "", path=place.path)
        return self.build.facts.title(target) if target and target != self.build.topic else ""


def _leave_out_columns(table: Element, place: Place) -> None:
    """Empty the cells below each `col` that conditions leave out."""
    if columns := columns_without(table, place.leaves_out):
        empty_columns(table, columns)


def _leave_out(element: Element, tag: str) -> None:
    """Empty an element. A cell keeps its spans, or the next one would move below another heading."""
    if tag not in ("td", "th"):
        blank(element)
        return
    spans = {name: span for name in ("colspan", "rowspan") if (span := element.get(name))}
    blank(element, tag)
    for name, span in spans.items():
        element.set(name, span)


_ACTIONS: dict[str, Callable[[_Walk, Element, Place], None]] = {
    "a": _Walk.process_link,
    "p": _Walk.process_paragraph,
    "div": _Walk.process_paragraph,
    "table": lambda _walk, element, place: _leave_out_columns(element, place),
    "ol": lambda _walk, element, _place: continue_numbering(element),
    "pre": lambda _walk, element, _place: code.name_language(element),
    "span": lambda _walk, element, _place: code.name_span(element),
    **dict.fromkeys(MATHEMATICS, lambda _walk, element, _place: to_plain_math(element)),
}
"""Actions on elements of HTML, before their content is processed."""
