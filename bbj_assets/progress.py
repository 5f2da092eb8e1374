"""The interface through which the work emits its progress, without knowing who listens.

The work gets one `Progress`, which is bound to one source. A `ProgressOfSources` makes them: the command line shows
each source on a line of its own, and a run of Dagster without a terminal uses `Silent`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from bbj_assets.reports import BatchEvent, ChunksReport, EmbeddingsReport

Stage = Literal["crawl", "chunks", "embeddings"]


class Progress(Protocol):
    """The listener to the run of one source.

    `advance`, `outage` and `batch` may raise `Stopped` to end the run. What was done until then is stored.
    """

    def advance(self, stage: Stage, done: int, total: int) -> None:
        """Report how many items a stage has done. Items are pages (crawl), files (chunks) or texts (embeddings)."""
        ...

    def waiting(self) -> None:
        """Report that the run waits until another run over the same source has ended."""
        ...

    def outage(self, message: str) -> None:
        """Report that the database failed, before the transaction is retried."""
        ...

    def batch(self, event: BatchEvent) -> None:
        """Report what happened to a batch of texts."""
        ...

    def chunked(self, report: ChunksReport) -> None:
        """Report that the chunks are up to date."""
        ...

    def embedding(self, report: EmbeddingsReport) -> None:
        """Report that embedding begins. The report is filled until it ends; a retry of the step begins another one."""
        ...


class ProgressOfSources(Protocol):
    """The listener to the runs of all sources. Its methods are called from several threads."""

    def of(self, source: str) -> Progress:
        """Return the listener of one source."""
        ...

    def indexing(self, cancel: Callable[[], None]) -> AbstractContextManager[None]:
        """Return a context in which the search index is built, by statements that take minutes.

        Args:
            cancel: cancels the running statement; may be called from any thread.
        """
        ...


class Silent:
    """A `Progress` and a `ProgressOfSources` that ignore all events."""

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
