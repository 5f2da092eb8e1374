"""Storing what was parsed, while the next items are being parsed.

PostgreSQL spends most of a load on the full-text vectors, in the one process that serves a connection: 16 MB of
Markdown take it three seconds. So two connections write at a time. They never meet: each item is in one batch,
and no two items may give the same document. Nor may two sources, though those may find out only when both have stored
it: then the later one fails.
"""

import queue
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import psycopg

from bbj_assets.errors import ParseError, Stopped
from bbj_assets.outcomes import Failure, ItemContent, Outcome
from bbj_assets.store.connection import Connection, connect_like
from bbj_assets.store.documents import Owner, owners, replace_items
from bbj_assets.store.failures import record_failures

_CONNECTIONS = 2
_BATCH_CHUNKS = 500


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """An item that is in the store now, without its content."""

    partition_key: str
    documents: int
    chunks: int


class Writer:
    """Takes outcomes and stores them, some hundred chunks a transaction. All are stored when the `with` ends.

    So they are when somebody stops the work, who is told how much was done; any other error leaves the last ones out.

    Args:
        conn: it writes beside this one, on connections of its own.
        listed: the keys of all items of the source.
        stored: takes up every item that was stored, by its key, however the `with` ends.
        failures: takes up those that could not be parsed or stored, when they are in the `failures` table.
        sources: the names of all sources there are; what is stored of another may be taken over. None: nothing may.
    """

    def __init__(
        self,
        conn: Connection,
        listed: Collection[str],
        run_id: str | None,
        stored: dict[str, WrittenItem],
        failures: list[Failure],
        sources: Collection[str] | None = None,
    ) -> None:
        self._sources = sources
        self._stored = stored
        self._failures = failures
        self._conn = conn
        self._listed = listed
        self._run_id = run_id
        self._batch: list[ItemContent] = []
        self._batch_chunks = 0
        self._claimed: dict[str, Owner] = {}
        self._writing: set[Future[list[Failure]]] = set()
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._open = ExitStack()
        self._pool = self._open.enter_context(ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="writer"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: object, *_: object) -> None:
        with self._open:
            try:
                if error is None or isinstance(error, Stopped):
                    self._write()
                    self._settle(all_of_them=True)
            finally:
                wait(self._writing)  # what is being written when something else fails is stored, or fails as well

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Store these, now or with the next ones."""
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                self._fail(outcome)
            else:
                self._batch.append(outcome)
                self._batch_chunks += _chunks(outcome)
        if self._batch_chunks >= _BATCH_CHUNKS:
            self._write()

    def _write(self) -> None:
        items, self._batch, self._batch_chunks = self._without_rivals(self._batch), [], 0
        if not items:
            return
        if len(self._writing) >= _CONNECTIONS:
            self._settle()
        if self._idle.empty():
            self._idle.put(self._open.enter_context(connect_like(self._conn)))
        self._writing.add(self._pool.submit(self._store, items))

    def _settle(self, *, all_of_them: bool = False) -> None:
        """Wait for a batch that is being written (or for all)."""
        while self._writing:
            done, self._writing = wait(self._writing, return_when=FIRST_COMPLETED)
            for future in done:
                self._failures += future.result()
            if not all_of_them:
                return

    def _store(self, items: Sequence[ItemContent]) -> list[Failure]:
        conn = self._idle.get()
        try:
            return self._store_with(conn, items)
        finally:
            self._idle.put(conn)

    def _store_with(self, conn: Connection, items: Sequence[ItemContent]) -> list[Failure]:
        try:
            replace_items(conn, items, self._run_id, self._sources)
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded) as error:
            if len(items) > 1:  # one of them cannot be stored: find it, so that its neighbours are
                return [failure for item in items for failure in self._store_with(conn, [item])]
            failure = _failure(items[0], self._rivalry(items[0], owners(conn, _pages(items))) or error)
            record_failures(conn, [failure], self._run_id)
            return [failure]
        self._stored.update((i.key, WrittenItem(i.partition_key, len(i.documents), _chunks(i))) for i in items)
        return []

    def _without_rivals(self, items: Sequence[ItemContent]) -> list[ItemContent]:
        """The items whose documents no other listed item, and no other source, has under the same URL; others fail."""
        stored = owners(self._conn, _pages(items)) if items else {}
        kept = []
        for item in items:
            error = self._rivalry(item, ChainMap(self._claimed, stored))
            if error is not None:
                self._fail(_failure(item, error))
            else:
                kept.append(item)
                self._claimed.update(dict.fromkeys(_pages([item]), Owner(item.source, item.key)))
        return kept

    def _rivalry(self, item: ItemContent, owners: Mapping[str, Owner]) -> ParseError | None:
        """What is wrong if some of the item's documents are another's."""
        rivals = {page: owner for page in _pages([item]) if (owner := owners.get(page)) and self._holds(owner, item)}
        elsewhere = {page: owner for page, owner in rivals.items() if owner.source != item.source}
        if elsewhere:
            said = ", ".join(sorted(f"{page} (of source {owner.source!r})" for page, owner in elsewhere.items()))
            remedy = "Narrow `url` or `exclude` of one of them in sources.toml."
            return ParseError(f"{item.key}: another source gives the same page: {said}. {remedy}")
        if rivals:
            said = ", ".join(sorted(f"{page} (of {owner.item})" for page, owner in rivals.items()))
            return ParseError(f"{item.key}: another item gives the same page: {said}.")
        return None

    def _holds(self, owner: Owner, item: ItemContent) -> bool:
        """Whether the owner keeps its page from this item; not when it is that item, or is gone."""
        if owner.source != item.source:
            return self._sources is None or owner.source in self._sources
        return owner.item != item.key and owner.item in self._listed

    def _fail(self, failure: Failure) -> None:
        record_failures(self._conn, [failure], self._run_id)
        self._failures.append(failure)


def _pages(items: Iterable[ItemContent]) -> list[str]:
    return [document.source_url for item in items for document, _ in item.documents]


def _chunks(item: ItemContent) -> int:
    return sum(len(chunks) for _, chunks in item.documents)


def _failure(item: ItemContent, error: Exception) -> Failure:
    return Failure.of("parse", item.key, item.source, item.partition_key, error)
