"""A small Flare project on disk, and the parser run on one of its topics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bbj_assets.chunking import chunk_document
from bbj_assets.documents import Document, Item
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.sources import flare
from bbj_assets.sources.files import SourceFiles

HELP = "https://help.example/WebHelp"
_HTML = '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<html xmlns:MadCap="http://www.madcapsoftware.com/Schemas/MadCap.xsd"'


def topic(body: str, *, title: str = "Topic", attributes: str = "") -> str:
    """Return a topic as Flare writes it."""
    head = f"<head><title>{title}</title></head>" if title else "<head />"
    return f"{_HTML} {attributes}>\n  {head}\n  <body>{body}</body>\n</html>\n"


def snippet(body: str, *, attributes: str = "") -> str:
    """Return a snippet as Flare writes it."""
    return topic(body, title="", attributes=attributes)


def toc(entries: str) -> str:
    """Return a table of contents."""
    return f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<CatapultToc Version="1">{entries}</CatapultToc>'


def entry(link: str = "", *, title: str = "[%=System.LinkedTitle%]", inner: str = "", attributes: str = "") -> str:
    """Return an entry of a table of contents."""
    return f'<TocEntry Title="{title}" Link="{link}" {attributes}>{inner}</TocEntry>'


def variables(**values: str) -> str:
    """Return a variable set."""
    written = "".join(
        f'<Variable Name="{name}" EvaluatedDefinition="">{text}</Variable>' for name, text in values.items()
    )
    return f"\ufeff<CatapultVariableSet>{written}</CatapultVariableSet>"


@dataclass(frozen=True, slots=True)
class Project:
    """A project in a folder.

    Attributes:
        root: the folder that holds Content and Project.
        exclude_conditions: the tags that its build leaves out.
        display_url: the address of its published help; None for none.
    """

    root: Path
    exclude_conditions: tuple[str, ...] = ()
    display_url: str | None = HELP

    @property
    def source(self) -> Source:
        return Source(
            "flare",
            "flare",
            roots=(self.root,),
            display_url=self.display_url,
            exclude_conditions=self.exclude_conditions,
        )

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def documents(self, raw: str | bytes, path: str = "Content/topic.htm") -> tuple[list[Document], dict[str, str]]:
        """Parse a topic with this content. Return its documents and its recorded dependencies."""
        files = SourceFiles(self.root)
        item = Item(f"flare://{path}", "_root", self.root, path)
        content = raw if isinstance(raw, bytes) else raw.encode()
        return list(flare.parse(self.source, item, content, files)), files.dependencies

    def page(self, raw: str | bytes, path: str = "Content/topic.htm") -> Document:
        """Parse a topic with this content into its only document."""
        documents, _ = self.documents(raw, path)
        assert len(documents) == 1
        return documents[0]

    def stored(self, path: str) -> Document:
        """Parse a topic that is in the project."""
        return self.page((self.root / path).read_bytes(), path)

    def content(self, body: str) -> str:
        """Return the Markdown of a topic with this body."""
        return self.page(topic(body)).content


def warnings(document: Document) -> list[str]:
    """Return the warnings of a document."""
    found = document.metadata.get("warnings", [])
    assert isinstance(found, list)
    return [str(warning) for warning in found]


def chunk_text(document: Document) -> str:
    """Return all text of a document that is indexed."""
    return "\n".join(chunk.embedded_text for chunk in chunk_document(document, ChunkSettings()))
