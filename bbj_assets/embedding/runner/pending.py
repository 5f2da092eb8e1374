"""What is pending, read page by page while the workers embed.

The list of it is a temporary table, so that it is made once and no transaction is open while a model works. It goes
with its session, as does the lock that keeps other runs from the same texts: when that is lost, another one lists what
comes after the last text that was handed out, and neither the workers nor the storer notice.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Self

from psycopg_pool import AsyncConnectionPool

from bbj_assets.outcomes import Failure
from bbj_assets.progress import Progress
from bbj_assets.reports import Coverage
from bbj_assets.store.connection import AsyncConnection
from bbj_assets.store.embeddings import (
    PendingText,
    claim_orphans,
    coverage,
    note_pending,
    pending_page,
)
from bbj_assets.store.locks import take_embedding_lock
from bbj_assets.store.outages import explaining, retry_outages_async
from bbj_assets.store.suspects import given_up


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingTask:
    """Which texts a run is to embed.

    Attributes:
        only_failed: only the texts that failed before, and those of the documents that `parsed_in` stored.
        parsed_in: the ids of runs.
        run_id: the run that this is, which is recorded with failures.
    """

    source: str
    partitions: Collection[str]
    only_failed: bool = False
    parsed_in: Collection[str] = ()
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the texts, and how many of the list need no vector any more: another run was faster, or they are gone."""

    texts: list[PendingText]
    found: int


class PendingTexts:
    """For one run in one event loop; a context manager, because it keeps a session.

    Attributes:
        left: how many texts there are that were not handed out yet.

    Args:
        progress: is told when another run over the same texts has to end first.
    """

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection],
        model: str,
        task: EmbeddingTask,
        initial_delay: float,
        progress: Progress,
    ) -> None:
        self.left = 0
        self._pool = pool
        self._model = model
        self._task = task
        self._initial_delay = initial_delay
        self._progress = progress
        self._session: AsyncConnection | None = None
        self._is_listed = False
        self._position = 0
        self._last: PendingText | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._give_back()

    async def coverage(self) -> dict[str, Coverage]:
        """How far each partition is, now that no other run is at work on them.

        Raises:
            psycopg.Error: the database failed.
        """
        return await coverage(await self._taken(), self._model, self._task.source, self._task.partitions)

    async def note(self) -> None:
        """List what is pending, and count it as left.

        Raises:
            psycopg.Error: the database failed.
        """
        task = self._task
        self.left = await note_pending(
            await self._taken(),
            self._model,
            task.source,
            task.partitions,
            only_failed=task.only_failed,
            parsed_in=task.parsed_in,
            after=self._last,
        )
        self._is_listed, self._position = True, 0

    async def given_up(self) -> list[Failure]:
        """The failures of texts that are not listed, because they take the model server down.

        Raises:
            psycopg.Error: the database failed.
        """
        task = self._task
        if task.only_failed:
            return []
        return await given_up(await self._taken(), self._model, task.source, task.partitions)

    async def page(self, size: int, on_outage: Callable[[str], None]) -> Page:
        """The next texts, at most so many of those that were listed.

        Args:
            on_outage: told before it is tried again when the database failed; what it raises ends that.

        Raises:
            DatabaseError: the database failed, and trying again did not help.
        """
        return await retry_outages_async(partial(self._read, size), self._initial_delay, on_outage)

    async def _read(self, size: int) -> Page:
        with explaining("read what is to be embedded", str(self._pool.conninfo)):
            session = await self._taken()
            if not self._is_listed:
                await self.note()
            listed = min(size, self.left)
            texts = await pending_page(session, self._model, self._position, listed)
        self._position += listed
        self.left -= listed
        self._last = texts[-1] if texts else self._last
        return Page(texts, listed - len(texts))

    async def _taken(self) -> AsyncConnection:
        """The session that has the lock of this run, another one if it was lost."""
        if self._session is not None and not self._session.closed:
            return self._session
        await self._give_back()
        task = self._task
        session = self._session = await self._pool.getconn()
        try:
            await take_embedding_lock(session, self._model, task.source, self._progress.waiting)
            await claim_orphans(session, self._model, task.source, task.partitions)
        except BaseException:
            await session.close()  # so that it leaves no lock, and the next try takes another one
            raise
        return session

    async def _give_back(self) -> None:
        self._is_listed = False
        if self._session is not None:
            await self._pool.putconn(self._session)
            self._session = None
