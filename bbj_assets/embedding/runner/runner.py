"""One run of the batch runner: a reader, the workers and a storer, and what comes of each answer of the model."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg_pool import AsyncConnectionPool

from bbj_assets.embedding.embedders.embedder import Embedder, checked
from bbj_assets.embedding.runner.pending import EmbeddingTask, PendingTexts
from bbj_assets.embedding.runner.server_health import ServerHealth, probe
from bbj_assets.embedding.runner.storer import Embedded, Storer
from bbj_assets.embedding.runner.work_queue import Agenda, Batch, Part
from bbj_assets.errors import (
    DatabaseError,
    EmbedderUnavailable,
    EmbedderUnreachable,
    EmbeddingError,
    RateLimited,
    TextRejected,
    TransientEmbeddingError,
)
from bbj_assets.outcomes import Failure
from bbj_assets.progress import Progress
from bbj_assets.reports import BatchEvent, BatchEventKind, EmbeddingsReport
from bbj_assets.retrying import RetryPolicy, retry_async, retry_delay
from bbj_assets.store.connection import AsyncConnection
from bbj_assets.store.embeddings import PendingText

_PAGE_BATCHES = 8
_LEFT_ALONE = "It is left alone until it changes; `bbj-ingest-all --retry-failed` asks for it all the same."
_LAST_WAIT = 10.0
"""Seconds for storing what a run that was stopped had embedded: whoever stops it does not wait for a lock."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How the runner works.

    Attributes:
        workers: batches that are asked for at once; an embedder may lower it. Each worker may have one more whose
            answer is being read or stored.
        batch_size: texts a batch.
        retries: how often a batch is tried again after a transient error.
        initial_delay: seconds before the first of them; doubled each time, with jitter, and never sooner than
            Retry-After says.
    """

    workers: int = 4
    batch_size: int = 64
    retries: int = 3
    initial_delay: float = 1.0

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a request that does not belong to a batch is tried again."""
        return RetryPolicy(retry_on=TransientEmbeddingError, retries=self.retries, initial_delay=self.initial_delay)


class Runner:
    """Embeds the texts that are noted as pending, and fills the report.

    Args:
        dimensions: of the vectors that are stored already or will be.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection],
        pending: PendingTexts,
        embedder: Embedder,
        dimensions: int,
        options: BatchOptions,
        report: EmbeddingsReport,
        task: EmbeddingTask,
        progress: Progress,
    ) -> None:
        self._pending = pending
        self._embedder = embedder
        self._dimensions = dimensions
        self._options = options
        self._report = report
        self._task = task
        self._progress = progress
        self._given_up = report.texts.failed
        self._handed_out = 0
        self._batches = 0
        self._done = self._given_up
        self._asked: set[Part] = set()  # for which the server owes an answer
        self._workers = min(options.workers, embedder.max_concurrency or options.workers)
        self._agenda = Agenda(self._workers)
        self._health = ServerHealth(embedder, self._workers, options.retry_policy)
        self._storer = Storer(pool, embedder.model, options.initial_delay, self._tell_of_stored, self._tell_of_outage)
        self._count_batches(0)

    async def run(self) -> None:
        """Embed what is pending.

        Raises:
            EmbeddingError: the embedder is down or misconfigured.
            DatabaseError: the database failed, and trying again did not help.
        """
        self._progress.advance("embeddings", self._done, self._report.texts.total or 0)
        try:
            await self._embed_and_store()
        except (BaseExceptionGroup, asyncio.CancelledError) as raised:  # an interrupt of Dagster is no Exception
            error = _first(raised)
            if not isinstance(error, psycopg.Error | DatabaseError):
                with suppress(DatabaseError, TimeoutError):
                    async with asyncio.timeout(_LAST_WAIT):
                        self._note_stored(await self._storer.store_waiting())
                        if isinstance(error, EmbedderUnavailable):
                            await self._suspect(error)
            raise error from error.__cause__

    async def _embed_and_store(self) -> None:
        failed = None
        async with asyncio.TaskGroup() as storing:
            storing.create_task(self._storer.run())
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read())
                    for worker in range(1, self._workers + 1):
                        tasks.create_task(self._work(worker, tasks))
            except BaseExceptionGroup as group:  # what was embedded until then is stored before it is raised
                failed = group
            self._storer.close()
        if failed:
            raise failed

    async def _read(self) -> None:
        size = self._options.batch_size
        texts = self._report.texts
        while self._pending.left:
            page = await self._pending.page(size * _PAGE_BATCHES, self._tell_of_lost_reader)
            if page.found:
                texts.found += page.found
                self._advance(page.found)
            texts.total = self._given_up + texts.found + self._handed_out + len(page.texts) + self._pending.left
            self._count_batches(len(page.texts))
            for part in _parts(page.texts, size):
                self._handed_out += len(part)
                self._batches += 1
                await self._agenda.add(Part(Batch(self._batches, len(part)), part, self._options.retries))
        self._agenda.complete()

    async def _work(self, worker: int, tasks: asyncio.TaskGroup) -> None:
        """Deal with one part after the other; the next one is asked for while an answer is still read and stored."""
        being_stored: asyncio.Task[None] | None = None
        while part := await self._agenda.take():
            await self._health.no_doubt()
            is_free = asyncio.Event()
            task = tasks.create_task(self._embed(worker, part, is_free.set))
            await is_free.wait()
            if being_stored and not being_stored.done():
                await asyncio.wait([being_stored])
            being_stored = task

    async def _embed(self, worker: int, part: Part, on_answer: Callable[[], None]) -> None:
        """Embed a part and hand it on; if that fails it is put back, whole or in halves, or is a failure."""
        try:
            await self._try(worker, part, on_answer)
        finally:
            self._agenda.done()
            on_answer()

    async def _try(self, worker: int, part: Part, on_answer: Callable[[], None]) -> None:
        texts = [text.text for text in part.texts]
        if part.is_suspect and not self._health.is_proved:  # only of a server that was well can it be said to go down
            await self._ask_for_a_plain_text()
        was_asked = part in self._asked
        self._asked.add(part)
        try:
            vectors = checked(await self._embedder.embed(texts, on_answer), texts, self._dimensions)
        except TransientEmbeddingError as error:
            if isinstance(error, EmbedderUnreachable) and not was_asked:
                self._asked.discard(part)
            await self._try_again(worker, part, error)
        except TextRejected as error:
            self._asked.discard(part)
            await self._single_out(worker, part, error)
        else:
            self._asked.discard(part)
            self._health.answered()
            self._report.texts.embedded += len(texts)
            await self._storer.hand_on(Embedded(worker, part, vectors))

    async def _try_again(self, worker: int, part: Part, error: TransientEmbeddingError) -> None:
        """Put a part back until it is due, or wait with it; when it was tried often enough the error is no accident."""
        part.tries += 1
        if isinstance(error, RateLimited) and self._health.served > part.served:
            part.tries = 1  # others were served meanwhile, so that its turn will come
        part.served = self._health.served
        is_doubtful = self._health.makes_doubtful(error)
        if part.tries > part.retries:
            await self._prove_health(worker, part, error)
            if len(part.texts) > 1:
                self._halve(worker, part, error, retries=part.retries if isinstance(error, RateLimited) else 0)
            else:
                await self._record_failure(worker, part, error)
            return
        self._report.batches.retried += 1
        self._tell(worker, part.batch, "retrying", f"failed, retrying ({part.tries}/{part.retries}): {error}")
        seconds = retry_delay(part.tries, self._options.initial_delay, error.retry_after)
        if is_doubtful:
            await self._prove_health(worker, part, error)
        elif not (self._agenda.has_room_to_wait and self._health.may_go_on()):
            await asyncio.sleep(seconds)
            self._agenda.put_back(part)
            return
        self._agenda.put_back_in(seconds, part)

    async def _single_out(self, worker: int, part: Part, error: TextRejected) -> None:
        """Find the text that was refused, and make sure that it is to blame."""
        if len(part.texts) > 1:
            self._halve(worker, part, error, retries=part.retries)
        elif part.was_rejected:
            await self._record_failure(worker, part, error)
        else:
            part.was_rejected = True
            await self._ask_for_a_plain_text()
            self._agenda.put_back(part)

    async def _ask_for_a_plain_text(self) -> None:
        await retry_async(partial(probe, self._embedder), self._options.retry_policy)

    def _halve(self, worker: int, part: Part, error: EmbeddingError, *, retries: int) -> None:
        self._asked.discard(part)
        self._report.batches.halved += 1
        self._tell(worker, part.batch, "halving", f"failed, halving {len(part.texts)} chunks: {error}")
        middle = len(part.texts) // 2
        halves = (part.texts[:middle], part.texts[middle:])
        self._agenda.put_back(
            *(Part(part.batch, texts, retries if len(texts) > 1 else self._options.retries) for texts in halves)
        )

    async def _record_failure(self, worker: int, part: Part, error: EmbeddingError) -> None:
        await self._blame(worker, part, error)
        self._tell(worker, part.batch, "failing", f"has a chunk that cannot be embedded: {error}")
        for news in self._settled(worker, part):
            self._progress.batch(news)
        self._advance(1)

    async def _blame(self, worker: int, part: Part, error: EmbeddingError) -> None:
        """Store the failure of a part that is a single text, and count it."""
        self._asked.discard(part)
        [text] = part.texts
        failure = Failure.of_text(
            content_hash=text.content_hash,
            source=self._task.source,
            partition_key=text.partition_key,
            error=error,
            model=self._embedder.model,
            source_url=text.source_url,
        )
        await self._storer.record(failure, self._task.run_id, worker, part)
        self._report.failures.append(failure)
        self._report.texts.failed += 1
        part.batch.failed += 1

    async def _suspect(self, error: EmbedderUnavailable) -> None:
        """Note what the server had been asked for when it went down, and blame a text that was alone with it."""
        if await self._storer.suspect(self._asked):
            [part] = self._asked
            blame = EmbedderUnavailable(
                f"The model server goes down when it is asked for this text, and was away for longer than it is waited "
                f"for: {error} {_LEFT_ALONE}"
            )
            await self._blame(0, part, blame)

    async def _prove_health(self, worker: int, part: Part, error: TransientEmbeddingError) -> None:
        def tell(tries: int, error: BaseException) -> None:
            said = f"and all others wait for the model server, which is asked again ({tries}/{self._options.retries})"
            self._tell(worker, part.batch, "outage", f"{said}: {error}")

        await self._health.prove(error, tell)

    def _tell_of_stored(self, stored: Sequence[Embedded]) -> None:
        for news in self._note_stored(stored):
            self._progress.batch(news)
        self._advance(sum(len(embedded.part.texts) for embedded in stored))

    def _note_stored(self, stored: Sequence[Embedded]) -> list[BatchEvent]:
        """Count what was stored, all of it before anybody is told: a listener may end the run."""
        news = []
        for embedded in stored:
            self._report.texts.stored += len(embedded.part.texts)
            for text in embedded.part.texts:
                self._report.done.update(text.chunks)
            news += self._settled(embedded.worker, embedded.part)
        return news

    def _tell_of_outage(self, worker: int, part: Part, said: str) -> None:
        self._tell(worker, part.batch, "outage", f"and all others wait for the database: {said}")

    def _tell_of_lost_reader(self, said: str) -> None:
        self._progress.batch(self._event(None, self._batches + 1, "outage", f"waits for the database: {said}"))

    def _count_batches(self, read: int) -> None:
        """Note how many batches there are, with those of so many texts that were read and not handed out yet."""
        size = self._options.batch_size
        self._report.batches.total = self._batches + -(-read // size) + -(-self._pending.left // size)

    def _settled(self, worker: int, part: Part) -> list[BatchEvent]:
        """Take the texts of a part, which are stored or have failed, off what is left of their batch; gives its end."""
        batch = part.batch
        batch.left -= len(part.texts)
        if batch.left:
            return []
        if batch.failed:
            self._report.batches.failed += 1
        else:
            self._report.batches.completed += 1
        failed = f", {batch.failed} failed" if batch.failed else ""
        return [self._event(worker, batch.number, "complete", f"complete ({batch.size - batch.failed} chunks{failed})")]

    def _tell(self, worker: int, batch: Batch, kind: BatchEventKind, said: str) -> None:
        self._progress.batch(self._event(worker, batch.number, kind, said))

    def _event(self, worker: int | None, batch: int, kind: BatchEventKind, message: str) -> BatchEvent:
        total = self._report.batches.total
        return BatchEvent(worker=worker, batch=batch, batches=total, kind=kind, message=message)

    def _advance(self, texts: int) -> None:
        if texts:
            self._done += texts
            self._progress.advance("embeddings", self._done, self._report.texts.total or 0)


def _parts(texts: Sequence[PendingText], size: int) -> Iterator[Sequence[PendingText]]:
    """Texts that are asked for together: as many as a batch has, but each suspect by itself."""
    plain = [text for text in texts if not text.is_suspect]
    for start in range(0, len(plain), size):
        yield plain[start : start + size]
    for text in texts[len(plain) :]:
        yield [text]


def _first(error: BaseException) -> BaseException:
    """The one error to show: several workers meet the same server."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
