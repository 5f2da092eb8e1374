"""One ingest in a process of its own, so that its memory is its own: prints its figures as JSON."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bbj_assets.documents import Vectors
from bbj_assets.embedding.runner.batches import BatchOptions, EmbeddingTask, embed_pending
from bbj_assets.ingest.listing import current_partitions
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import connect

DIMENSIONS = 384


class InstantEmbedder:
    """Answers at once, or after a set time a batch: what is measured is everything around the model."""

    model = "instant"
    max_concurrency = None

    def __init__(self, seconds_a_batch: float) -> None:
        self._seconds = seconds_a_batch
        self._vectors = np.random.default_rng(1).standard_normal((4096, DIMENSIONS)).astype(np.float32)

    async def embed(self, texts: Sequence[str], on_answer: Callable[[], None] = lambda: None) -> Vectors:
        """Random vectors."""
        if self._seconds:
            await asyncio.sleep(self._seconds)
        on_answer()
        return self._vectors[[hash(text) % 4096 for text in texts]]

    async def aclose(self) -> None:
        """Nothing to give back."""


def main(url: str, folder: Path, seconds_a_batch: float) -> dict[str, float]:
    """Bring one source's chunks and embeddings up to date, as the assets do."""
    source = Source(name="bench", parser="mdx", roots=(folder,), generation_tag="dwc")
    embedder = InstantEmbedder(seconds_a_batch)
    started = time.perf_counter()
    with connect(url) as conn:
        listed, stored = current_partitions(conn, source)
        partitions = listed | stored
        chunks = refresh_chunks(conn, source, partitions, ParseOptions(ChunkSettings(), processes=2))
    parsed = time.perf_counter()
    task = EmbeddingTask(source=source.name, partitions=partitions)
    embeddings = asyncio.run(embed_pending(url, embedder, task, BatchOptions()))
    ended = time.perf_counter()
    return {
        "documents": chunks.total.changed,
        "chunks": chunks.total.chunks_written,
        "total_chunks": chunks.total.chunks_total,
        "embedded": embeddings.total_embedded,
        "failed": chunks.total.failed,
        "parse_seconds": parsed - started,
        "embed_seconds": ended - parsed,
        "seconds": ended - started,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))))
