"""Snippets: text that is written once and included in many topics."""

from typing import NamedTuple
from urllib.parse import unquote

from lxml.etree import _Element as Element

from bbj_assets.errors import ParseError
from bbj_assets.sources.files import resolve
from bbj_assets.sources.flare.build import TopicBuild
from bbj_assets.sources.flare.conditions import narrowed
from bbj_assets.sources.flare.markup import blank, body_of, madcap, read_markup, tag_of
from bbj_assets.sources.flare.place import Place

_INLINE_IN_TEXT = frozenset({"p", "div", "h1", "h2", "h3", "h4", "h5", "h6"})


class _Snippet(NamedTuple):
    path: str
    raw: bytes


def include_snippet(element: Element, place: Place, build: TopicBuild, *, as_text: bool) -> Place | None:
    """Put the content of a snippet into the element that includes it.

    Returns:
        The place of the content, which is still to be expanded; None when nothing was included. A snippet that is
        missing, cannot be read or includes itself costs a warning.

    Raises:
        ParseError: the topic includes too many snippets.
    """
    source = (element.get("src") or "").strip()
    expression = madcap(element, "conditionTagExpression") or place.expression
    blank(element)
    if not as_text:
        element.tag = "div"
    snippet = _read(source, place, build)
    if snippet is None:
        return None
    path = snippet.path
    if path == place.path or path in place.chain:
        build.warn(f"{place.path}: includes the snippet {path}, which is included in itself. Take one of them out.")
        return None
    build.count_snippet(path, size=len(snippet.raw))
    try:
        markup = read_markup(path, snippet.raw)
    except ParseError as error:
        build.warn(f"{place.path}: includes a snippet that cannot be read. {error}")
        return None
    if markup.problem:
        build.warn(f"{path}: {markup.problem}")
    selection = narrowed(place.selection, expression)
    if selection is None:
        build.warn(f"{place.path}: the conditions {expression!r} of the snippet {path} cannot be read. Correct them.")
        selection, expression = place.selection, place.expression
    inner = Place.top_of(path, markup, selection, expression=expression, chain=(*place.chain, path))
    body = body_of(markup.root)
    if inner.leaves_out(markup.root) or inner.leaves_out(body):
        return None
    _move_content(body, to=element, as_text=as_text)
    return inner


def _read(source: str, place: Place, build: TopicBuild) -> _Snippet | None:
    """Read a snippet; None, with a warning, when it is missing."""
    written = source.replace("\\", "/")
    for reference in dict.fromkeys((written, unquote(written))):
        path = resolve(place.path, reference) if reference else None
        if path is not None and (raw := build.files.read(path)) is not None:
            return _Snippet(path, raw)
    target = resolve(place.path, written) or source or "(no src)"
    build.warn(f"{place.path}: includes the snippet {target}, which is missing. Restore it, or take it out.")
    return None


def _move_content(body: Element, *, to: Element, as_text: bool) -> None:
    """Move the content of the body of a snippet. As text, its paragraphs join the paragraph around them."""
    to.text = (body.text or "").lstrip() if as_text else body.text
    for child in list(body):
        tag = tag_of(child)
        if tag == "head":
            continue
        if as_text and tag in _INLINE_IN_TEXT:
            child.tag = "span"
            child.tail = f" {child.tail or ''}"
        to.append(child)
    if as_text and len(to):
        to[-1].tail = (to[-1].tail or "").rstrip()
