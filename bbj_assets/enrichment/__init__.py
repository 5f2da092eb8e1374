"""Facts derived from a document's location and words: its type, its BBj generations and its display URL.

Belongs here: pure functions over tables, one module per table. Does not belong here: reading files or pages
(`sources`), and anything that a parser knows from the format itself. A value set by a parser is never overruled.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from bbj_assets.documents import Document
from bbj_assets.enrichment.display_urls import display_url
from bbj_assets.enrichment.document_types import document_type
from bbj_assets.enrichment.generations import evidence, generations
from bbj_assets.source import Source
from bbj_assets.web.urls import Site

__all__ = ["VERSION", "enrich"]

VERSION: int = 2
"""Part of a document's code_version. Increase it when the tables would yield something else."""

_DEPRECATED = frozenset({"primary.deprecated", "primary.superseded"})
_HELP = "/WebHelp/"


def enrich(document: Document, source: Source) -> Document:
    """Fill in doc_type, generations and display_url where they are empty, and set deprecated where conditions say so.

    Condition tags are read from `document.metadata["conditions"]`, a list of names as Flare writes them
    (`Primary.Deprecated`). A `generation_tag` of the source other than `auto` applies to all its documents.
    """
    url = document.display_url or display_url(document, source)
    path = _help_path(document, url, source)
    conditions = _conditions(document)
    if source.generation_tag != "auto":
        tags: tuple[str, ...] = (source.generation_tag,)
    else:
        content = f"{document.title}\n{document.content}"
        tags = document.generations or generations(evidence(path=path, conditions=conditions, content=content))
    return replace(
        document,
        doc_type=document.doc_type
        or document_type(parser=source.parser, title=document.title, path=path, content=document.content),
        generations=tags,
        deprecated=document.deprecated or any(name.strip().lower() in _DEPRECATED for name in conditions),
        display_url=url,
    )


def _conditions(document: Document) -> Sequence[str]:
    conditions = document.metadata.get("conditions")
    return [name for name in conditions if isinstance(name, str)] if isinstance(conditions, list) else []


def _help_path(document: Document, url: str | None, source: Source) -> str | None:
    """Return the topic's path in BASIS's help (`bbjobjects/Window/bbjwindow.htm`); None if it is not a topic there.

    Flare's Content folder and the published help have the same layout, and a class of the Javadoc links to
    its topic. The folders of tutorials and programs are ignored: they may have the same names by chance.
    """
    scheme, _, below = document.source_url.partition("://")
    if scheme == "flare":
        return below.removeprefix("Content/")
    if url and _HELP in url:
        return unquote(urlsplit(url).path).partition(_HELP)[2]
    if scheme == "bbj_api":
        package, _, name = below.partition("/")
        return f"{package.replace('.', '/')}/{name}"
    site = Site.of(source.url or "") if source.parser == "web-crawl" else None
    return site.section(document.source_url) if site is not None else None
