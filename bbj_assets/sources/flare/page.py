"""From the bytes of a topic to its document: title, breadcrumb, conditions, and the visible content as Markdown."""

import re
from typing import NamedTuple

from lxml.etree import _Element as Element

from bbj_assets.convert.html import escape, to_markdown
from bbj_assets.documents import Document, Item, Json
from bbj_assets.enrichment.display_urls import display_url
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.flare.build import TopicBuild
from bbj_assets.sources.flare.conditions import Selection, build_selection, condition_names
from bbj_assets.sources.flare.expansion import expand
from bbj_assets.sources.flare.facts import Facts, known_problems
from bbj_assets.sources.flare.links import CONTENT
from bbj_assets.sources.flare.markup import blank, body_of, conditions_of, madcap, plain, read_markup, tag_of
from bbj_assets.sources.flare.place import Place
from bbj_assets.sources.flare.titles import title_of, title_of_file

_LANGUAGE = "bbj"


class _Pattern(NamedTuple):
    """Selects elements by their tag, and by an attribute with one word of its value. None accepts any."""

    tag: str | None = None
    attribute: tuple[str, str] | None = None


_CONTAINERS = (
    _Pattern(attribute=("id", "mc-main-content")),
    _Pattern(attribute=("class", "body-container")),
    _Pattern(tag="section", attribute=("class", "main-section")),
    _Pattern(attribute=("role", "main")),
    _Pattern(tag="main"),
    _Pattern(tag="article"),
)
"""Elements of a built page that may hold the topic. The first pattern that matches counts."""

_CHROME = re.compile(r"MC(?:Breadcrumbs|MiniToc|TextPopupBody|RelatedTopics|Concepts|Keywords)\w*|skip-to-content")
"""Classes of menus and breadcrumbs, which a build puts into the page."""
_MARKS = re.compile(r"[*`]")
"""Emphasis and code in a heading. The title is plain text."""


def read_topic(source: Source, item: Item, raw: bytes, files: SourceFiles) -> list[Document]:
    """Parse a topic into its document, or into none when its conditions leave all of it out.

    Raises:
        ParseError: the file is not a topic.
    """
    markup = read_markup(item.path, raw)
    root, body = markup.root, body_of(markup.root)
    build = TopicBuild(topic=item.path, files=files, facts=Facts.of(files), pages=_published_address(source))
    if markup.problem:
        build.warn(f"{item.path}: {markup.problem}")
    selection = build_selection(source.exclude_conditions)
    place = Place.top_of(item.path, markup, selection, expression=madcap(root, "conditionTagExpression") or "")
    conditions = condition_names(conditions_of(root) or root.get("data-mc-conditions"))
    if not selection.keeps(conditions) or place.leaves_out(body):
        return []

    def value(name: str) -> str:
        return build.value(name, path=item.path)

    build.title = title_of(root, value, selection)  # first, since `System.Title` may occur anywhere in the topic
    shown = _content_of_built_page(body) if _is_built(root) else body
    expand(shown, place, build)
    # After the expansion, since a snippet may hold the only heading.
    title = build.title or title_of(shown, value, selection) or title_of_file(item.path)
    return [
        Document(
            source_url=item.key,
            title=title,
            content=_without_title(to_markdown(shown, code_language=_LANGUAGE), title=title),
            section_path=_breadcrumb(build, root, selection, title=title),
            metadata=_metadata(build, conditions),
        )
    ]


def _published_address(source: Source) -> str:
    """Return the published address of Content; empty when the source has no display URL."""
    return display_url(Document(source_url=f"flare://{CONTENT}", title="", content=""), source) or ""


def _breadcrumb(build: TopicBuild, root: Element, selection: Selection, *, title: str) -> tuple[str, ...]:
    """Return the books around the topic: by a table of contents, else by the built page, else by its folders."""
    books = build.facts.books(build.topic, selection)
    if books is None:
        for problem in known_problems(build.facts.definitions, suffix=".fltoc"):
            build.warn(f"{build.topic}: is in no table of contents that can be read. {problem}")
        built = root.get("data-mc-toc-path") or madcap(root, "tocPath") or ""
        folders = build.topic.removeprefix(CONTENT).split("/")[:-1]
        books = [name for part in (built.split("|") if built else folders) if (name := plain(part.replace("_", " ")))]
    return tuple(books[:-1] if books and books[-1] == title else books)


def _metadata(build: TopicBuild, conditions: list[str]) -> dict[str, Json]:
    metadata: dict[str, Json] = {}
    if conditions:
        metadata["conditions"] = list(conditions)
    if build.keywords:
        metadata["keywords"] = list(build.keywords)
    if build.warnings:
        metadata["warnings"] = list(build.warnings)
    return metadata


def _without_title(content: str, *, title: str) -> str:
    """Return the content without a first heading that repeats the title."""
    first, _, rest = content.partition("\n")
    if first.startswith("# ") and _MARKS.sub("", first[2:]) == _MARKS.sub("", escape(title)):
        return rest.lstrip("\n")
    return content


def _is_built(root: Element) -> bool:
    """Return whether it is a page of the built help that was saved back into the project."""
    return root.get("data-mc-runtime-file-type") is not None or root.get("data-mc-target-type") is not None


def _content_of_built_page(body: Element) -> Element:
    """Return the part of a built page that was the topic, without menus and breadcrumbs."""
    found = (_find(body, pattern) for pattern in _CONTAINERS)
    content = next((element for element in found if element is not None), body)
    for element in list(content.iter()):  # a list, since an iteration ends at an element that is emptied
        classes = (element.get("class") or "").split()
        if tag_of(element) == "nav" or any(_CHROME.fullmatch(name) for name in classes):
            blank(element)
    return content


def _find(body: Element, pattern: _Pattern) -> Element | None:
    """Return the first element that the pattern selects."""
    tag, attribute = pattern
    for element in body.iterdescendants():
        if tag is not None and tag_of(element) != tag:
            continue
        if attribute is None or attribute[1] in (element.get(attribute[0]) or "").split():
            return element
    return None
