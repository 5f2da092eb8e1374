"""What was embedded goes to the database here, while the workers ask the model for more."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import AsyncConnectionPool

from bbj_assets.documents import Vectors
from bbj_assets.embedding.runner.work_queue import Part
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import AsyncConnection
from bbj_assets.store.embeddings import store_vectors
from bbj_assets.store.failures import record_embedding_failure
from bbj_assets.store.outages import explaining, retry_outages_async
from bbj_assets.store.suspects import suspect, suspect_alone


@dataclass(frozen=True, slots=True)
class Embedded:
    """A part with its vectors, the worker that had it, and whether it is committed."""

    worker: int
    part: Part
    vectors: Vectors
    is_stored: asyncio.Event = field(default_factory=asyncio.Event)


class Storer:
    """Stores what waits, all of it in one transaction, for one event loop.

    When the database fails it is tried again, on another connection if that was lost; meanwhile nothing of what waits
    is forgotten.

    Args:
        initial_delay: seconds before it is tried again.
        on_stored: called after each transaction with what was in it; what it raises ends `run`.
        on_outage: called before it is tried again with who has to wait, and the reason; what it raises ends that, too.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection],
        model: str,
        initial_delay: float,
        on_stored: Callable[[Sequence[Embedded]], None],
        on_outage: Callable[[int, Part, str], None],
    ) -> None:
        self._pool = pool
        self._model = model
        self._initial_delay = initial_delay
        self._on_stored = on_stored
        self._on_outage = on_outage
        self._waiting: list[Embedded] = []  # until it is committed
        self._news = asyncio.Event()
        self._is_closed = False

    async def hand_on(self, embedded: Embedded) -> None:
        """Take it, and return when it is stored: whoever is cancelled while waiting loses nothing.

        No queue in which more could wait, because what a kill loses is all that is in flight, and is paid for twice:
        with 50 ms a batch and four workers it would keep the model server no busier.
        """
        self._waiting.append(embedded)
        self._news.set()
        await embedded.is_stored.wait()

    def close(self) -> None:
        """Nothing more will come."""
        self._is_closed = True
        self._news.set()

    async def run(self) -> None:
        """Store until it is closed and nothing waits any more."""
        ended = False
        while not ended:
            await self._news.wait()
            self._news.clear()
            ended = self._is_closed
            self._on_stored(await self.store_waiting())

    async def store_waiting(self) -> Sequence[Embedded]:
        """Store all that waits in one transaction; gives what it was.

        Raises:
            DatabaseError: the database failed, and trying again did not help.
            EmbedderMisconfigured: the model is not in the index any more.
        """
        parts = list(self._waiting)
        if parts:
            hashes = [text.content_hash for embedded in parts for text in embedded.part.texts]
            vectors = np.concatenate([embedded.vectors for embedded in parts])
            store = partial(_store, model=self._model, hashes=hashes, vectors=vectors)
            await self._patiently(store, parts[0].worker, parts[0].part)
            del self._waiting[: len(parts)]
            for embedded in parts:
                embedded.is_stored.set()
        return parts

    async def record(self, failure: Failure, run_id: str | None, worker: int, part: Part) -> None:
        """Store the failure of a part that is a single text.

        Raises:
            DatabaseError: the database failed, and trying again did not help.
        """
        await self._patiently(partial(record_embedding_failure, failure=failure, run_id=run_id), worker, part)

    async def suspect(self, asked: Collection[Part]) -> bool:
        """Suspect the texts that a server had been asked for when it went down; gives whether one is proved.

        Raises:
            DatabaseError: the database failed.
        """
        hashes = [text.content_hash for part in asked for text in part.texts]
        with explaining("note what the model server had been asked for", str(self._pool.conninfo)):
            async with self._pool.connection() as conn:
                if len(hashes) == 1 and next(iter(asked)).is_suspect:
                    return await suspect_alone(conn, self._model, hashes[0])
                await suspect(conn, self._model, hashes)
                return False

    async def _patiently(self, store: Callable[[AsyncConnection], Awaitable[None]], worker: int, part: Part) -> None:
        async def attempt() -> None:
            with explaining("store what was embedded", str(self._pool.conninfo)):
                async with self._pool.connection() as conn:
                    await store(conn)

        await retry_outages_async(attempt, self._initial_delay, partial(self._on_outage, worker, part))


async def _store(conn: AsyncConnection, model: str, hashes: Sequence[bytes], vectors: Vectors) -> None:
    try:
        await store_vectors(conn, model, hashes, vectors)
    except ForeignKeyViolation as error:  # no transaction keeps the model while vectors are made
        raise EmbedderMisconfigured(
            f"The model {model!r} was removed meanwhile, and its vectors with it. If it is still wanted, fill it anew: "
            f"bbj-assets models add {model}"
        ) from error
