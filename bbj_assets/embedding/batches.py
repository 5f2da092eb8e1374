"""The batch runner: every text of some partitions gets its vector, once, whatever a model server does meanwhile.

    pending texts ──reader──▶ bounded queue ──▶ N workers: embed, check ──▶ bounded queue ──▶ storer

Memory is flat: the queues hold twice as many batches as there are workers, and whoever fills them waits. A worker
asks for its next batch while the last one is being stored, so that a model server is never idle (with 50 ms a batch
and four workers it would be, half of the time).

Whatever ends the run, what was embedded stays embedded and the next run takes up the rest: the storer outlives the
workers, and what it left behind, because the listener stopped it, is stored before the error goes on. Only a database
that fails is not asked again.

A batch that a server refuses is halved until the bad text stands alone, and its neighbours are stored: with b texts
and one bad one that costs at most 2*ceil(log2(b)) further calls. (Where the error is a transient one that stays, each
of those that fails, ceil(log2(b)) + 1 of them, is tried again and followed by a probe.)

Before a text is blamed for being refused, the server is asked for a vector of a text that every model can embed, and
then once more for this one: two calls more. Ollama answers 400 to nearly everything that goes wrong inside it, and a
broken installation would otherwise become a failure of every text, one by one. It also starts a runner that crashed
again by itself, and then the text was not to blame.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import psycopg
from psycopg_pool import AsyncConnectionPool

from bbj_assets.embedding._patience import patiently
from bbj_assets.embedding.embedder import Embedder, Vectors, checked
from bbj_assets.errors import EmbedderUnavailable, EmbeddingError, TextRejected, TransientEmbeddingError
from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import SESSION_OPTIONS, AsyncConnection, configure, connect
from bbj_assets.store.embeddings import (
    Coverage,
    PendingText,
    coverage,
    embedded_of_pending,
    note_pending,
    pending_page,
    store_vectors,
)
from bbj_assets.store.failures import record_embedding_failure, settle_embedding_failures
from bbj_assets.store.models import Model, ensure_model, find_model
from bbj_assets.store.vector_index import drop_before_bulk_load

PROBE_TEXT = "BBj is a Business BASIC."
"""A text that every model can embed: it tells a server that is down from a text that is bad."""

_PAGE_BATCHES = 8
_LAST_WAIT = 10.0
"""Seconds for storing what a run that was stopped had embedded: whoever stops it does not wait for a lock."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How the runner works.

    Attributes:
        workers: batches in flight at once; an embedder may lower it.
        batch_size: texts a batch.
        retries: how often a batch is tried again after a transient error.
        first_wait: seconds before the first of them; doubled each time, with jitter, and never sooner than
            Retry-After says.
    """

    workers: int = 4
    batch_size: int = 64
    retries: int = 3
    first_wait: float = 1.0


@dataclass(slots=True)
class EmbeddingsReport:
    """What a run did, for all its partitions and for each.

    Attributes:
        before: coverage of each partition when the run began.
        done: how many chunks of each partition got their vector.
        failures: the texts that could not be embedded, also in the `failures` table; each once, in one of the
            partitions that it stands in.
        batches: how many were `completed`, and how often one was `retried` or `halved`.
        seconds: duration of the run.
    """

    model: str
    before: dict[str, Coverage] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    batches: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def pending(self, partition: str) -> int:
        """Chunks without a vector when the run began."""
        found = self.before.get(partition, Coverage(0, 0))
        return found.chunks - found.embedded

    def embedded(self, partition: str) -> int:
        """Chunks that got their vector."""
        return self.done.get(partition, 0)

    def reused(self, partition: str) -> int:
        """Chunks whose text had a vector already."""
        return self.before.get(partition, Coverage(0, 0)).embedded

    @property
    def total_embedded(self) -> int:
        """Chunks that got their vector, of all partitions."""
        return sum(self.done.values())


async def embed_pending(
    url: str,
    embedder: Embedder,
    source: str,
    partitions: Collection[str],
    options: BatchOptions,
    *,
    only_failed: bool = False,
    run_id: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> EmbeddingsReport:
    """Embed every text of the partitions that has no vector of this model yet.

    Args:
        url: of the database.
        only_failed: only the texts that are in `failures`.
        on_progress: called with (texts done, texts in all) whenever some were stored; what it raises ends the run.

    Raises:
        EmbeddingError: the embedder is down or misconfigured; what was embedded until then is stored.
    """
    started = time.monotonic()
    report = EmbeddingsReport(embedder.model)
    async with (
        AsyncConnectionPool[AsyncConnection](
            url, min_size=1, max_size=options.workers + 2, kwargs=SESSION_OPTIONS, configure=configure, open=False
        ) as pool,
        pool.connection() as reader,
    ):
        report.before = await coverage(reader, embedder.model, source, partitions)
        total = await note_pending(reader, embedder.model, source, partitions, only_failed=only_failed)
        try:
            if total:
                runner = _Runner(pool, embedder, options, report, run_id, source, total, on_progress)
                await runner.prepare(url)
                await runner.run(reader)
                report.done = await embedded_of_pending(reader, embedder.model, source, partitions)
        finally:
            await settle_embedding_failures(reader, embedder.model)
    report.seconds = time.monotonic() - started
    return report


async def probe(embedder: Embedder) -> int:
    """Embed one text, to see that the embedder is there; gives the dimensions of its vectors.

    Raises:
        EmbeddingError: it is not. Never TextRejected: whoever refuses this text is what is wrong.
    """
    try:
        return int(checked(await embedder.embed([PROBE_TEXT]), [PROBE_TEXT], None).shape[1])
    except TextRejected as error:
        raise EmbedderUnavailable(
            f"The model {embedder.model!r} refuses even the plain sentence {PROBE_TEXT!r}, so the server is broken and "
            f"not the text. Look at its log, or restart it. It says: {error}"
        ) from error


@dataclass(slots=True)
class _Runner:
    pool: AsyncConnectionPool[AsyncConnection]
    embedder: Embedder
    options: BatchOptions
    report: EmbeddingsReport
    run_id: str | None
    source: str
    total: int
    on_progress: Callable[[int, int], None]
    dimensions: int = 0
    done: int = 0
    _embedded: list[tuple[Sequence[PendingText], Vectors]] = field(default_factory=list)  # until it is committed
    _room: asyncio.Semaphore = field(init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _all_embedded: bool = False

    async def prepare(self, url: str) -> None:
        """Register the model, whose dimensions the first vector tells."""
        name = self.embedder.model
        model = await asyncio.to_thread(_registered, url, name)
        self.dimensions = model.dimensions if model else await self._patiently(partial(probe, self.embedder))
        await asyncio.to_thread(_make_ready, url, Model(name, self.dimensions, active=False), self.total)

    async def run(self, reader: AsyncConnection) -> None:
        """Embed what is noted as pending in the reader's session."""
        self.on_progress(0, self.total)
        try:
            await self._embed_and_store(reader)
        except (BaseExceptionGroup, asyncio.CancelledError) as raised:  # an interrupt of Dagster is no Exception
            error = _first(raised)
            if not isinstance(error, psycopg.Error):
                with suppress(psycopg.Error, TimeoutError):
                    async with asyncio.timeout(_LAST_WAIT):
                        await self._store_embedded()
            raise error from error.__cause__

    async def _embed_and_store(self, reader: AsyncConnection) -> None:
        workers = min(self.options.workers, self.embedder.max_concurrency or self.options.workers)
        queue: asyncio.Queue[list[PendingText] | None] = asyncio.Queue(maxsize=2 * workers)
        self._room = asyncio.Semaphore(2 * workers)
        failed = None
        async with asyncio.TaskGroup() as storing:
            storing.create_task(self._store())
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read(reader, queue, workers))
                    for _ in range(workers):
                        tasks.create_task(self._work(queue))
            except BaseExceptionGroup as group:  # what was embedded until then is stored before it is raised
                failed = group
            self._all_embedded = True
            self._news.set()
        if failed:
            raise failed

    async def _read(
        self, reader: AsyncConnection, queue: asyncio.Queue[list[PendingText] | None], workers: int
    ) -> None:
        size = self.options.batch_size
        page = size * _PAGE_BATCHES
        for position in range(0, self.total, page):
            texts = await pending_page(reader, self.embedder.model, position, page)
            self._advance(min(page, self.total - position) - len(texts))
            for start in range(0, len(texts), size):
                await queue.put(texts[start : start + size])
        for _ in range(workers):
            await queue.put(None)

    async def _work(self, queue: asyncio.Queue[list[PendingText] | None]) -> None:
        while (batch := await queue.get()) is not None:
            await self._embed_batch(batch)
            self.report.batches["completed"] += 1

    async def _store(self) -> None:
        """Store what was embedded, until nothing more will be."""
        ended = False
        while not ended:
            await self._news.wait()
            self._news.clear()
            ended = self._all_embedded
            self._advance(await self._store_embedded())

    async def _store_embedded(self) -> int:
        """Store all that waits in one transaction; gives the number of texts."""
        parts = list(self._embedded)
        if not parts:
            return 0
        for _ in parts:
            self._room.release()
        hashes = [text.content_hash for texts, _ in parts for text in texts]
        async with self.pool.connection() as conn:
            await store_vectors(conn, self.embedder.model, hashes, np.concatenate([vectors for _, vectors in parts]))
        del self._embedded[: len(parts)]
        return len(hashes)

    async def _hand_on(self, part: Sequence[PendingText], vectors: Vectors) -> None:
        """Give it to the storer, and only then wait for room: whoever is cancelled while waiting loses nothing."""
        self._embedded.append((part, vectors))
        self._news.set()
        await self._room.acquire()

    def _advance(self, texts: int) -> None:
        if texts:
            self.done += texts
            self.on_progress(self.done, self.total)

    async def _embed_batch(self, batch: Sequence[PendingText]) -> None:
        """Embed a batch and hand it on, in halves if it must be; a text that cannot be embedded becomes a failure."""
        parts = [batch]
        suspect: Sequence[PendingText] = ()
        while parts:
            part = parts.pop()
            try:
                vectors = await self._patiently(partial(self._embed, [text.text for text in part]))
            except (TextRejected, TransientEmbeddingError) as error:
                if isinstance(error, TransientEmbeddingError):
                    await probe(self.embedder)  # raises what is wrong with the server, unless only this batch is bad
                if len(part) > 1:
                    self.report.batches["halved"] += 1
                    middle = len(part) // 2
                    parts += (part[middle:], part[:middle])
                elif isinstance(error, TextRejected) and part is not suspect:
                    await self._patiently(partial(probe, self.embedder))
                    suspect = part
                    parts.append(part)
                else:
                    await self._record_failure(part[0], error)
            else:
                await self._hand_on(part, vectors)

    async def _record_failure(self, text: PendingText, error: EmbeddingError) -> None:
        failure = Failure.of("embed", text.content_hash.hex(), self.source, text.partition_key, error)
        self.report.failures.append(failure)
        async with self.pool.connection() as conn:
            await record_embedding_failure(conn, failure, self.run_id)
        self._advance(1)

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        return checked(await self.embedder.embed(texts), texts, self.dimensions)

    async def _patiently(self, call: Callable[[], Awaitable[_T]]) -> _T:
        def count() -> None:
            self.report.batches["retried"] += 1

        options = self.options
        return await patiently(call, retries=options.retries, first_wait=options.first_wait, on_retry=count)


def _registered(url: str, name: str) -> Model | None:
    with connect(url) as conn:
        return find_model(conn, name)


def _make_ready(url: str, model: Model, rows: int) -> None:
    with connect(url) as conn:
        drop_before_bulk_load(conn, ensure_model(conn, model.name, model.dimensions), rows)


def _first(error: BaseException) -> BaseException:
    """The one error to show: several workers meet the same server."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
