"""What a run of the batch runner tells: of each batch while it goes on, and in numbers of all of them."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from bbj_assets.outcomes import Failure
from bbj_assets.store.embeddings import Coverage

_NOTHING = Coverage(0, 0)

NewsKind = Literal["complete", "retrying", "halving", "failing", "outage"]


@dataclass(frozen=True, slots=True)
class BatchNews:
    """Something that happened to a batch; as a text it is the line that a person reads.

    Attributes:
        worker: who had it last, from 1; 0 is the one who reads what is to be embedded.
        batch: its number, from 1.
        batches: how many there are.
        kind: `complete` of a batch that is stored; `retrying`, `halving` or `failing` after an error of it; `outage`
            when all batches wait for the model server, or for the database.
        said: the same in words, for example `complete (64 chunks)`.
    """

    worker: int
    batch: int
    batches: int
    kind: NewsKind
    said: str

    def __str__(self) -> str:
        if not self.worker:
            return f"[reader] {self.said}"
        return f"[worker {self.worker}] batch {self.batch}/{self.batches} {self.said}"


@dataclass(slots=True)
class EmbeddingsReport:
    """What a run did, for all its partitions and for each. It is filled while the run goes on.

    Attributes:
        before: coverage of each partition when the run began.
        after: the same when it ended, if another run stored some of the texts meanwhile.
        done: how many chunks of each partition got their vector.
        failures: the texts that could not be embedded, also in the `failures` table; each once, in one of the
            partitions that it stands in.
        batches: how many there were in `total`, were `completed` (all of their texts stored) or `failed` (not all),
            and how often one was `retried` or `halved`. What is neither completed nor failed was not ended.
        texts: how many there were in `total`, and were `embedded`, `stored` and `failed`, or `found` to have been
            stored by another run meanwhile. The same text may stand in several chunks, and is embedded once. Without
            a `total` the run ended before it could count them.
        seconds: duration of the run.
    """

    model: str
    before: dict[str, Coverage] = field(default_factory=dict)
    after: dict[str, Coverage] | None = None
    done: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    batches: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def pending(self, partition: str) -> int:
        """Chunks without a vector when the run began."""
        found = self.before.get(partition, _NOTHING)
        return found.chunks - found.embedded

    def embedded(self, partition: str) -> int:
        """Chunks that got their vector."""
        return self.done[partition]

    def reused(self, partition: str) -> int:
        """Chunks whose text had a vector already, or got it from another run meanwhile."""
        if self.after is None:
            return self.before.get(partition, _NOTHING).embedded
        return max(0, self.after.get(partition, _NOTHING).embedded - self.done[partition])

    @property
    def left(self) -> int:
        """Texts that the run did not come to, because it ended badly."""
        return self.texts["total"] - self.texts["found"] - self.texts["stored"] - self.texts["failed"]

    @property
    def has_begun(self) -> bool:
        """Whether it is known what there was to do."""
        return "total" in self.texts

    @property
    def total_embedded(self) -> int:
        """Chunks that got their vector, of all partitions."""
        return self.done.total()
