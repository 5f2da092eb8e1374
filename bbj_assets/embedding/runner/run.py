"""What one run of the batch runner is given: its task, its options, and what its parts share."""

from collections.abc import Collection
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from bbj_assets.embedding.embedders.embedder import Embedder
from bbj_assets.errors import TransientEmbeddingError
from bbj_assets.progress import Progress
from bbj_assets.reports import EmbeddingsReport
from bbj_assets.retrying import RetryPolicy
from bbj_assets.store.connection import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingTask:
    """The texts that a run is to embed.

    Attributes:
        only_failed: embed only the texts that failed before, and those of the documents that `parsed_in` stored.
        parsed_in: the ids of runs.
        run_id: the id of this run, which is recorded with failures.
    """

    source: str
    partitions: Collection[str]
    only_failed: bool = False
    parsed_in: Collection[str] = ()
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How the runner works.

    Attributes:
        workers: the number of requests in flight; an embedder may lower it. Each worker may have one more batch, whose
            answer is being read or stored.
        batch_size: the number of texts in a batch.
        retries: the number of retries of a batch after a transient error.
        initial_delay: seconds before the first retry; doubled each time, with jitter, and never sooner than
            Retry-After says.
    """

    workers: int = 4
    batch_size: int = 64
    retries: int = 3
    initial_delay: float = 1.0

    @property
    def retry_policy(self) -> RetryPolicy:
        """The retry policy of a probe, which belongs to no batch."""
        return RetryPolicy(retry_on=TransientEmbeddingError, retries=self.retries, initial_delay=self.initial_delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRun:
    """One run: what it embeds, with which model, into which database, and who listens.

    Attributes:
        url: the database.
        pool: connections to the same database, for the reader, the storer and the recording of failures.
        report: filled while the run goes on.
    """

    url: str
    pool: AsyncConnectionPool[AsyncConnection]
    embedder: Embedder
    task: EmbeddingTask
    options: BatchOptions
    progress: Progress
    report: EmbeddingsReport

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.report.model

    @property
    def workers(self) -> int:
        """The number of workers, as far as the embedder allows."""
        return min(self.options.workers, self.embedder.max_concurrency or self.options.workers)
