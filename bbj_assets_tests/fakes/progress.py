"""A progress whose events a test reads, or answers by raising."""

from collections.abc import Callable

from bbj_assets.progress import Silent, Stage
from bbj_assets.reports import BatchEvent, ChunksReport, EmbeddingsReport


class ListeningProgress(Silent):
    """Passes the events of a run to callbacks, and keeps the reports.

    Attributes:
        chunks: the report of each refresh that succeeded.
        embeddings: the report of each run of embeddings that was started.
    """

    def __init__(
        self,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        on_wait: Callable[[], None] | None = None,
        on_outage: Callable[[str], None] | None = None,
        on_batch: Callable[[BatchEvent], None] | None = None,
    ) -> None:
        self.chunks: list[ChunksReport] = []
        self.embeddings: list[EmbeddingsReport] = []
        self._on_progress = on_progress
        self._on_wait = on_wait
        self._on_outage = on_outage
        self._on_batch = on_batch

    def advance(self, stage: Stage, done: int, total: int) -> None:  # noqa: ARG002
        if self._on_progress:
            self._on_progress(done, total)

    def waiting(self) -> None:
        if self._on_wait:
            self._on_wait()

    def outage(self, message: str) -> None:
        if self._on_outage:
            self._on_outage(message)

    def batch(self, event: BatchEvent) -> None:
        if self._on_batch:
            self._on_batch(event)

    def chunked(self, report: ChunksReport) -> None:
        self.chunks.append(report)

    def embedding(self, report: EmbeddingsReport) -> None:
        self.embeddings.append(report)
