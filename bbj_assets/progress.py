"""How work reports that it is under way, without knowing who listens.

One `Progress` is bound to one source, and is all that the work is given. `ProgressOfSources` makes them: the command
line shows each on a line, and a run of Dagster has nobody who watches (`Silent`).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from bbj_assets.reports import BatchEvent, ChunksReport, EmbeddingsReport

Stage = Literal["crawl", "chunks", "embeddings"]


class Progress(Protocol):
    """Listens to the run of one source.

    `advance`, `outage` and `batch` may raise `Stopped`. It ends the run between two batches, with all that was done
    stored.
    """

    def advance(self, stage: Stage, done: int, total: int) -> None:
        """Report that a stage has done some of its items: pages of a crawl, files of chunks, texts of embeddings."""
        ...

    def waiting(self) -> None:
        """Report that another run over the source has to end first."""
        ...

    def outage(self, message: str) -> None:
        """Report that the database failed and is tried again."""
        ...

    def batch(self, event: BatchEvent) -> None:
        """Report that a batch of texts was stored, or met an error."""
        ...

    def chunked(self, report: ChunksReport) -> None:
        """Report that the chunks are up to date."""
        ...

    def embedding(self, report: EmbeddingsReport) -> None:
        """Report that embedding begins. The report is filled until it ends; each retry of the run begins another."""
        ...


class ProgressOfSources(Protocol):
    """Listens to the runs of all sources, from several threads."""

    def of(self, source: str) -> Progress:
        """Return the listener of one source."""
        ...

    def indexing(self, cancel: Callable[[], None]) -> AbstractContextManager[None]:
        """Return the context in which the search index is built, in statements of minutes.

        Args:
            cancel: ends the statement at work, from any thread.
        """
        ...


class Silent:
    """A `Progress` and a `ProgressOfSources` that ignore every event."""

    def of(self, source: str) -> "Silent":  # noqa: ARG002
        return self

    def advance(self, stage: Stage, done: int, total: int) -> None: ...

    def waiting(self) -> None: ...

    def outage(self, message: str) -> None: ...

    def batch(self, event: BatchEvent) -> None: ...

    def chunked(self, report: ChunksReport) -> None: ...

    def embedding(self, report: EmbeddingsReport) -> None: ...

    def indexing(self, cancel: Callable[[], None]) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()


SILENT = Silent()
