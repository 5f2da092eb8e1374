"""What a run did, in numbers and events: records that travel from the work to those who show it.

Failures are in `outcomes`; how events reach a listener is in `progress`.
"""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Literal

from bbj_assets.outcomes import Failure


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many chunks there are, and how many of them have a vector."""

    chunks: int
    embedded: int

    @property
    def is_complete(self) -> bool:
        """Whether every chunk has its vector."""
        return self.embedded == self.chunks


_NO_CHUNKS = Coverage(0, 0)


@dataclass(slots=True)
class PartitionReport:
    """What a run of `chunks` did in one partition. Items are files, pages or posts."""

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
        batches: the number of batches in all.
        kind: `complete` when the batch is stored; `retrying`, `halving` or `failing` after an error; `outage` when
            all batches wait for the model server or for the database.
        message: the same in words, for example `complete (64 chunks)`.
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
    """What became of the texts without a vector. A text may stand in several chunks, and is embedded once.

    Attributes:
        total: None if the run ended before it could count them.
        embedded: the model returned their vectors.
        stored: their vectors are in the database.
        failed: the model cannot embed them.
        found: another run stored their vectors meanwhile, or they are gone.
    """

    total: int | None = None
    embedded: int = 0
    stored: int = 0
    failed: int = 0
    found: int = 0


@dataclass(slots=True, kw_only=True)
class BatchCounts:
    """What became of the batches. One that is neither completed nor failed was not ended.

    Attributes:
        completed: all of their texts are stored.
        failed: not all of their texts could be embedded.
        retried: retries after transient errors, of all batches together.
        halved: the same of halvings.
    """

    total: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    halved: int = 0


@dataclass(slots=True)
class EmbeddingsReport:
    """What a run of `embeddings` did, in all and by partition. It is filled while the run goes on.

    Attributes:
        before: the coverage of each partition when the run began.
        after: the same when it ended, if another run stored some of the texts meanwhile.
        done: the number of chunks that got their vector, by partition.
        failures: the texts that could not be embedded, which are also in the table `failures`; each once, in one of
            the partitions that it stands in.
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
        found = self.before.get(partition, _NO_CHUNKS)
        return found.chunks - found.embedded

    def embedded(self, partition: str) -> int:
        """Return the number of chunks that got their vector."""
        return self.done[partition]

    def reused(self, partition: str) -> int:
        """Return the number of chunks whose text had a vector already, or got it from another run meanwhile."""
        if self.after is None:
            return self.before.get(partition, _NO_CHUNKS).embedded
        return max(0, self.after.get(partition, _NO_CHUNKS).embedded - self.done[partition])

    @property
    def left(self) -> int:
        """The number of texts that the run did not reach, because it ended early."""
        texts = self.texts
        return (texts.total or 0) - texts.found - texts.stored - texts.failed

    @property
    def has_begun(self) -> bool:
        """Whether the run got as far as counting its texts."""
        return self.texts.total is not None

    @property
    def total_embedded(self) -> int:
        """The number of chunks that got their vector, in all partitions."""
        return self.done.total()
