"""A small Docusaurus tree on disk, the parser run on one of its pages, and warnings of documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources import mdx
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.walk import partition_of


@dataclass(frozen=True, slots=True)
class Site:
    """A folder of documentation. Its name is `docs`, as in most Docusaurus projects."""

    root: Path

    @property
    def source(self) -> Source:
        return Source(name="mdx-test", parser="mdx", roots=(self.root,))

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def documents(self, raw: str | bytes, path: str = "page.md") -> tuple[list[Document], dict[str, str]]:
        """Parse a page with this content. Return its documents and its recorded dependencies."""
        files = SourceFiles(self.root)
        item = Item(f"mdx-test://{path}", partition_of(path), self.root, path)
        content = raw if isinstance(raw, bytes) else raw.encode()
        return list(mdx.parse(self.source, item, content, files)), files.dependencies

    def page(self, raw: str | bytes, path: str = "page.md") -> Document:
        """Parse a page with this content into its only document."""
        documents, _ = self.documents(raw, path)
        assert len(documents) == 1
        return documents[0]

    def content(self, raw: str | bytes) -> str:
        """Return the Markdown of a page with this content."""
        return self.page(raw).content


def warnings(document: Document) -> list[str]:
    """Return the warnings of a document."""
    found = document.metadata.get("warnings", [])
    assert isinstance(found, list)
    return [str(warning) for warning in found]
