"""Storing what was parsed, while the next items are being parsed.

PostgreSQL spends most of a load on the full-text vectors, in the one process that serves a connection: 16 MB of
Markdown take it three seconds. So two connections write at a time. They never write the same rows: each item is in one
batch, and no two items of a source may have the same document. A conflict of two sources may show only when both store
the same document: then the later one fails.
"""

import queue
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

import psycopg

from bbj_assets.errors import ParseError, Stopped
from bbj_assets.outcomes import Failure, ItemContent, Outcome
from bbj_assets.store.connection import Connection, connect_like
from bbj_assets.store.documents import replace_items
from bbj_assets.store.failures import record_failures
from bbj_assets.store.ownership import NO_TAKEOVER, Owner, Takeover, owners

_CONNECTIONS = 2
_BATCH_CHUNKS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How the items of a source are stored.

    Attributes:
        listed: the keys of all items of the source.
        run_id: recorded with documents and failures.
        takeover: the other sources that lose a page to this one.
    """

    listed: Collection[str]
    run_id: str | None = None
    takeover: Takeover = NO_TAKEOVER


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """An item that is in the store now, without its content."""

    partition_key: str
    documents: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Written:
    """What writers have done. Only a `Writer` adds to it.

    Attributes:
        items: the stored items, by key.
        failures: the items that could not be parsed or stored, which are in the table `failures` as well.
    """

    items: dict[str, WrittenItem] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


class Writer:
    """A context manager that stores outcomes, about 500 chunks per transaction.

    Everything is stored when the `with` block ends, also when it ends with `Stopped`, so that the counts are complete.
    After any other error the last outcomes are not stored.

    Args:
        conn: a connection to the database. The writer opens connections of its own beside it.
        written: filled with what was stored and what failed, also if the block ends with an error.
    """

    def __init__(self, conn: Connection, options: WriteOptions, written: Written) -> None:
        self._conn = conn
        self._options = options
        self._written = written
        self._batch: list[ItemContent] = []
        self._batch_chunks = 0
        self._owners: dict[str, Owner] = {}
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
                    while self._writing:
                        self._wait_for_batch()
            finally:
                wait(self._writing)  # after another error, so that each batch has been stored or has failed

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Store the outcomes, now or with later ones."""
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                self._fail(outcome)
            else:
                self._batch.append(outcome)
                self._batch_chunks += _chunks(outcome)
        if self._batch_chunks >= _BATCH_CHUNKS:
            self._write()

    def _write(self) -> None:
        items, self._batch, self._batch_chunks = self._without_conflicts(self._batch), [], 0
        if not items:
            return
        if len(self._writing) >= _CONNECTIONS:
            self._wait_for_batch()
        if self._idle.empty():
            self._idle.put(self._open.enter_context(connect_like(self._conn)))
        self._writing.add(self._pool.submit(self._store, items))

    def _wait_for_batch(self) -> None:
        """Wait until at least one of the running batches is stored."""
        done, self._writing = wait(self._writing, return_when=FIRST_COMPLETED)
        for future in done:
            self._written.failures.extend(future.result())

    def _store(self, items: Sequence[ItemContent]) -> list[Failure]:
        conn = self._idle.get()
        try:
            return self._store_with(conn, items)
        finally:
            self._idle.put(conn)

    def _store_with(self, conn: Connection, items: Sequence[ItemContent]) -> list[Failure]:
        try:
            replace_items(conn, items, self._options.run_id, self._options.takeover)
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded) as error:
            if len(items) > 1:  # one of them cannot be stored: store the others one by one
                return [failure for item in items for failure in self._store_with(conn, [item])]
            failure = _failure(items[0], self._conflict(items[0], owners(conn, _pages(items))) or error)
            record_failures(conn, [failure], self._options.run_id)
            return [failure]
        self._written.items.update((i.key, WrittenItem(i.partition_key, len(i.documents), _chunks(i))) for i in items)
        return []

    def _without_conflicts(self, items: Sequence[ItemContent]) -> list[ItemContent]:
        """Return the items whose documents belong to no other listed item or source. The others fail."""
        stored = owners(self._conn, _pages(items)) if items else {}
        kept = []
        for item in items:
            error = self._conflict(item, ChainMap(self._owners, stored))
            if error is not None:
                self._fail(_failure(item, error))
            else:
                kept.append(item)
                self._owners.update(dict.fromkeys(_pages([item]), Owner(item.source, item.key)))
        return kept

    def _conflict(self, item: ItemContent, owners: Mapping[str, Owner]) -> ParseError | None:
        """Return the error of an item that has a document of another owner; None if it has none."""
        conflicts = {
            page: owner for page in _pages([item]) if (owner := owners.get(page)) and self._keeps_its_page(owner, item)
        }
        elsewhere = {page: owner for page, owner in conflicts.items() if owner.source != item.source}
        if elsewhere:
            pages = ", ".join(sorted(f"{page} (of source {owner.source!r})" for page, owner in elsewhere.items()))
            remedy = "Narrow `url` or `exclude` of one of them in sources.toml."
            return ParseError(f"{item.key}: another source has the same page: {pages}. {remedy}")
        if conflicts:
            pages = ", ".join(sorted(f"{page} (of {owner.item})" for page, owner in conflicts.items()))
            return ParseError(f"{item.key}: another item has the same page: {pages}.")
        return None

    def _keeps_its_page(self, owner: Owner, item: ItemContent) -> bool:
        """Return whether an owner keeps its page: not if it is this item, and not if it is no longer listed."""
        if owner.source != item.source:
            return not self._options.takeover.allows(owner.source)
        return owner.item != item.key and owner.item in self._options.listed

    def _fail(self, failure: Failure) -> None:
        record_failures(self._conn, [failure], self._options.run_id)
        self._written.failures.append(failure)


def _pages(items: Iterable[ItemContent]) -> list[str]:
    return [document.source_url for item in items for document, _ in item.documents]


def _chunks(item: ItemContent) -> int:
    return sum(len(chunks) for _, chunks in item.documents)


def _failure(item: ItemContent, error: Exception) -> Failure:
    return Failure.of_item(key=item.key, source=item.source, partition_key=item.partition_key, error=error)
