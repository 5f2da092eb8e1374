"""Making a topic whole: what a build of Flare does before anything can be read.

    topic + snippets + variables minus what conditions leave out ──expand──▶ plain HTML

The tree is walked once, with a stack of our own, and changed in place. Nothing is taken out of it: an element that
goes is emptied, because taking it out means moving the text behind it, which is quadratic in a long paragraph.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from lxml.etree import _Element as Element

from bbj_assets.errors import ParseError
from bbj_assets.sources.files import SourceFiles, resolve
from bbj_assets.sources.flare import code
from bbj_assets.sources.flare.columns import columns_without, empty_columns
from bbj_assets.sources.flare.conditions import Selection, condition_names, narrowed
from bbj_assets.sources.flare.elements import MARKS, MATHEMATICS, is_dropped, to_html, to_plain_math
from bbj_assets.sources.flare.facts import Facts, known_problems
from bbj_assets.sources.flare.links import linked_file, published_link
from bbj_assets.sources.flare.markup import Markup, blank, conditions_of, madcap, read_markup, tag_of
from bbj_assets.sources.flare.references import bare_name, replace_references

_MAX_SNIPPETS = 1_000
_MAX_INCLUDED = 32 * 1024 * 1024
"""Bytes of snippets and of values of variables in one topic."""
_MAX_WARNINGS = 100
_INLINE_IN_TEXT = frozenset({"p", "div", "h1", "h2", "h3", "h4", "h5", "h6"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk is.

    Attributes:
        path: of the file that the element is written in, which its links are relative to.
        selection: what conditions keep there.
        well_formed: whether that file is.
        references: whether that file has any `[%=Set.Name%]`.
        conditions: whether it has any conditions.
        expression: the conditions that snippets are included with when they say nothing themselves.
        chain: the snippets that it is in, outermost first.
    """

    path: str
    selection: Selection
    well_formed: bool = True
    references: bool = False
    conditions: bool = True
    expression: str = ""
    chain: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, path: str, markup: Markup, selection: Selection, expression: str = "", chain: tuple[str, ...] = ()
    ) -> "Place":
        """The place at the top of a file."""
        return cls(path, selection, markup.well_formed, markup.has_references, markup.has_conditions, expression, chain)


@dataclass(slots=True)
class Expansion:
    """The work on one topic.

    Attributes:
        topic: its path.
        pages: the address below which the published help lies, with a trailing slash, or empty.
        title: what `System.Title` means; empty as long as it is not known.
        warnings: what a writer should look at, each once, in order.
        keywords: the terms of the index that lead here, likewise.
    """

    topic: str
    files: SourceFiles
    facts: Facts
    pages: str = ""
    title: str = ""
    warnings: dict[str, None] = field(default_factory=dict)
    keywords: dict[str, None] = field(default_factory=dict)
    _snippets: int = 0
    _included: int = 0
    _code: list[Element] = field(default_factory=list)
    _values: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def expand(self, root: Element, place: Place) -> None:
        """Turn an element and all in it into the HTML that a reader would see, in place.

        Raises:
            ParseError: snippets include each other without end.
        """
        self._code.clear()
        pending = [(root, place)]
        while pending:
            element, here = pending.pop()
            inner = self._visit(element, here)
            if inner is not None and len(element):
                pending.extend([(child, inner) for child in element.iterchildren(reversed=True)])
        code.join_paragraphs(self._code)

    def warn(self, warning: str) -> None:
        """Note a warning, once."""
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings[warning] = None

    def value(self, name: str, path: str) -> str:
        """The text that a variable stands for in a file."""
        key = (name, self.title)
        found = self._values[key] if key in self._values else self.facts.variable(name, self.title)
        self._values[key] = found
        self._count(name, len(found or ""))
        if found is None:
            problems = "".join(f" ({problem})" for problem in known_problems(self.facts.definitions, ".flvar"))
            self.warn(f"{path}: no variable set defines {name}{problems}. Define it, or correct the name.")
            return bare_name(name)
        return found

    def _visit(self, element: Element, place: Place) -> Place | None:
        """Do what is to be done with one element; the place of its children, or None if they are not to be visited."""
        tag = tag_of(element)
        if not tag:
            return None
        if place.conditions and element.attrib and self.is_out(element, place):
            _leave_out(element, tag)
            return None
        if place.references:
            self._replace_references(element, place)
        if tag.startswith("madcap:"):
            return self._visit_madcap(element, tag[7:], place)
        if visit := _VISITS.get(tag):
            visit(self, element, place)
        return place

    def visit_paragraph(self, element: Element, _place: Place) -> None:
        """A paragraph may be a line of code, or what a toggler opens."""
        if element.attrib:
            _unhide(element)
            if code.is_code(element):
                self._code.append(element)

    def leave_out_columns(self, table: Element, place: Place) -> None:
        """Empty the cells below each `col` that conditions leave out."""
        if columns := columns_without(table, lambda column: self.is_out(column, place)):
            empty_columns(table, columns)

    def resolve(self, link: Element, place: Place) -> None:
        """Make the target of a link an address of the published help."""
        href = link.get("href")
        if href is None:
            return
        if target := published_link(href, place.path, self.topic, self.pages):
            link.set("href", target)
        else:
            del link.attrib["href"]

    def _visit_madcap(self, element: Element, name: str, place: Place) -> Place | None:
        match name:
            case "variable":
                value = self.value(element.get("name") or "", place.path)
                blank(element)
                element.text = value
                return None
            case "snippetblock" | "snippettext":
                return self._include(element, place, as_text=name == "snippettext")
        if name in MARKS:
            terms = (term.strip() for term in (element.get("term") or "").split(";"))
            self.keywords.update(dict.fromkeys(filter(None, terms)))
        if is_dropped(name, well_formed=place.well_formed):
            blank(element)
            return None
        _unhide(element)
        to_html(element, name)
        if element.tag == "a":
            if not (len(element) or (element.text or "").strip()):
                element.text = self._linked_title(element, place)
            self.resolve(element, place)
        return place

    def is_out(self, element: Element, place: Place) -> bool:
        """Whether the conditions of an element leave it out."""
        names = condition_names(conditions_of(element))
        return bool(names) and not place.selection.keeps(names)

    def _replace_references(self, element: Element, place: Place) -> None:
        def value(name: str) -> str:
            return self.value(name, place.path)

        for name, written in element.attrib.items():
            if "[%=" in str(written):
                element.set(name, replace_references(str(written), value))
        if element.text and "[%=" in element.text:
            element.text = replace_references(element.text, value)
        for child in element:
            if child.tail and "[%=" in child.tail:
                child.tail = replace_references(child.tail, value)

    def _include(self, element: Element, place: Place, *, as_text: bool) -> Place | None:
        """Put the content of a snippet in the place of the element that includes it."""
        source = (element.get("src") or "").strip()
        expression = madcap(element, "conditionTagExpression") or place.expression
        blank(element)
        if not as_text:
            element.tag = "div"
        found = self._read(source, place)
        if found is None:
            return None
        path, raw = found
        if path == place.path or path in place.chain:
            self.warn(f"{place.path}: includes the snippet {path}, which is included in itself. Take one of them out.")
            return None
        self._count(path, len(raw), snippets=1)
        try:
            markup = read_markup(path, raw)
        except ParseError as error:
            self.warn(f"{place.path}: includes a snippet that cannot be read. {error}")
            return None
        if markup.problem:
            self.warn(f"{path}: {markup.problem}")
        selection = narrowed(place.selection, expression)
        if selection is None:
            self.warn(
                f"{place.path}: the conditions {expression!r} of the snippet {path} cannot be read. Correct them."
            )
            selection, expression = place.selection, place.expression
        inner = Place.of(path, markup, selection, expression, (*place.chain, path))
        body = body_of(markup.root)
        if self.is_out(markup.root, inner) or self.is_out(body, inner):
            return None
        _adopt(element, body, as_text=as_text)
        return inner

    def _count(self, what: str, size: int, snippets: int = 0) -> None:
        self._snippets += snippets
        self._included += size
        if self._snippets > _MAX_SNIPPETS or self._included > _MAX_INCLUDED:
            raise ParseError(
                f"{self.topic}: includes more than {_MAX_SNIPPETS:,} snippets or {_MAX_INCLUDED >> 20} MB of them, "
                f"the last one is {what}. Look for snippets that include each other many times over."
            )

    def _read(self, source: str, place: Place) -> tuple[str, bytes] | None:
        """The path and the bytes of a snippet; a warning and None if there is none."""
        written = source.replace("\\", "/")
        for reference in dict.fromkeys((written, unquote(written))):
            path = resolve(place.path, reference) if reference else None
            if path is not None and (raw := self.files.read(path)) is not None:
                return path, raw
        target = resolve(place.path, written) or source or "(no src)"
        self.warn(f"{place.path}: includes the snippet {target}, which is missing. Restore it, or take it out.")
        return None

    def _linked_title(self, element: Element, place: Place) -> str:
        """The text of a cross-reference that was never generated: the title of its topic."""
        target = linked_file(element.get("href") or "", place.path)
        return self.facts.title(target) if target and target != self.topic else ""


def body_of(root: Element) -> Element:
    """The element whose content is the page."""
    return next((child for child in root.iterchildren() if tag_of(child) == "body"), root)


def _adopt(element: Element, body: Element, *, as_text: bool) -> None:
    """Move the content of a snippet's body; as text, its paragraphs become words of the paragraph around them."""
    element.text = (body.text or "").lstrip() if as_text else body.text
    for child in list(body):
        tag = tag_of(child)
        if tag == "head":
            continue
        if as_text and tag in _INLINE_IN_TEXT:
            child.tag = "span"
            child.tail = f" {child.tail or ''}"
        element.append(child)
    if as_text and len(element):
        element[-1].tail = (element[-1].tail or "").rstrip()


def _leave_out(element: Element, tag: str) -> None:
    """Empty an element; a cell keeps its place, or the next one would move below another heading."""
    if tag not in ("td", "th"):
        blank(element)
        return
    spans = {name: span for name in ("colspan", "rowspan") if (span := element.get(name))}
    blank(element, tag)
    for name, span in spans.items():
        element.set(name, span)


def _unhide(element: Element) -> None:
    """What a toggler opens is hidden until somebody clicks; its reader has clicked."""
    if element.get("style") and madcap(element, "targetName"):
        del element.attrib["style"]


def _continue_numbering(items: Element) -> None:
    """Number a list on from the list before it, when it says that it continues that one."""
    if (madcap(items, "continue") or "").lower() != "true" or items.get("start"):
        return
    previous = next((one for one in items.itersiblings(preceding=True) if tag_of(one) == "ol"), None)
    if previous is not None:
        start = previous.get("start") or "1"
        count = sum(tag_of(child) == "li" for child in previous)
        if start.isascii() and start.isdigit() and len(start) < 7:
            items.set("start", str(int(start) + count))


_VISITS: dict[str, Callable[[Expansion, Element, Place], None]] = {
    "a": Expansion.resolve,
    "p": Expansion.visit_paragraph,
    "div": Expansion.visit_paragraph,
    "table": Expansion.leave_out_columns,
    "ol": lambda _work, element, _place: _continue_numbering(element),
    "pre": lambda _work, element, _place: code.name_language(element),
    "span": lambda _work, element, _place: code.name_span(element),
    **dict.fromkeys(MATHEMATICS, lambda _work, element, _place: to_plain_math(element)),
}
"""What is done with elements of HTML, before their content is looked at."""
