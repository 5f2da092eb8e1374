"""The batch runner: every text of some partitions gets its vector, once, whatever a model server does meanwhile.

    pending texts ──reader──▶ agenda ──▶ N workers: embed, check ──▶ storer
                                 ▲              │
                                 └── again later, or in halves

Memory is flat: there is room for twice as many batches as there are workers before them, and the reader waits for it.
A worker asks for its next batch when the model server begins to answer the last one, which is read and stored
meanwhile: with 50 ms a batch and four workers, the server would otherwise be idle half of the time. So no more than two
batches a worker are in flight, and that is the most that a kill at any moment makes the next run ask for again.

Whatever ends the run, what was embedded stays embedded and the next run takes up the rest: the storer outlives the
workers, and what it left behind, because the listener stopped it, is stored before the error goes on. A database that
fails is asked again by the storer and by the reader, on other connections, while what is to be stored waits.

A batch that a server refuses is halved until the bad text stands alone, and its neighbours are stored: with b texts
and one bad one that costs at most 2*ceil(log2(b)) further calls. A batch that meets a transient error is tried again,
and when the error stays although the server proves to be well, it is halved too. Its halves are halved further at the
first error, because the patience was spent on the whole: only the single text is tried as often again, before it is
blamed. So a text that crashes its server costs two times 1 + 2 + 4 seconds and not seven times, and meanwhile the
worker is busy with other batches. Being turned away (429, 503) is nobody's fault while the server serves others: that
is tried again until it is served too.

A text may take its server down for longer than it is waited for. Then the run ends, and what the server had been asked
for is suspected: the next run asks for it last, text by text, with nothing else under way and after the server proved
to be well. A text with which it goes down again, twice, is a failure, and left alone.

Before a text is blamed for being refused, the server is asked for a vector of a text that every model can embed, and
then once more for this one: two calls more. Ollama answers 400 to nearly everything that goes wrong inside it, and a
broken installation would otherwise become a failure of every text, one by one. It also starts a runner that crashed
again by itself, and then the text was not to blame.
"""

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial

from psycopg_pool import AsyncConnectionPool

from bbj_assets.embedding.embedders.embedder import Embedder
from bbj_assets.embedding.runner.pending import EmbeddingTask, PendingTexts
from bbj_assets.embedding.runner.runner import BatchOptions, Runner
from bbj_assets.embedding.runner.server_health import PROBE_TEXT, probe
from bbj_assets.errors import DatabaseError
from bbj_assets.progress import SILENT, Progress
from bbj_assets.reports import EmbeddingsReport
from bbj_assets.retrying import retry_async
from bbj_assets.store.connection import SESSION_OPTIONS, AsyncConnection, configure, connect
from bbj_assets.store.failures import settle_embedding_failures
from bbj_assets.store.models import Model, ensure_model, find_model
from bbj_assets.store.outages import RETRIES, explaining, retry_outages_async
from bbj_assets.store.suspects import clear_suspects
from bbj_assets.store.vector_index import drop_before_bulk_load

__all__ = ["PROBE_TEXT", "BatchOptions", "EmbeddingTask", "embed_pending", "probe"]

_CONNECTION_SECONDS = 5.0
"""How long a connection of the pool may be waited for, each time that it is tried: nobody is told of an outage before,
and whoever stops the run then is not heard."""


async def embed_pending(
    url: str, embedder: Embedder, task: EmbeddingTask, options: BatchOptions, progress: Progress = SILENT
) -> EmbeddingsReport:
    """Embed every text of a task that has no vector of the embedder's model yet.

    Args:
        url: the database.
        progress: is given the report at once, so that it is known also after an error. What it raises ends the run.

    Raises:
        EmbeddingError: the embedder is down or misconfigured; what was embedded until then is stored.
        DatabaseUnavailable: the database failed in spite of retries; the next run embeds what is left.
        DatabaseError: the database failed in a way that a person has to mend.
    """
    started = time.monotonic()
    report = EmbeddingsReport(embedder.model)
    progress.embedding(report)
    async with (
        _pool(url, options.workers) as pool,
        PendingTexts(pool, embedder.model, task, options.initial_delay, progress) as pending,
    ):
        with explaining(f"embed source {task.source!r}", url):
            report.before = await pending.coverage()
        try:
            if any(partition.embedded < partition.chunks for partition in report.before.values()):
                with explaining(f"embed source {task.source!r}", url):
                    await pending.note()
                    report.failures += await pending.given_up()
            report.texts.failed = len(report.failures)
            report.texts.total = pending.left + report.texts.failed
            if pending.left:
                dimensions = await _made_ready(url, embedder, options, pending.left)
                await Runner(pool, pending, embedder, dimensions, options, report, task, progress).run()
        except BaseException:
            with suppress(DatabaseError):  # what ended the run is what its reader is told
                await _settle(pool, url, report.model, options.initial_delay, retries=0)
            raise
        else:
            await _settle(pool, url, report.model, options.initial_delay)
            if report.texts.found:
                with explaining(f"embed source {task.source!r}", url):
                    report.after = await pending.coverage()
        finally:
            report.seconds = time.monotonic() - started
    return report


def _pool(url: str, workers: int) -> AsyncConnectionPool[AsyncConnection]:
    """For the reader, the storer, and whoever records a failure."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # of what it warns of, `explaining` tells, once
    return AsyncConnectionPool[AsyncConnection](
        url,
        min_size=1,
        max_size=workers + 2,
        timeout=_CONNECTION_SECONDS,
        kwargs=SESSION_OPTIONS,
        configure=configure,
        check=AsyncConnectionPool.check_connection,  # a server that restarts leaves it full of lost ones
        open=False,
    )


async def _settle(
    pool: AsyncConnectionPool[AsyncConnection], url: str, model: str, initial_delay: float, *, retries: int = RETRIES
) -> None:
    async def attempt() -> None:
        with explaining("clear failures that were resolved", url):
            async with pool.connection() as conn:
                await settle_embedding_failures(conn, model)
                await clear_suspects(conn)

    await retry_outages_async(attempt, initial_delay, retries=retries)


async def _made_ready(url: str, embedder: Embedder, options: BatchOptions, rows: int) -> int:
    """Have the model registered, and its index ready for so many rows; gives the dimensions of its vectors.

    The first vector tells them.
    """
    name = embedder.model
    model = await asyncio.to_thread(_registered, url, name)
    if model is None:
        dimensions = await retry_async(partial(probe, embedder), options.retry_policy)
        model = Model(name, dimensions, active=False)
    await asyncio.to_thread(_make_ready, url, model, rows)
    return model.dimensions


def _registered(url: str, name: str) -> Model | None:
    with connect(url) as conn:
        return find_model(conn, name)


def _make_ready(url: str, model: Model, rows: int) -> None:
    with explaining(f"load the vectors of {model.name!r}", url), connect(url) as conn:
        drop_before_bulk_load(conn, ensure_model(conn, model.name, model.dimensions), rows)
