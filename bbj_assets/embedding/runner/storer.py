"""Storing vectors and failures, while the workers send further requests."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from psycopg.errors import ForeignKeyViolation

from bbj_assets.documents import Vectors
from bbj_assets.embedding.runner.reporter import Reporter
from bbj_assets.embedding.runner.run import EmbeddingRun
from bbj_assets.embedding.runner.work_queue import SubBatch
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import AsyncConnection
from bbj_assets.store.embeddings import store_vectors
from bbj_assets.store.failures import record_embedding_failure
from bbj_assets.store.outages import explaining, retry_outages_async
from bbj_assets.store.suspects import suspect, suspect_alone


@dataclass(frozen=True, slots=True)
class _Embedded:
    sub_batch: SubBatch
    vectors: Vectors
    is_committed: asyncio.Event = field(default_factory=asyncio.Event)


class Storer:
    """Stores all waiting sub-batches in one transaction, for one event loop.

    When the database fails the transaction is retried, on another connection if that was lost. The sub-batches stay in
    memory until they are committed.
    """

    def __init__(self, run: EmbeddingRun, reporter: Reporter) -> None:
        self._run = run
        self._reporter = reporter
        self._waiting: list[_Embedded] = []  # until it is committed
        self._changed = asyncio.Event()
        self._is_closed = False

    async def store(self, sub_batch: SubBatch, vectors: Vectors) -> None:
        """Queue it for storing, and return when it is committed. Cancelling the wait loses nothing.

        The caller waits, so that no more than its own batches pile up: a kill loses all that is in flight, and that has
        to be embedded again. With 50 ms a batch and four workers a longer queue keeps the model server no busier.
        """
        embedded = _Embedded(sub_batch, vectors)
        self._waiting.append(embedded)
        self._changed.set()
        await embedded.is_committed.wait()

    def close(self) -> None:
        """Let `run` return once all is stored: nothing more will be queued."""
        self._is_closed = True
        self._changed.set()

    async def run(self) -> None:
        """Store what is queued until the storer is closed and nothing waits.

        Raises:
            DatabaseError: the database failed, and the retries did not help.
            EmbedderMisconfigured: the model is not in the index any more.
        """
        is_last = False
        while not is_last:
            await self._changed.wait()
            self._changed.clear()
            is_last = self._is_closed
            self._reporter.stored(await self.store_waiting())

    async def store_waiting(self) -> Sequence[SubBatch]:
        """Store all that waits in one transaction. Return the sub-batches that were stored.

        Raises:
            DatabaseError: the database failed, and the retries did not help.
            EmbedderMisconfigured: the model is not in the index any more.
        """
        embedded = list(self._waiting)
        if embedded:
            hashes = [text.content_hash for each in embedded for text in each.sub_batch.texts]
            vectors = np.concatenate([each.vectors for each in embedded])
            store = partial(_store, model=self._run.model, hashes=hashes, vectors=vectors)
            await self._retry_outages(store, embedded[0].sub_batch)
            del self._waiting[: len(embedded)]
            for each in embedded:
                each.is_committed.set()
        return [each.sub_batch for each in embedded]

    async def record_failure(self, failure: Failure, sub_batch: SubBatch) -> None:
        """Store the failure of a sub-batch that is a single text.

        Raises:
            DatabaseError: the database failed, and the retries did not help.
        """
        record = partial(record_embedding_failure, failure=failure, run_id=self._run.task.run_id)
        await self._retry_outages(record, sub_batch)

    async def record_suspects(self, unanswered: Collection[SubBatch]) -> bool:
        """Record the texts of the unanswered requests as suspects, after the server went down.

        Return whether they are a single text that has now taken the server down alone often enough to be a failure.

        Raises:
            DatabaseError: the database failed.
        """
        hashes = [text.content_hash for sub_batch in unanswered for text in sub_batch.texts]
        with explaining("record the texts that the model server was asked for", self._run.url):
            async with self._run.pool.connection() as conn:
                if len(hashes) == 1 and next(iter(unanswered)).attempt.is_suspect:
                    return await suspect_alone(conn, self._run.model, hashes[0])
                await suspect(conn, self._run.model, hashes)
                return False

    async def _retry_outages(self, store: Callable[[AsyncConnection], Awaitable[None]], sub_batch: SubBatch) -> None:
        async def attempt() -> None:
            with explaining("store what was embedded", self._run.url):
                async with self._run.pool.connection() as conn:
                    await store(conn)

        on_outage = partial(self._reporter.database_outage, sub_batch)
        await retry_outages_async(attempt, self._run.options.initial_delay, on_outage)


async def _store(conn: AsyncConnection, model: str, hashes: Sequence[bytes], vectors: Vectors) -> None:
    try:
        await store_vectors(conn, model, hashes, vectors)
    except ForeignKeyViolation as error:  # no transaction protects the row of the model while vectors are computed
        raise EmbedderMisconfigured(
            f"The model {model!r} was removed during the run, and its vectors with it. If it is still wanted, fill it "
            f"again: bbj-assets models add {model}"
        ) from error
