"""Reports and events of a run: plain records, filled by the work and read by the command line and by Dagster.

Failures are in `outcomes`. How events reach a listener is in `progress`. How a report is shown is not decided here.
"""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Literal

from bbj_assets.outcomes import Failure


@dataclass(frozen=True, slots=True)
class Coverage:
    """The number of chunks, and of those that have a vector."""

    chunks: int
    embedded: int

    @property
    def is_complete(self) -> bool:
        """Whether every chunk has its vector."""
        return self.embedded == self.chunks


_NO_CHUNKS = Coverage(0, 0)


@dataclass(slots=True)
class PartitionReport:
    """What a run of `chunks` did in one partition.

    Attributes:
        seen: the items (files, pages or posts) that the source lists.
        changed: the items that were parsed and stored.
        unchanged: the items that were as in the last run, so that they were not parsed, and those without a page of
            their own.
        deleted: the stored items that the source lists no more.
        failed: the items that could not be fetched or parsed.
        chunks_written: the chunks of the changed items.
        chunks_total: the chunks of the partition after the run.
    """

    seen: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    chunks_written: int = 0
    chunks_total: int = 0

    def add(self, other: "PartitionReport") -> None:
        """Add the counts of another partition."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(slots=True)
class ChunksReport:
    """What a run of `chunks` did, by partition. `seconds` is its duration."""

    partitions: dict[str, PartitionReport]
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def total(self) -> PartitionReport:
        """The sum over all partitions."""
        total = PartitionReport()
        for report in self.partitions.values():
            total.add(report)
        return total


BatchEventKind = Literal["complete", "retrying", "halving", "failing", "outage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvent:
    """Something that happened to a batch of texts. `str(event)` is the line that a person reads.

    Attributes:
        worker: the worker that had the batch last, from 1; None for the reader of pending texts.
        batch: the number of the batch, from 1.
        batches: the number of batches of the whole run.
        kind: `complete` when all texts of the batch are stored or have failed; `retrying`, `halving` or `failing` after
            an error; `outage` while all workers wait for the model server, or any part of the run for the database.
        message: the event in words, for example `complete (64 chunks)`.
    """

    worker: int | None
    batch: int
    batches: int
    kind: BatchEventKind
    message: str

    def __str__(self) -> str:
        if self.worker is None:
            return f"[reader] {self.message}"
        return f"[worker {self.worker}] batch {self.batch}/{self.batches} {self.message}"


@dataclass(slots=True, kw_only=True)
class TextCounts:
    """The results for the texts without a vector. Several chunks may have the same text; it is embedded once.

    Attributes:
        total: the number of these texts; None if the run ended before it could count them.
        embedded: the model returned their vectors.
        stored: their vectors are in the database.
        failed: the model cannot embed them.
        skipped: another run stored their vectors meanwhile, or their last chunk was deleted.
    """

    total: int | None = None
    embedded: int = 0
    stored: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(slots=True, kw_only=True)
class BatchCounts:
    """The results for the batches. A batch that is neither completed nor failed was not finished.

    Attributes:
        total: the number of batches.
        completed: all of their texts are stored.
        failed: at least one of their texts failed; the others are stored.
        retried: the number of retries after transient errors, over all batches.
        halved: the number of halvings, over all batches.
    """

    total: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    halved: int = 0


@dataclass(slots=True)
class EmbeddingsReport:
    """What a run of `embeddings` did, in total and by partition. It is filled while the run goes on.

    Texts are what the model is asked for; chunks are what a partition has. A text counts once in `texts`, and in each
    partition once for each of its chunks.

    Attributes:
        before: the coverage of each partition when the run began.
        after: the coverage of each partition when the run ended. None unless texts were skipped; without those it
            follows from `before` and `done`.
        done: the number of chunks that got their vector in this run, by partition.
        failures: the texts that could not be embedded, which are also in the table `failures`. Each is listed once,
            with one of its partitions.
        seconds: the duration of the run.
    """

    model: str
    before: dict[str, Coverage] = field(default_factory=dict)
    after: dict[str, Coverage] | None = None
    done: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    batches: BatchCounts = field(default_factory=BatchCounts)
    texts: TextCounts = field(default_factory=TextCounts)
    seconds: float = 0.0

    def pending(self, partition: str) -> int:
        """Return the number of chunks that had no vector when the run began."""
        before = self.before.get(partition, _NO_CHUNKS)
        return before.chunks - before.embedded

    def embedded(self, partition: str) -> int:
        """Return the number of chunks that got their vector in this run."""
        return self.done[partition]

    def reused(self, partition: str) -> int:
        """Return the number of chunks whose vector is from an earlier run, or from another run meanwhile."""
        if self.after is None:
            return self.before.get(partition, _NO_CHUNKS).embedded
        return max(0, self.after.get(partition, _NO_CHUNKS).embedded - self.done[partition])

    @property
    def left(self) -> int:
        """The number of texts that are neither stored, failed nor skipped: more than 0 if the run ended early."""
        texts = self.texts
        return (texts.total or 0) - texts.skipped - texts.stored - texts.failed

    @property
    def has_begun(self) -> bool:
        """Whether the run got as far as counting its texts."""
        return self.texts.total is not None

    @property
    def total_embedded(self) -> int:
        """The number of chunks that got their vector in this run, over all partitions."""
        return self.done.total()
