"""The batch runner: embed every pending text of some partitions once, even if the model server fails meanwhile.

    pending texts ──reader──▶ work queue ──▶ N workers: embed, check ──▶ storer
                                  ▲              │
                                  └── requeue: later, or in halves

Memory is flat. The queue has room for two batches per worker, and the reader waits while it is full. A worker sends
its next request when the model server begins to answer the last one, which is read and stored meanwhile: with 50 ms a
batch and four workers, the server would otherwise be idle half of the time. So at most two batches per worker are in
flight, and that is the most that a kill at any moment makes the next run embed again.

Whatever ends the run, what was embedded is stored, and the next run embeds the rest. The storer outlives the workers,
and what it still holds when a listener ends the run is stored before the error is raised. When the database fails, the
storer and the reader retry, each on its own connection. Meanwhile the vectors to be stored wait in memory.

What happens to a batch whose request fails is decided in `policy`, and when a server counts as down in
`server_health`.

A text may take its server down for longer than the retries last. Then the run ends, and the texts of the
unanswered requests become suspects. The next run embeds them last, one by one, with no other request in flight, and
only after the server has proved to be healthy. A suspect that takes the server down again, twice, is a failure, and
later runs leave it alone.
"""

import asyncio
import logging
import time
from contextlib import AbstractContextManager, suppress
from functools import partial

from psycopg_pool import AsyncConnectionPool

from bbj_assets.embedding.embedders.embedder import Embedder
from bbj_assets.embedding.runner.pending import PendingTexts
from bbj_assets.embedding.runner.run import BatchOptions, EmbeddingRun, EmbeddingTask
from bbj_assets.embedding.runner.runner import Runner
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

CONNECTION_TIMEOUT = 5.0
"""Seconds that each try to get a connection of the pool may take. Short, because a listener is notified of an
outage only after a try has failed, and can stop the run only then."""


async def embed_pending(
    url: str, embedder: Embedder, task: EmbeddingTask, options: BatchOptions, progress: Progress = SILENT
) -> EmbeddingsReport:
    """Embed every text of a task that has no vector of the embedder's model yet.

    Args:
        url: the database.
        progress: receives the report at the start, so that the caller has it also after an error. An exception that it
            raises ends the run.

    Raises:
        EmbeddingError: the embedder is down or misconfigured; what was embedded until then is stored.
        DatabaseUnavailable: the database failed in spite of retries; the next run embeds the rest.
        DatabaseError: the database failed in a way that a person has to repair.
    """
    started = time.monotonic()
    report = EmbeddingsReport(embedder.model)
    progress.embedding(report)
    async with connection_pool(url, options.workers) as pool:
        run = EmbeddingRun(
            url=url, pool=pool, embedder=embedder, task=task, options=options, progress=progress, report=report
        )
        async with PendingTexts(run) as pending:
            with _explaining(run):
                report.before = await pending.coverage()
            try:
                await _embed(run, pending)
            except BaseException:
                with suppress(DatabaseError):  # the error that ended the run is the one to show
                    await _clear_resolved(run, retries=0)
                raise
            else:
                await _clear_resolved(run)
                if report.texts.skipped:
                    with _explaining(run):
                        report.after = await pending.coverage()
            finally:
                report.seconds = time.monotonic() - started
    return report


def connection_pool(url: str, workers: int) -> AsyncConnectionPool[AsyncConnection]:
    """Return a pool for the reader, the storer, and the recording of failures."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # `explaining` reports the same once, and better
    return AsyncConnectionPool[AsyncConnection](
        url,
        min_size=1,
        max_size=workers + 2,
        timeout=CONNECTION_TIMEOUT,
        kwargs=SESSION_OPTIONS,
        configure=configure,
        check=AsyncConnectionPool.check_connection,  # after a restart of the server the pool is full of lost ones
        open=False,
    )


def _explaining(run: EmbeddingRun) -> AbstractContextManager[None]:
    return explaining(f"embed source {run.task.source!r}", run.url)


async def _embed(run: EmbeddingRun, pending: PendingTexts) -> None:
    report = run.report
    if any(not coverage.is_complete for coverage in report.before.values()):
        with _explaining(run):
            await pending.list_texts()
            report.failures += await pending.unlisted_failures()
    report.texts.failed = len(report.failures)
    report.texts.total = pending.left + report.texts.failed
    if pending.left:
        dimensions = await _prepare_model(run, pending.left)
        await Runner(run, pending, dimensions).run()


async def _clear_resolved(run: EmbeddingRun, *, retries: int = RETRIES) -> None:
    """Delete failures and suspects whose text has a vector now or is gone."""

    async def attempt() -> None:
        with explaining("clear failures that were resolved", run.url):
            async with run.pool.connection() as conn:
                await settle_embedding_failures(conn, run.model)
                await clear_suspects(conn)

    await retry_outages_async(attempt, run.options.initial_delay, retries=retries)


async def _prepare_model(run: EmbeddingRun, rows: int) -> int:
    """Register the model, and prepare its index for this number of new rows. Return the dimensions of its vectors.

    The dimensions of a model that is not registered yet come from a probe.
    """
    model = await asyncio.to_thread(_registered_model, run.url, run.model)
    if model is None:
        dimensions = await retry_async(partial(probe, run.embedder), run.options.retry_policy)
        model = Model(run.model, dimensions, active=False)
    await asyncio.to_thread(_prepare_index, run.url, model, rows)
    return model.dimensions


def _registered_model(url: str, name: str) -> Model | None:
    with connect(url) as conn:
        return find_model(conn, name)


def _prepare_index(url: str, model: Model, rows: int) -> None:
    with explaining(f"load the vectors of {model.name!r}", url), connect(url) as conn:
        drop_before_bulk_load(conn, ensure_model(conn, model.name, model.dimensions), rows)
