"""How long work tells that it is under way and what it did, without knowing who listens."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from bbj_assets.embedding.report import BatchNews, EmbeddingsReport
from bbj_assets.ingest.refresh import ChunksReport

Stage = Literal["visit", "chunks", "embeddings"]


class Progress(Protocol):
    """Listens to the runs of all sources, from several threads."""

    def advanced(self, source: str, stage: Stage, done: int, total: int) -> None:
        """A stage has done so many of its items (visit: pages, chunks: files, embeddings: texts).

        Whatever is raised here ends the run between two batches, with all that was done stored.
        """
        ...

    def waiting(self, source: str) -> None:
        """A source waits for another run over it to end."""
        ...

    def outage(self, source: str, said: str) -> None:
        """The database failed under a source, and is tried again. Whatever is raised here ends the run."""
        ...

    def chunked(self, source: str, report: ChunksReport) -> None:
        """A source's chunks are up to date."""
        ...

    def embedding(self, source: str, report: EmbeddingsReport) -> None:
        """A source's embeddings begin; the report is filled until they end, well or not, and then begin again."""
        ...

    def batch(self, source: str, news: BatchNews) -> None:
        """A batch of texts was stored, or met an error. Whatever is raised here ends the run, as in `advanced`."""
        ...

    def indexing(self, cancel: Callable[[], None]) -> AbstractContextManager[None]:
        """The search index is built within, in statements of minutes; `cancel` ends one, from any thread."""
        ...


class Silent:
    """Nobody listens."""

    def advanced(self, source: str, stage: Stage, done: int, total: int) -> None:
        """Ignored."""

    def waiting(self, source: str) -> None:
        """Ignored."""

    def outage(self, source: str, said: str) -> None:
        """Ignored."""

    def chunked(self, source: str, report: ChunksReport) -> None:
        """Ignored."""

    def embedding(self, source: str, report: EmbeddingsReport) -> None:
        """Ignored."""

    def batch(self, source: str, news: BatchNews) -> None:
        """Ignored."""

    def indexing(self, cancel: Callable[[], None]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Ignored."""
        return nullcontext()
