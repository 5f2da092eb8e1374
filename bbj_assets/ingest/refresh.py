"""Bring the chunks of some partitions up to date with their source: the work of the `chunks` asset."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bbj_assets.documents import Item
from bbj_assets.errors import ParseError, ShrinkError
from bbj_assets.ingest.changes import Changes, find_changes, give_up_poison
from bbj_assets.ingest.code_version import code_version_of
from bbj_assets.ingest.listing import list_items
from bbj_assets.ingest.parsing import ParseTask
from bbj_assets.ingest.workers import parse_in_processes
from bbj_assets.ingest.writing import Writer, WrittenItem
from bbj_assets.outcomes import Failure
from bbj_assets.progress import SILENT, Progress
from bbj_assets.reports import ChunksReport, PartitionReport
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import Connection, connect, url_of
from bbj_assets.store.documents import (
    chunk_totals,
    delete_items,
    documents_of_items,
    stored_items,
)
from bbj_assets.store.failures import clear_parse_failures, list_failures, record_failures
from bbj_assets.store.locks import source_lock
from bbj_assets.store.outages import explaining, retry_outages

_TASK_ITEMS = 32
_TASK_BYTES = 512 * 1024
_SHRINK_FREE = 20


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """How a source is read.

    Attributes:
        processes: parser processes at once.
        allow_shrink: also delete when more than half of the source's documents would go.
        only_failed: take up only the items that are in `failures`, be they healed or gone.
        initial_delay: seconds before it is tried again when the database failed; doubled each time.
        sources: the names of all sources there are; what is stored of another may be taken over. None: nothing may.
        run_id: recorded with documents and failures.
    """

    chunks: ChunkSettings
    processes: int = 2
    allow_shrink: bool = False
    only_failed: bool = False
    initial_delay: float = 1.0
    sources: Collection[str] | None = None
    run_id: str | None = None


def refresh_chunks(
    conn: Connection,
    source: Source,
    partitions: Collection[str],
    options: ParseOptions,
    progress: Progress = SILENT,
) -> ChunksReport:
    """Parse what changed, replace its documents, remove what is gone. Everything else stays as it is.

    When the database fails under way, all of this is tried again: what is stored by then is found unchanged. If `conn`
    was lost another connection takes its place.

    Args:
        conn: in autocommit mode; also holds the source's lock.

    Raises:
        ListingError: the source cannot be listed; nothing was changed.
        ShrinkError: too much is gone to be believed; nothing was changed.
        DatabaseError: the database failed and trying again did not help; every document is wholly old or wholly new.
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


class _Run:
    """One `refresh_chunks`: what it has done stays known when the database fails and it is attempted again."""

    def __init__(self, source: Source, partitions: Collection[str], options: ParseOptions, progress: Progress) -> None:
        self._source = source
        self._partitions = partitions
        self._options = options
        self._progress = progress
        self._stored: dict[str, WrittenItem] = {}
        self._failures: list[Failure] = []
        self._deleted: Counter[str] = Counter()

    def attempt(self, conn: Connection) -> ChunksReport:
        """Do it, while the source is locked."""
        source, options = self._source, self._options
        items, twins = _without_twins(source, list_items(source))
        report = ChunksReport({key: PartitionReport() for key in self._partitions})
        ours = [item for item in items if item.partition in report.partitions]
        changes = _changes(conn, source, [item for item in ours if item.path], options, report.partitions)
        twins = [twin for twin in twins if twin.partition_key in report.partitions]
        failed = [*twins, *_problems(source, ours)]
        given_up = []
        if self._failures:  # in an earlier attempt: a run counts as one
            tried = {failure.item for failure in self._failures}
            changes.parse = [item for item in changes.parse if item.key not in tried]
        if not options.only_failed:
            known = list_failures(conn, source=source.name, stage="parse", partitions=report.partitions)
            given_up = give_up_poison(changes, known, code_version_of(source, options.chunks))
        self._delete_vanished(conn, changes, ours, items, report)
        healed = {item.key for item in changes.unchanged} - {failure.item for failure in failed}
        clear_parse_failures(conn, source.name, healed)
        self._parse_and_store(conn, changes.parse, {item.key for item in items})
        record_failures(conn, failed, self._options.run_id)  # last, because an item that is stored loses its failure
        _count_listing(report, [*(item.partition for item in ours), *(twin.partition_key for twin in twins)])
        self._count_done(report, changes.unchanged)
        _count_failures(report, [*self._failures, *failed, *given_up])
        for key, total in chunk_totals(conn, source.name, report.partitions).items():
            report.partitions[key].chunks_total = total
        return report

    def _parse_and_store(self, conn: Connection, items: Sequence[Item], listed: Collection[str]) -> None:
        self._progress.advance("chunks", 0, len(items))
        done = 0
        sources = self._options.sources
        with Writer(conn, listed, self._options.run_id, self._stored, self._failures, sources) as writer:
            for outcomes in parse_in_processes(_tasks(self._source, items, self._options), self._options.processes):
                writer.add(outcomes)
                done += len(outcomes)
                self._progress.advance("chunks", done, len(items))

    def _delete_vanished(
        self,
        conn: Connection,
        changes: Changes,
        ours: Iterable[Item],
        listing: Iterable[Item],
        report: ChunksReport,
    ) -> None:
        name = self._source.name
        listed = {item.key for item in ours}
        vanished = {key: stored for key, stored in changes.vanished.items() if key not in listed}
        if any(stored.documents for stored in vanished.values()) and not self._options.allow_shrink:
            _refuse_a_great_loss(conn, name, listing)
        stale = {
            failure.item for failure in list_failures(conn, source=name, stage="parse", partitions=report.partitions)
        }.difference(listed)
        if vanished or stale:
            delete_items(conn, name, [*vanished, *stale])
        self._deleted.update(stored.partition_key for stored in vanished.values() if stored.documents)

    def _count_done(self, report: ChunksReport, unchanged: Sequence[Item]) -> None:
        for item in unchanged:
            report.partitions[item.partition].unchanged += item.key not in self._stored
        for written in self._stored.values():
            partition = report.partitions[written.partition_key]
            if written.documents:
                partition.changed += 1
            else:  # no page of its own (a .txt that is no program): nothing of it is in the index
                partition.unchanged += 1
            partition.chunks_written += written.chunks
        for key, deleted in self._deleted.items():
            report.partitions[key].deleted = deleted


def _refuse_a_great_loss(conn: Connection, name: str, listing: Iterable[Item]) -> None:
    """Judge by the whole source: a loss that is spread over several runs would seem small to each of them."""
    stored = documents_of_items(conn, name)
    present = sum(stored.values())
    for item in listing:
        stored.pop(item.key, None)
    lost = sum(stored.values())
    if lost > _SHRINK_FREE and lost * 2 > present:
        raise ShrinkError(
            f"Source {name!r}: {lost} of its {present} documents are no longer there, which looks like a "
            "fault. Nothing was deleted. Check its paths; if they are meant to go, run bbj-ingest-all with "
            "--allow-shrink."
        )


def _without_twins(source: Source, items: Iterable[Item]) -> tuple[list[Item], list[Failure]]:
    """The items, each key once, and the failures of the others: the same path below two of the source's roots."""
    first: dict[str, Item] = {}
    twins = []
    for item in items:
        other = first.setdefault(item.key, item)
        if other is not item:
            error = ParseError(
                f"{item.file}: left out, because {other.file} has the same path in this source. Rename one of them, or "
                "name its folder in `paths` of another source in sources.toml."
            )
            twins.append(Failure.of("parse", item.key, source.name, item.partition, error))
    return list(first.values()), twins


def _problems(source: Source, items: Iterable[Item]) -> list[Failure]:
    """The failures of items whose newest state could not be had."""
    return [
        Failure.of("parse", item.key, source.name, item.partition, ParseError(f"{item.key}: {item.problem}"))
        for item in items
        if item.problem
    ]


def _changes(
    conn: Connection, source: Source, items: Sequence[Item], options: ParseOptions, partitions: Collection[str]
) -> Changes:
    stored = stored_items(conn, source.name, partitions)
    if options.only_failed:
        failed = {failure.item for failure in list_failures(conn, source=source.name, stage="parse")}
        return Changes(
            parse=[item for item in items if item.key in failed],
            vanished={key: known for key, known in stored.items() if key in failed},  # but for what is listed still
        )
    return find_changes(items, stored, code_version_of(source, options.chunks))


def _count_listing(report: ChunksReport, seen: Iterable[str]) -> None:
    for partition in seen:
        report.partitions[partition].seen += 1


def _count_failures(report: ChunksReport, failures: Sequence[Failure]) -> None:
    for failure in failures:
        report.partitions[failure.partition_key].failed += 1
    report.failures += failures


def _tasks(source: Source, items: Sequence[Item], options: ParseOptions) -> Iterator[ParseTask]:
    """Items in tasks that are worth a message and small enough to share out."""
    made_by = code_version_of(source, options.chunks)
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += _size(item)
        if len(batch) >= _TASK_ITEMS or size >= _TASK_BYTES:
            yield ParseTask(source, batch, options.chunks, made_by)
            batch, size = [], 0
    if batch:
        yield ParseTask(source, batch, options.chunks, made_by)


def _size(item: Item) -> int:
    try:
        return item.file.stat().st_size
    except OSError:  # its parse says what is wrong
        return 0
