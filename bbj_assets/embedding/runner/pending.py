"""The texts without a vector, read page by page while the workers embed.

They are listed once, in a temporary table, so that no transaction is open while a model works. The table lasts as long
as its session, and so does the lock that keeps other runs from the same texts. When the session is lost, the reader
takes another one and lists what comes after the last text that it handed out. Workers and storer are not affected.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from bbj_assets.embedding.runner.run import EmbeddingRun
from bbj_assets.outcomes import Failure
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
class Page:
    """Some of the pending texts.

    Attributes:
        skipped: the number of listed texts that need no vector any more, because another run stored it or because
            their last chunk was deleted.
    """

    texts: list[PendingText]
    skipped: int


class PendingTexts:
    """The pending texts of one run in one event loop; a context manager, because it holds a session.

    Attributes:
        left: the number of listed texts that were not handed out yet.
    """

    def __init__(self, run: EmbeddingRun) -> None:
        self.left = 0
        self._run = run
        self._session: AsyncConnection | None = None
        self._is_listed = False
        self._position = 0
        self._last: PendingText | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._release_session()

    async def coverage(self) -> dict[str, Coverage]:
        """Return the coverage of each partition, once no other run embeds its texts.

        Raises:
            psycopg.Error: the database failed.
        """
        run = self._run
        return await coverage(await self._locked_session(), run.model, run.task.source, run.task.partitions)

    async def list_texts(self) -> None:
        """List the pending texts, and set `left` to their number.

        Raises:
            psycopg.Error: the database failed.
        """
        task = self._run.task
        self.left = await note_pending(
            await self._locked_session(),
            self._run.model,
            task.source,
            task.partitions,
            only_failed=task.only_failed,
            parsed_in=task.parsed_in,
            after=self._last,
        )
        self._is_listed, self._position = True, 0

    async def unlisted_failures(self) -> list[Failure]:
        """Return the failures of texts that are not listed, because they take the model server down.

        Raises:
            psycopg.Error: the database failed.
        """
        task = self._run.task
        if task.only_failed:
            return []
        return await given_up(await self._locked_session(), self._run.model, task.source, task.partitions)

    async def page(self, size: int, on_outage: Callable[[str], None]) -> Page:
        """Return the next page of at most `size` listed texts.

        Args:
            on_outage: called before each retry when the database failed; what it raises ends the retries.

        Raises:
            DatabaseError: the database failed, and the retries did not help.
        """
        return await retry_outages_async(partial(self._read, size), self._run.options.initial_delay, on_outage)

    async def _read(self, size: int) -> Page:
        with explaining("read what is to be embedded", self._run.url):
            session = await self._locked_session()
            if not self._is_listed:
                await self.list_texts()
            listed = min(size, self.left)
            texts = await pending_page(session, self._run.model, self._position, listed)
        self._position += listed
        self.left -= listed
        self._last = texts[-1] if texts else self._last
        return Page(texts=texts, skipped=listed - len(texts))

    async def _locked_session(self) -> AsyncConnection:
        """Return the session that holds the lock of this run; a new one if it was lost."""
        if self._session is not None and not self._session.closed:
            return self._session
        await self._release_session()
        run = self._run
        session = self._session = await run.pool.getconn()
        try:
            await take_embedding_lock(session, run.model, run.task.source, run.progress.waiting)
            await claim_orphans(session, run.model, run.task.source, run.task.partitions)
        except BaseException:
            await session.close()  # so that it holds no lock, and the next try opens another session
            raise
        return session

    async def _release_session(self) -> None:
        self._is_listed = False
        if self._session is not None:
            await self._run.pool.putconn(self._session)
            self._session = None
