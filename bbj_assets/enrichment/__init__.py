"""What a document's place and words say about it: its kind, its BBj generations, and where to read it.

Pure functions over tables, one module a table. What a parser knows is never overruled.
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
"""Part of a document's code_version. Raised whenever the tables would say something else."""

_DEPRECATED = frozenset({"primary.deprecated", "primary.superseded"})
_HELP = "/WebHelp/"


def enrich(document: Document, source: Source) -> Document:
    """Fill in doc_type, generations and display_url where they are empty, and deprecated where it is due.

    Condition tags are read from `document.metadata["conditions"]`, a list of names as Flare writes them
    (`Primary.Deprecated`). A `generation_tag` of the source other than `auto` is the tag of all its documents.
    """
    url = document.display_url or display_url(document, source)
    path = _help_path(document.source_url, url, source)
    conditions = _conditions(document)
    if source.generation_tag != "auto":
        tags: tuple[str, ...] = (source.generation_tag,)
    else:
        tags = document.generations or generations(evidence(path, conditions, f"{document.title}\n{document.content}"))
    return replace(
        document,
        doc_type=document.doc_type or document_type(source.parser, document.title, path, document.content),
        generations=tags,
        deprecated=document.deprecated or any(name.strip().lower() in _DEPRECATED for name in conditions),
        display_url=url,
    )


def _conditions(document: Document) -> Sequence[str]:
    conditions = document.metadata.get("conditions")
    return [name for name in conditions if isinstance(name, str)] if isinstance(conditions, list) else []


def _help_path(source_url: str, url: str | None, source: Source) -> str:
    """Where the topic lies in BASIS's help (`bbjobjects/Window/bbjwindow.htm`); empty for what is no topic of it.

    Flare's Content folder and the published help have the same layout, and a class of the Javadoc links to
    its topic. The folders of a tutorial or of programs may have the same names, and say nothing.
    """
    scheme, _, below = source_url.partition("://")
    if scheme == "flare":
        return below.removeprefix("Content/")
    if url and _HELP in url:
        return unquote(urlsplit(url).path).partition(_HELP)[2]
    if scheme == "bbj_api":
        package, _, name = below.partition("/")
        return f"{package.replace('.', '/')}/{name}"
    site = Site.of(source.url or "") if source.parser == "web-crawl" else None
    return site.section(source_url) if site is not None else ""
