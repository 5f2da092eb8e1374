"""One run of the batch runner: a reader, the workers and a storer. It executes what `policy` decides."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import psycopg

from bbj_assets.embedding.embedders.embedder import checked
from bbj_assets.embedding.runner.pending import PendingTexts
from bbj_assets.embedding.runner.policy import Fail, Halve, Probe, Retry, Wait, decide, needs_probe_first
from bbj_assets.embedding.runner.reporter import Reporter
from bbj_assets.embedding.runner.run import EmbeddingRun
from bbj_assets.embedding.runner.server_health import ServerHealth
from bbj_assets.embedding.runner.storer import Storer
from bbj_assets.embedding.runner.work_queue import SubBatch, WorkQueue
from bbj_assets.errors import (
    DatabaseError,
    EmbedderUnavailable,
    EmbedderUnreachable,
    EmbeddingError,
    TextRejected,
    TransientEmbeddingError,
)
from bbj_assets.outcomes import LEFT_ALONE, Failure
from bbj_assets.retrying import retry_delay
from bbj_assets.store.embeddings import PendingText

SHUTDOWN_TIMEOUT = 10.0
"""Seconds for storing what a stopped run had embedded. A lock of another session cannot delay the stop for longer."""

_PAGE_BATCHES = 8
"""Batches that the reader reads at a time."""


class Runner:
    """Embeds the pending texts, stores their vectors, and fills the report.

    Args:
        dimensions: the dimensions of the model's vectors.
    """

    def __init__(self, run: EmbeddingRun, pending: PendingTexts, dimensions: int) -> None:
        self._run = run
        self._pending = pending
        self._dimensions = dimensions
        self._unanswered: set[SubBatch] = set()  # sent, and not answered yet
        self._queue = WorkQueue(run.workers)
        self._health = ServerHealth(run.embedder, run.workers, run.options.retry_policy)
        self._reporter = Reporter(run, pending.left)
        self._storer = Storer(run, self._reporter)

    async def run(self) -> None:
        """Embed what is pending.

        Raises:
            EmbeddingError: the embedder is down or misconfigured.
            DatabaseError: the database failed, and the retries did not help.
        """
        self._reporter.started()
        try:
            await self._embed_and_store()
        except (BaseExceptionGroup, asyncio.CancelledError) as raised:  # Dagster's interrupt is a BaseException
            error = _first(raised)
            if not isinstance(error, psycopg.Error | DatabaseError):
                with suppress(DatabaseError, TimeoutError):
                    async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                        self._reporter.count_stored(await self._storer.store_waiting())
                        if isinstance(error, EmbedderUnavailable):
                            await self._record_suspects(error)
            raise error from error.__cause__

    async def _embed_and_store(self) -> None:
        """Run the reader, the workers and the storer. The storer ends last, also after an error of the others."""
        failed = None
        async with asyncio.TaskGroup() as storing:
            storing.create_task(self._storer.run())
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read())
                    for worker in range(1, self._run.workers + 1):
                        tasks.create_task(self._work(worker, tasks))
            except BaseExceptionGroup as group:  # raised below, after what was embedded is stored
                failed = group
            self._storer.close()
        if failed:
            raise failed

    async def _read(self) -> None:
        """Put the pending texts in the queue, page by page."""
        options = self._run.options
        while self._pending.left:
            page = await self._pending.page(options.batch_size * _PAGE_BATCHES, self._reporter.reader_outage)
            self._reporter.page_read(page, self._pending.left)
            for texts in _split(page.texts, options.batch_size):
                batch = self._reporter.next_batch(len(texts))
                await self._queue.put(SubBatch.whole(batch, texts, options.retries))
        self._queue.close()

    async def _work(self, worker: int, tasks: asyncio.TaskGroup) -> None:
        """Embed one sub-batch after the other; the next request is sent while an answer is still read and stored."""
        being_stored: asyncio.Task[None] | None = None
        while sub_batch := await self._queue.get():
            sub_batch.worker = worker
            await self._health.wait_until_open()
            is_free = asyncio.Event()
            task = tasks.create_task(self._embed(sub_batch, is_free.set))
            await is_free.wait()
            # At most two batches per worker are in flight: one is requested, one is read and stored.
            if being_stored and not being_stored.done():
                await asyncio.wait([being_stored])
            being_stored = task

    async def _embed(self, sub_batch: SubBatch, on_answer: Callable[[], None]) -> None:
        """Embed a sub-batch and store it, or do what the policy decides.

        Args:
            on_answer: called when the worker is free for the next request.
        """
        try:
            if needs_probe_first(sub_batch.attempt, self._health.state(self._queue.waiting)):
                await self._health.probe()
            await self._request(sub_batch, on_answer)
        finally:
            self._queue.task_done()
            on_answer()

    async def _request(self, sub_batch: SubBatch, on_answer: Callable[[], None]) -> None:
        """Send one request. Store its vectors, or handle its error."""
        texts = [text.text for text in sub_batch.texts]
        was_sent_before = sub_batch in self._unanswered
        self._unanswered.add(sub_batch)
        try:
            vectors = checked(await self._run.embedder.embed(texts, on_answer), texts, self._dimensions)
        except TransientEmbeddingError as error:
            # A request that never arrived cannot have taken the server down, but an earlier one for the texts may have.
            if isinstance(error, EmbedderUnreachable) and not was_sent_before:
                self._unanswered.discard(sub_batch)
            self._health.count_failure()
            await self._handle_error(sub_batch, error)
        except TextRejected as error:
            self._unanswered.discard(sub_batch)
            await self._handle_error(sub_batch, error)
        else:
            self._unanswered.discard(sub_batch)
            self._health.count_answer()
            self._reporter.embedded(sub_batch)
            await self._storer.store(sub_batch, vectors)

    async def _handle_error(self, sub_batch: SubBatch, error: TransientEmbeddingError | TextRejected) -> None:
        """Execute what the policy decides after a failed request."""
        server = self._health.state(self._queue.waiting)
        decision = decide(sub_batch.attempt, error, server)
        match decision:
            case Retry() | Wait():
                sub_batch.attempt = replace(sub_batch.attempt, tries=decision.tries, served=server.served)
                self._reporter.retrying(sub_batch, error)
                await self._retry(sub_batch, decision, error)
            case Halve():
                if decision.after_proof:
                    await self._prove_health(sub_batch, error)
                self._unanswered.discard(sub_batch)
                self._reporter.halving(sub_batch, error)
                self._queue.requeue(*sub_batch.halves(decision.retries))
            case Probe():
                sub_batch.attempt = replace(sub_batch.attempt, was_rejected=True)
                await self._health.probe()
                self._queue.requeue(sub_batch)
            case Fail():
                if decision.after_proof:
                    await self._prove_health(sub_batch, error)
                await self._record_failure(sub_batch, error)
                self._reporter.failed(sub_batch, error)

    async def _retry(self, sub_batch: SubBatch, decision: Retry | Wait, error: EmbeddingError) -> None:
        """Requeue a sub-batch for a retry; a `Wait` also keeps its worker until then."""
        delay = retry_delay(decision.tries, self._run.options.initial_delay, decision.retry_after)
        if isinstance(decision, Wait):
            await asyncio.sleep(delay)
            self._queue.requeue(sub_batch)
            return
        if decision.after_proof:
            await self._prove_health(sub_batch, error)
        else:
            self._health.spend_retry()
        self._queue.requeue_after(delay, sub_batch)

    async def _prove_health(self, sub_batch: SubBatch, error: EmbeddingError) -> None:
        await self._health.prove(error, partial(self._reporter.server_outage, sub_batch))

    async def _record_failure(self, sub_batch: SubBatch, error: EmbeddingError) -> None:
        """Store and count the failure of a single text."""
        self._unanswered.discard(sub_batch)
        [text] = sub_batch.texts
        failure = Failure.of_text(
            content_hash=text.content_hash,
            source=self._run.task.source,
            partition_key=text.partition_key,
            error=error,
            model=self._run.model,
            source_url=text.source_url,
        )
        await self._storer.record_failure(failure, sub_batch)
        self._reporter.count_failure(sub_batch, failure)

    async def _record_suspects(self, error: EmbedderUnavailable) -> None:
        """Record the texts of the unanswered requests as suspects when the server went down.

        A text that has taken it down alone often enough becomes a failure.
        """
        if await self._storer.record_suspects(self._unanswered):
            [sub_batch] = self._unanswered
            crash = EmbedderUnavailable(
                "The model server goes down when it is asked for this text, and did not come back before the retries "
                f"ended: {error} {LEFT_ALONE}"
            )
            await self._record_failure(sub_batch, crash)


def _split(texts: Sequence[PendingText], size: int) -> Iterator[Sequence[PendingText]]:
    """Split a page into batches of `size` texts, and each suspect into a batch of its own. Suspects come last."""
    plain = [text for text in texts if not text.is_suspect]
    for start in range(0, len(plain), size):
        yield plain[start : start + size]
    for text in texts[len(plain) :]:
        yield [text]


def _first(error: BaseException) -> BaseException:
    """Return the first error of a group. The others are usually the same, raised by other workers."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
