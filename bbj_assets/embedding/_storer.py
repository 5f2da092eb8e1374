"""What was embedded goes to the database here, while the workers ask the model for more."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg_pool import AsyncConnectionPool

from bbj_assets.embedding._agenda import Part
from bbj_assets.embedding.embedder import Vectors
from bbj_assets.store.connection import AsyncConnection
from bbj_assets.store.embeddings import store_vectors


@dataclass(frozen=True, slots=True)
class Embedded:
    """A part with its vectors, and the worker that had it."""

    worker: int
    part: Part
    vectors: Vectors


class Storer:
    """Stores what waits, all of it in one transaction, for one event loop.

    Args:
        room: how much may wait before a worker that brings more has to wait.
        on_stored: called after each transaction with what was in it; what it raises ends `run`.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection],
        model: str,
        room: int,
        on_stored: Callable[[Sequence[Embedded]], None],
    ) -> None:
        self._pool = pool
        self._model = model
        self._on_stored = on_stored
        self._waiting: list[Embedded] = []  # until it is committed
        self._room = asyncio.Semaphore(room)
        self._news = asyncio.Event()
        self._is_closed = False

    async def hand_on(self, embedded: Embedded) -> None:
        """Take it, and only then wait for room: whoever is cancelled while waiting loses nothing."""
        self._waiting.append(embedded)
        self._news.set()
        await self._room.acquire()

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
        """Store all that waits in one transaction; gives what it was."""
        parts = list(self._waiting)
        if parts:
            for _ in parts:
                self._room.release()
            hashes = [text.content_hash for embedded in parts for text in embedded.part.texts]
            vectors = np.concatenate([embedded.vectors for embedded in parts])
            async with self._pool.connection() as conn:
                await store_vectors(conn, self._model, hashes, vectors)
            del self._waiting[: len(parts)]
        return parts
