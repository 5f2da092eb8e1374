"""From the bytes of a topic to its document: title, breadcrumb, conditions, and the Markdown of what is shown."""

import re

from lxml.etree import _Element as Element

from bbj_assets.convert.html import escape, to_markdown
from bbj_assets.documents import Document, Item, Json
from bbj_assets.enrichment.display_urls import display_url
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.flare.conditions import build_selection, condition_names
from bbj_assets.sources.flare.expansion import Expansion, Place, body_of
from bbj_assets.sources.flare.facts import Facts, known_problems
from bbj_assets.sources.flare.links import CONTENT
from bbj_assets.sources.flare.markup import blank, conditions_of, madcap, plain, read_markup, tag_of
from bbj_assets.sources.flare.titles import title_of, title_of_file

_LANGUAGE = "bbj"
_CONTAINERS = (
    ("", "id", "mc-main-content"),
    ("", "class", "body-container"),
    ("section", "class", "main-section"),
    ("", "role", "main"),
    ("main", "", ""),
    ("article", "", ""),
)
"""Where the topic is in a built page: (tag, attribute, a word of its value), the first that is found."""
_CHROME = re.compile(r"MC(?:Breadcrumbs|MiniToc|TextPopupBody|RelatedTopics|Concepts|Keywords)\w*|skip-to-content")
_MARKS = re.compile(r"[*`]")


def read_topic(source: Source, item: Item, raw: bytes, files: SourceFiles) -> list[Document]:
    """The document of a topic; none when its conditions leave all of it out.

    Raises:
        ParseError: the file is no topic.
    """
    markup = read_markup(item.path, raw)
    root, body = markup.root, body_of(markup.root)
    work = Expansion(item.path, files, Facts.of(files), _pages(source))
    if markup.problem:
        work.warn(f"{item.path}: {markup.problem}")
    build = build_selection(source.exclude_conditions)
    place = Place.of(item.path, markup, build, madcap(root, "conditionTagExpression") or "")
    conditions = condition_names(conditions_of(root) or root.get("data-mc-conditions"))
    if not place.selection.keeps(conditions) or work.is_out(body, place):
        return []

    def value(name: str) -> str:
        return work.value(name, item.path)

    work.title = title_of(root, value, place.selection)
    shown = _content_of_built_page(body) if _is_built(root) else body
    work.expand(shown, place)
    title = work.title or title_of(shown, value, place.selection) or title_of_file(item.path)
    return [
        Document(
            source_url=item.key,
            title=title,
            content=_without_title(to_markdown(shown, code_language=_LANGUAGE), title),
            section_path=_breadcrumb(work, root, place, title),
            metadata=_metadata(work, conditions),
        )
    ]


def _pages(source: Source) -> str:
    """The address that the paths below Content are relative to, in the published help."""
    return display_url(Document(source_url=f"flare://{CONTENT}", title="", content=""), source) or ""


def _breadcrumb(work: Expansion, root: Element, place: Place, title: str) -> tuple[str, ...]:
    """The books that the topic is in, or what its built page says of them, or its folders."""
    books = work.facts.books(work.topic, place.selection)
    if books is None:
        for problem in known_problems(work.facts.definitions, ".fltoc"):
            work.warn(f"{work.topic}: is in no table of contents that can be read. {problem}")
        built = root.get("data-mc-toc-path") or madcap(root, "tocPath") or ""
        folders = work.topic.removeprefix(CONTENT).split("/")[:-1]
        books = [name for part in (built.split("|") if built else folders) if (name := plain(part.replace("_", " ")))]
    return tuple(books[:-1] if books and books[-1] == title else books)


def _metadata(work: Expansion, conditions: list[str]) -> dict[str, Json]:
    metadata: dict[str, Json] = {}
    if conditions:
        metadata["conditions"] = list(conditions)
    if work.keywords:
        metadata["keywords"] = list(work.keywords)
    if work.warnings:
        metadata["warnings"] = list(work.warnings)
    return metadata


def _without_title(content: str, title: str) -> str:
    """The content without a first heading that says what the title says."""
    first, _, rest = content.partition("\n")
    if first.startswith("# ") and _MARKS.sub("", first[2:]) == _MARKS.sub("", escape(title)):
        return rest.lstrip("\n")
    return content


def _is_built(root: Element) -> bool:
    """Whether it is a page of the built help that somebody saved back into the project."""
    return root.get("data-mc-runtime-file-type") is not None or root.get("data-mc-target-type") is not None


def _content_of_built_page(body: Element) -> Element:
    """The part of a built page that was a topic, without the menus around it and the crumbs in it."""
    found = (_find(body, *wanted) for wanted in _CONTAINERS)
    content = next((element for element in found if element is not None), body)
    for element in list(content.iter()):  # all of them first: an iteration ends where an element is emptied
        classes = (element.get("class") or "").split()
        if tag_of(element) == "nav" or any(_CHROME.fullmatch(name) for name in classes):
            blank(element)
    return content


def _find(body: Element, tag: str, attribute: str, word: str) -> Element | None:
    for element in body.iterdescendants():
        if (not tag or tag_of(element) == tag) and (not word or word in (element.get(attribute) or "").split()):
            return element
    return None
