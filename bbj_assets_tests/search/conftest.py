"""An index that a test fills with vectors at given angles, so that distances are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from bbj_assets.documents import Chunk, Document, Vectors
from bbj_assets.outcomes import ItemContent
from bbj_assets.search import Filters, Hit, search
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import replace_items
from bbj_assets.store.models import Model, ensure_model
from bbj_assets.store.vector_index import refresh_index

DIMENSIONS = 16


def direction(angle: float) -> Vectors:
    """Return a vector at this angle, in degrees, to that of the question."""
    vector = np.zeros((1, DIMENSIONS), dtype=np.float32)
    vector[0, :2] = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return vector


@dataclass
class Index:
    conn: Connection
    model: Model

    def add(
        self,
        source_url: str,
        *texts: str,
        angle: float | None = None,
        title: str = "Page",
        header: str = "Guide > Page",
        generations: Sequence[str] = ("all",),
        deprecated: bool = False,
        display_url: str | None = None,
    ) -> None:
        """Add a page. Its source is the scheme of its URL; without an angle it has no vectors."""
        source = source_url.partition("://")[0]
        chunks = [Chunk(ordinal, text, f"{header} {source_url}", 10) for ordinal, text in enumerate(texts)]
        document = Document(
            source_url=source_url,
            title=title,
            content="",
            doc_type="concept",
            generations=tuple(generations),
            deprecated=deprecated,
            display_url=display_url,
        )
        item = ItemContent(
            key=source_url,
            source=source,
            partition_key="section",
            content_sha256=b"sha",
            code_version="code_version",
            dependencies={},
            documents=[(document, chunks)],
        )
        replace_items(self.conn, [item], None)
        if angle is None:
            return
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO embeddings (model, content_hash, embedding) VALUES (%s, %s, %s::vector)",
                [(self.model.name, chunk.content_hash, str(direction(angle)[0].tolist())) for chunk in chunks],
            )

    def settle(self) -> None:
        """Do what the asset `search_index` does after an ingest."""
        refresh_index(self.conn, timedelta(days=7))

    def find(self, question: str = "", *, limit: int = 50, **filters: Any) -> list[Hit]:
        return search(self.conn, question, direction(0), self.model, Filters(**filters), limit=limit)

    def urls(self, question: str = "", *, limit: int = 50, **filters: Any) -> list[str]:
        return [hit.source_url for hit in self.find(question, limit=limit, **filters)]


@pytest.fixture
def index(conn: Connection) -> Index:
    return Index(conn, ensure_model(conn, "by-hand", DIMENSIONS))
