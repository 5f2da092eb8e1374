"""One ingest of a folder of Markdown, as the assets do it, in a process that can be killed.

python -m bbj_assets_tests.chaos.ingest_once DATABASE_URL FOLDER OLLAMA_URL
"""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from bbj_assets.embedding import create_embedder
from bbj_assets.embedding.batches import BatchOptions, embed_pending
from bbj_assets.ingest.chunks import ParseOptions, current_partitions, refresh_chunks
from bbj_assets.settings import Settings
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import connect

WORKERS, BATCH_SIZE = 2, 4


def main(url: str, folder: Path, ollama: str) -> None:
    """Bring the index up to date with the folder."""
    source = Source(name="guide", parser="mdx", roots=(folder,), generation_tag="dwc")
    with connect(url) as conn:
        listed, stored = current_partitions(conn, source)
        options = ParseOptions(ChunkSettings(), processes=1, allow_shrink=True)
        refresh_chunks(conn, source, listed | stored, options)
    asyncio.run(_embed(url, source, listed | stored, ollama))


async def _embed(url: str, source: Source, partitions: set[str], ollama: str) -> None:
    async with aclosing(create_embedder(Settings(embedder="ollama", ollama_host=ollama))) as embedder:
        options = BatchOptions(workers=WORKERS, batch_size=BATCH_SIZE, first_wait=0.05)
        await embed_pending(url, embedder, source.name, partitions, options)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
