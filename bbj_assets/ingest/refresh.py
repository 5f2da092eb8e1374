"""Bringing the chunks of some partitions up to date with their source: the work of the asset `chunks`.

A run lists the source, plans what to do, deletes, parses and stores, and reports.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass

from bbj_assets.documents import Item
from bbj_assets.ingest.changes import Changes, find_changes, find_failed_changes, find_poison
from bbj_assets.ingest.code_version import code_version_of
from bbj_assets.ingest.listing import Listing, list_partitions
from bbj_assets.ingest.parsing import ParseTask
from bbj_assets.ingest.shrink_guard import refuse_great_loss
from bbj_assets.ingest.workers import parse_in_processes
from bbj_assets.ingest.writing import WriteOptions, Writer, Written
from bbj_assets.outcomes import Failure
from bbj_assets.progress import SILENT, Progress
from bbj_assets.reports import ChunksReport, PartitionReport
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import Connection, connect, url_of
from bbj_assets.store.documents import StoredItem, chunk_totals, delete_items, stored_items
from bbj_assets.store.failures import StoredFailure, clear_parse_failures, list_failures, record_failures
from bbj_assets.store.locks import source_lock
from bbj_assets.store.outages import explaining, retry_outages
from bbj_assets.store.ownership import NO_TAKEOVER, Takeover

_TASK_ITEMS = 32
_TASK_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """How a source is read.

    Attributes:
        processes: the number of parser processes.
        allow_shrink: whether more than half of the source's documents may be deleted.
        only_failed: process only the items in `failures`: parse them again, or delete what is no longer listed.
        initial_delay: seconds before the first retry after an outage of the database, doubled each time.
        takeover: the other sources that lose a page to this one.
        run_id: recorded with documents and failures.
    """

    chunks: ChunkSettings
    _: KW_ONLY
    processes: int = 2
    allow_shrink: bool = False
    only_failed: bool = False
    initial_delay: float = 1.0
    takeover: Takeover = NO_TAKEOVER
    run_id: str | None = None


def refresh_chunks(
    conn: Connection,
    source: Source,
    partitions: Collection[str],
    options: ParseOptions,
    progress: Progress = SILENT,
) -> ChunksReport:
    """Parse what changed, replace its documents, and delete what is no longer listed.

    After an outage of the database all of this is repeated. What is stored by then is found unchanged. If `conn` was
    lost, a new connection takes its place.

    Args:
        conn: in autocommit mode; also holds the source's lock.

    Raises:
        ListingError: the source cannot be listed; nothing was changed.
        ShrinkError: too many documents would be deleted; nothing was changed.
        DatabaseError: the database failed, and the retries did not help. Every document is wholly old or wholly new.
    """
    started = time.monotonic()
    url = url_of(conn)
    run = _Run(source, partitions, options, progress)

    def attempt() -> ChunksReport:
        with explaining(f"bring source {source.name!r} up to date", url), ExitStack() as opened:
            own = opened.enter_context(connect(url)) if conn.closed else conn
            with source_lock(own, source.name, progress.waiting):
                return run.attempt(own)

    report = retry_outages(attempt, options.initial_delay, progress.outage)
    report.seconds = time.monotonic() - started
    progress.chunked(report)
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a run is to do.

    Attributes:
        parse: the items to parse.
        unchanged: the items that need not be parsed.
        deleted: the stored items to delete, by key.
        stale: the keys of failed items that are no longer listed.
        left_alone: the failures of items that are not parsed again before they change.
    """

    parse: Sequence[Item]
    unchanged: Sequence[Item]
    deleted: dict[str, StoredItem]
    stale: Collection[str]
    left_alone: Sequence[Failure]


class _Run:
    """One `refresh_chunks`. It keeps what it has done when it is attempted again after an outage of the database."""

    def __init__(self, source: Source, partitions: Collection[str], options: ParseOptions, progress: Progress) -> None:
        self._source = source
        self._partitions = dict.fromkeys(partitions)  # a set that keeps its order
        self._options = options
        self._progress = progress
        self._written = Written()
        self._deleted: Counter[str] = Counter()

    def attempt(self, conn: Connection) -> ChunksReport:
        """Do what is left to do, while the source is locked."""
        listing = list_partitions(self._source, self._partitions)
        code_version = code_version_of(self._source, self._options.chunks)
        plan = self._plan(conn, listing, code_version)
        self._delete(conn, listing, plan)
        self._clear_recovered(conn, listing, plan)
        self._parse_and_store(conn, listing, plan, code_version)
        # Last, because storing an item deletes its failure, and the duplicate of a stored item has the same key.
        record_failures(conn, listing.failures, self._options.run_id)
        return self._report(conn, listing, plan)

    def _plan(self, conn: Connection, listing: Listing, code_version: str) -> _Plan:
        known = list_failures(conn, source=self._source.name, stage="parse")
        changes = self._find_changes(conn, listing, code_version, known)
        tried = {failure.item for failure in self._written.failures}  # earlier in this run, which counts as one attempt
        parse = [item for item in changes.parse if item.key not in tried]
        failures = [failure for failure in known if failure.partition_key in self._partitions]
        left_alone = [] if self._options.only_failed else find_poison(parse, failures, code_version)
        skipped = {failure.item for failure in left_alone}
        listed = {item.key for item in listing.items}
        return _Plan(
            parse=[item for item in parse if item.key not in skipped],
            unchanged=changes.unchanged,
            deleted={key: stored for key, stored in changes.deleted.items() if key not in listed},
            stale={failure.item for failure in failures} - listed,
            left_alone=left_alone,
        )

    def _find_changes(
        self, conn: Connection, listing: Listing, code_version: str, failures: Sequence[StoredFailure]
    ) -> Changes:
        stored = stored_items(conn, self._source.name, self._partitions)
        items = [item for item in listing.items if item.path]  # an item that was never fetched has no path
        if self._options.only_failed:
            return find_failed_changes(items, stored, {failure.item for failure in failures})
        return find_changes(items, stored, code_version)

    def _delete(self, conn: Connection, listing: Listing, plan: _Plan) -> None:
        name = self._source.name
        if any(stored.documents for stored in plan.deleted.values()) and not self._options.allow_shrink:
            refuse_great_loss(conn, name, listing.keys)
        if plan.deleted or plan.stale:
            delete_items(conn, name, [*plan.deleted, *plan.stale])
        self._deleted.update(stored.partition_key for stored in plan.deleted.values() if stored.documents)

    def _clear_recovered(self, conn: Connection, listing: Listing, plan: _Plan) -> None:
        """Delete the failures of items that are unchanged since they were stored."""
        recovered = {item.key for item in plan.unchanged} - {failure.item for failure in listing.failures}
        clear_parse_failures(conn, self._source.name, recovered)

    def _parse_and_store(self, conn: Connection, listing: Listing, plan: _Plan, code_version: str) -> None:
        options = WriteOptions(listed=listing.keys, run_id=self._options.run_id, takeover=self._options.takeover)
        total, done = len(plan.parse), 0
        self._progress.advance("chunks", done, total)
        with Writer(conn, options, self._written) as writer:
            for outcomes in parse_in_processes(self._tasks(plan.parse, code_version), self._options.processes):
                writer.add(outcomes)
                done += len(outcomes)
                self._progress.advance("chunks", done, total)

    def _tasks(self, items: Sequence[Item], code_version: str) -> Iterator[ParseTask]:
        """Split the items into tasks: large enough to be worth a message, small enough to share out."""
        for batch in _batches(items):
            yield ParseTask(self._source, batch, self._options.chunks, code_version)

    def _report(self, conn: Connection, listing: Listing, plan: _Plan) -> ChunksReport:
        failures = [*self._written.failures, *listing.failures, *plan.left_alone]
        report = ChunksReport({key: PartitionReport() for key in self._partitions}, failures)
        partitions = report.partitions
        for item in listing.items:
            partitions[item.partition].seen += 1
        for duplicate in listing.duplicates:
            partitions[duplicate.partition_key].seen += 1
        for item in plan.unchanged:
            partitions[item.partition].unchanged += item.key not in self._written.items
        for written in self._written.items.values():
            partition = partitions[written.partition_key]
            if written.documents:
                partition.changed += 1
            else:  # an item without a page, such as a .txt that is not a program: nothing of it is in the index
                partition.unchanged += 1
            partition.chunks_written += written.chunks
        for key, deleted in self._deleted.items():
            partitions[key].deleted = deleted
        for failure in failures:
            partitions[failure.partition_key].failed += 1
        for key, total in chunk_totals(conn, self._source.name, self._partitions).items():
            partitions[key].chunks_total = total
        return report


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += _size(item)
        if len(batch) >= _TASK_ITEMS or size >= _TASK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(item: Item) -> int:
    try:
        return item.file.stat().st_size
    except OSError:  # parsing it reports the error
        return 0
