"""Run the batch runner once and print its figures as JSON: a process of its own, so that its memory can be measured."""

import asyncio
import json
import sys
from contextlib import aclosing

from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.embedding.runner.batches import BatchOptions, EmbeddingTask, embed_pending
from bbj_assets.reports import EmbeddingsReport
from benchmarks.model_server import MODEL


async def embed(url: str, model_server: str, source: str, options: BatchOptions) -> EmbeddingsReport:
    """Embed the one partition of a source."""
    async with aclosing(OllamaEmbedder(model_server, model=MODEL)) as embedder:
        return await embed_pending(url, embedder, EmbeddingTask(source=source, partitions=["all"]), options)


def main(url: str, model_server: str, source: str, workers: str) -> dict[str, float]:
    """Embed a source, and return the figures of the run."""
    report = asyncio.run(embed(url, model_server, source, BatchOptions(workers=int(workers))))
    return {
        "seconds": report.seconds,
        "stored": report.texts.stored,
        "failed": report.texts.failed,
        "batches": report.batches.completed,
        "retried": report.batches.retried,
        "halved": report.batches.halved,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
