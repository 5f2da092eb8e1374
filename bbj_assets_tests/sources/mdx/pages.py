"""A small Docusaurus tree on disk, and one page of it parsed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bbj_assets.documents import Document, Item
from bbj_assets.settings import Source
from bbj_assets.sources import mdx
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.walk import partition_of


@dataclass(frozen=True, slots=True)
class Site:
    """A folder of documentation; it is called `docs`, as in most Docusaurus projects."""

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
        """The documents of a page with these bytes, and the dependencies that were recorded."""
        files = SourceFiles(self.root)
        item = Item(f"mdx-test://{path}", partition_of(path), self.root, path)
        content = raw if isinstance(raw, bytes) else raw.encode()
        return list(mdx.parse(self.source, item, content, files)), files.dependencies

    def page(self, raw: str | bytes, path: str = "page.md") -> Document:
        """The one document of a page."""
        documents, _ = self.documents(raw, path)
        assert len(documents) == 1
        return documents[0]

    def content(self, raw: str | bytes) -> str:
        """The Markdown of a page."""
        return self.page(raw).content
