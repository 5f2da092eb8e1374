"""The input of one run of the batch runner: which texts, how, and with which embedder and database.

The parts of the runner share one `EmbeddingRun` instead of a list of parameters each. What changes during a run is in
its report, and in the parts themselves.
"""

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
        source: the name of the source.
        partitions: the keys of its partitions.
        only_failed: embed only the texts that failed before, and those of the documents that `parsed_in` stored.
        parsed_in: the ids of the runs that parsed; used only with `only_failed`.
        run_id: the id of this run, which is recorded with failures.
    """

    source: str
    partitions: Collection[str]
    only_failed: bool = False
    parsed_in: Collection[str] = ()
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """The concurrency, the batch size and the retries of a run.

    Attributes:
        workers: the number of requests in flight; an embedder may lower it. Each worker may have one more batch, whose
            answer is being read or stored.
        batch_size: the number of texts in a batch.
        retries: the number of retries of a batch after a transient error.
        initial_delay: seconds before the first retry; doubled each time, with jitter, and never shorter than
            Retry-After demands.
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
    """One run: its task, its embedder, its database and its listener.

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
        """The name under which the vectors are stored."""
        return self.report.model

    @property
    def workers(self) -> int:
        """The number of workers: the configured one, or less if the embedder allows less."""
        return min(self.options.workers, self.embedder.max_concurrency or self.options.workers)
