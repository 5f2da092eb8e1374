"""The batch runner: every text of some partitions gets its vector, once, whatever a model server does meanwhile.

    pending texts ──reader──▶ bounded queue ──▶ N workers: embed, check, store

Memory is flat: the queue holds twice as many batches as there are workers, and the reader waits. Vectors are
stored batch by batch, so whatever ends the run, what was embedded stays embedded and the next run takes up the
rest. A batch that a server refuses is halved until the bad text stands alone: with b texts and one bad one that
costs at most 2*log2(b) further calls, and its neighbours are stored.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from psycopg_pool import AsyncConnectionPool
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from bbj_assets.embedding.embedder import Embedder, Vectors, checked
from bbj_assets.errors import EmbeddingError, TextRejected, TransientEmbeddingError
from bbj_assets.store.connection import SESSION_OPTIONS, AsyncConnection, configure, connect
from bbj_assets.store.embeddings import (
    Coverage,
    PendingText,
    coverage,
    note_pending,
    pending_page,
    store_vectors,
)
from bbj_assets.store.failures import (
    Failure,
    record_embedding_failure,
    settle_embedding_failures,
)
from bbj_assets.store.models import Model, ensure_model, find_model
from bbj_assets.store.vector_index import drop_before_bulk_load

PROBE_TEXT = "BBj is a Business BASIC."
"""A text that every model can embed: it tells a server that is down from a text that is bad."""

_PAGE_BATCHES = 8
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How the runner works.

    Attributes:
        workers: batches in flight at once; an embedder may lower it.
        batch_size: texts a batch.
        retries: how often a batch is tried again after a transient error.
        first_wait: seconds before the first of them; doubled each time, with jitter. Retry-After wins.
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
        after: and when it ended.
        failures: the texts that could not be embedded, also in the `failures` table.
        seconds: duration of the run.
    """

    model: str
    before: dict[str, Coverage] = field(default_factory=dict)
    after: dict[str, Coverage] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    batches: Counter[str] = field(default_factory=Counter)  # completed, retried, halved
    seconds: float = 0.0

    def pending(self, partition: str) -> int:
        """Chunks without a vector when the run began."""
        found = self.before.get(partition, Coverage(0, 0))
        return found.chunks - found.embedded

    def embedded(self, partition: str) -> int:
        """Chunks that got their vector."""
        return self.after.get(partition, Coverage(0, 0)).embedded - self.reused(partition)

    def reused(self, partition: str) -> int:
        """Chunks whose text had a vector already."""
        return self.before.get(partition, Coverage(0, 0)).embedded

    @property
    def total_embedded(self) -> int:
        """Chunks that got their vector, of all partitions."""
        return sum(self.embedded(partition) for partition in self.before)


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
        on_progress: called with (texts done, texts in all) after every batch.

    Raises:
        EmbeddingError: the embedder is down or misconfigured; what was embedded until then is stored.
    """
    started = time.monotonic()
    report = EmbeddingsReport(embedder.model)
    async with (
        AsyncConnectionPool[AsyncConnection](
            url, min_size=1, max_size=options.workers + 1, kwargs=SESSION_OPTIONS, configure=configure, open=False
        ) as pool,
        pool.connection() as reader,
    ):
        report.before = await coverage(reader, embedder.model, source, partitions)
        total = await note_pending(reader, embedder.model, source, partitions, only_failed=only_failed)
        if total:
            model = await _prepare(url, embedder, total)
            runner = _Runner(pool, embedder, model, options, report, run_id, source, total, on_progress)
            await runner.run(reader)
        report.after = await coverage(reader, embedder.model, source, partitions) if total else report.before
    await asyncio.to_thread(_settle, url, embedder.model)
    report.seconds = time.monotonic() - started
    return report


async def probe(embedder: Embedder) -> int:
    """Embed one text, to see that the embedder is there; gives the dimensions of its vectors.

    Raises:
        EmbeddingError: it is not.
    """
    return int(checked(await embedder.embed([PROBE_TEXT]), [PROBE_TEXT], None).shape[1])


@dataclass(slots=True)
class _Runner:
    pool: AsyncConnectionPool[AsyncConnection]
    embedder: Embedder
    model: Model
    options: BatchOptions
    report: EmbeddingsReport
    run_id: str | None
    source: str
    total: int
    on_progress: Callable[[int, int], None]
    done: int = 0

    async def run(self, reader: AsyncConnection) -> None:
        workers = min(self.options.workers, self.embedder.max_concurrency or self.options.workers)
        queue: asyncio.Queue[list[PendingText] | None] = asyncio.Queue(maxsize=2 * workers)
        self.on_progress(0, self.total)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(reader, queue, workers))
                for _ in range(workers):
                    tasks.create_task(self._work(queue))
        except ExceptionGroup as group:
            raise _first(group) from group

    async def _read(
        self, reader: AsyncConnection, queue: asyncio.Queue[list[PendingText] | None], workers: int
    ) -> None:
        size = self.options.batch_size
        page = size * _PAGE_BATCHES
        for position in range(0, self.total, page):
            texts = await pending_page(reader, self.model.name, position, page)
            for start in range(0, len(texts), size):
                await queue.put(texts[start : start + size])
        for _ in range(workers):
            await queue.put(None)

    async def _work(self, queue: asyncio.Queue[list[PendingText] | None]) -> None:
        while (batch := await queue.get()) is not None:
            await self._embed_batch(batch)
            self.report.batches["completed"] += 1
            self.done += len(batch)
            self.on_progress(self.done, self.total)

    async def _embed_batch(self, batch: Sequence[PendingText]) -> None:
        """Embed and store a batch, in halves if it must be; a text that cannot be embedded becomes a failure."""
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                vectors = await self._embed_patiently([text.text for text in part])
            except TextRejected as error:
                await self._split_or_fail(part, parts, error)
            except TransientEmbeddingError as error:
                await probe(self.embedder)  # raises what is wrong with the server, unless only this batch is bad
                await self._split_or_fail(part, parts, error)
            else:
                async with self.pool.connection() as conn:
                    await store_vectors(conn, self.model.name, [text.content_hash for text in part], vectors)

    async def _split_or_fail(
        self, part: Sequence[PendingText], parts: list[Sequence[PendingText]], error: EmbeddingError
    ) -> None:
        if len(part) > 1:
            self.report.batches["halved"] += 1
            middle = len(part) // 2
            parts += (part[middle:], part[:middle])
            return
        [text] = part
        failure = Failure.of("embed", text.content_hash.hex(), self.source, text.partition_key, error)
        self.report.failures.append(failure)
        async with self.pool.connection() as conn:
            await record_embedding_failure(conn, failure, self.run_id)

    async def _embed_patiently(self, texts: Sequence[str]) -> Vectors:
        def count(_state: RetryCallState) -> None:
            self.report.batches["retried"] += 1

        attempts = AsyncRetrying(
            retry=retry_if_exception_type(TransientEmbeddingError),
            stop=stop_after_attempt(1 + self.options.retries),
            wait=_Wait(self.options.first_wait),
            before_sleep=count,
            reraise=True,
        )
        return await attempts(self._embed_once, texts)

    async def _embed_once(self, texts: Sequence[str]) -> Vectors:
        return checked(await self.embedder.embed(texts), texts, self.model.dimensions)


class _Wait(wait_exponential_jitter):
    """What the server asked for, else 1, 2, 4... times the first wait with jitter."""

    def __init__(self, first: float) -> None:
        super().__init__(initial=first, max=_LONGEST_WAIT, jitter=first / 4)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, TransientEmbeddingError) else None
        return min(asked, _LONGEST_WAIT) if asked is not None else super().__call__(retry_state)


async def _prepare(url: str, embedder: Embedder, rows: int) -> Model:
    model = await asyncio.to_thread(_registered, url, embedder.model)
    dimensions = model.dimensions if model else await probe(embedder)

    def register() -> Model:
        with connect(url) as conn:
            registered = ensure_model(conn, embedder.model, dimensions)
            drop_before_bulk_load(conn, registered, rows)
            return registered

    return await asyncio.to_thread(register)


def _registered(url: str, name: str) -> Model | None:
    with connect(url) as conn:
        return find_model(conn, name)


def _settle(url: str, model: str) -> None:
    with connect(url) as conn:
        settle_embedding_failures(conn, model)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error to show: several workers meet the same server."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
