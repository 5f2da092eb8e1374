"""A running platform over a small documentation of Markdown, and what its index should look like."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bbj_assets.embedding.embedders import create_embedder
from bbj_assets.embedding.runner.batches import BatchOptions, EmbeddingTask, embed_pending
from bbj_assets.ingest.listing import list_items
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.settings import Settings, load_settings
from bbj_assets.source_table import load_sources
from bbj_assets.store.connection import connect
from bbj_assets_tests.databases import temporary_database
from bbj_assets_tests.defs.running_platform import RunningPlatform
from bbj_assets_tests.fakes.ollama_server import FakeOllama

TIMEOUT = 180.0
"""Seconds, for a machine that is busy with other things; an idle one needs a sixth."""


@dataclass(frozen=True)
class RunningProject:
    """A running platform, its documentation, database and model server.

    Attributes:
        docs: the folder of sources.toml and of what is indexed.
    """

    platform: RunningPlatform
    docs: Path
    url: str
    models: FakeOllama

    def write(self, path: str, text: str) -> None:
        file = self.docs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def documents(self) -> set[str]:
        with connect(self.url) as conn:
            return {url for (url,) in conn.execute("SELECT source_url FROM documents")}

    def content(self, source_url: str) -> str:
        with connect(self.url) as conn:
            rows = conn.execute("SELECT content FROM chunks WHERE source_url = %s ORDER BY ordinal", [source_url])
            return "\n".join(content for (content,) in rows)

    def failures(self) -> set[str]:
        with connect(self.url) as conn:
            return {error for (error,) in conn.execute("SELECT error_type FROM failures")}

    def clean_ingest(self, url: str, home: Path) -> str:
        """Ingest everything into another, empty database, without Dagster, and return its URL."""
        settings = load_settings(
            home=home, config=self.docs / "sources.toml", embedder="ollama", ollama_host=self.models.url
        )
        for source in load_sources(settings).sources:
            sections = {item.partition for item in list_items(source)}
            with connect(url) as conn:
                refresh_chunks(conn, source, sections, ParseOptions(settings.chunks, processes=1))
            asyncio.run(_embed(settings, url, source.name, sections))
        return url


@contextmanager
def running_project(
    server_url: str, pages: Mapping[str, str], models: FakeOllama, **environment: str
) -> Iterator[RunningProject]:
    """Run a platform on a database of its own; `pages` are files by their paths, one of them sources.toml."""
    with temporary_database(server_url) as url, TemporaryDirectory(prefix="bbj-assets-") as scratch:
        docs = Path(scratch) / "docs"
        platform = RunningPlatform(
            Path(scratch),
            {
                "BBJ_ASSETS_CONFIG": str(docs / "sources.toml"),
                "BBJ_ASSETS_DATABASE_URL": url,
                "BBJ_ASSETS_EMBEDDER": "ollama",
                "OLLAMA_HOST": models.url,
                "BBJ_ASSETS_PARSE_WORKERS": "1",
                "BBJ_ASSETS_EMBEDDING_RETRY_SECONDS": "0.01",
                **environment,
            },
        )
        running = RunningProject(platform, docs, url, models)
        for path, text in pages.items():
            running.write(path, text)
        with platform:
            yield running


def rows(url: str) -> list[tuple[object, ...]]:
    """Return all that a reader of an index can see."""
    with connect(url) as conn:
        return conn.execute(
            """
            SELECT d.source_url, d.item, d.source, d.partition_key, d.title, d.doc_type, d.generations, d.deprecated,
                   d.display_url, d.section_path, d.content_sha256, d.code_version, d.dependencies::text,
                   d.metadata::text, c.ordinal, c.content, c.context_header, c.content_hash, e.model, e.embedding::text,
                   f.error
            FROM documents d LEFT JOIN chunks c USING (source_url) LEFT JOIN embeddings e USING (content_hash)
            LEFT JOIN failures f ON f.item = encode(c.content_hash, 'hex')
            ORDER BY d.source_url, c.ordinal
            """
        ).fetchall()


async def _embed(settings: Settings, url: str, source: str, sections: set[str]) -> None:
    async with aclosing(create_embedder(settings)) as embedder:
        await embed_pending(url, embedder, EmbeddingTask(source=source, partitions=sections), BatchOptions())
