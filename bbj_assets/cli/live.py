"""What a person sees while sources run: a live line for each on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from bbj_assets.embedding.report import BatchNews, EmbeddingsReport
from bbj_assets.errors import Stopped
from bbj_assets.ingest.refresh import ChunksReport
from bbj_assets.outcomes import Failure
from bbj_assets.progress import Stage

_UNITS: dict[Stage, str] = {"visit": "pages", "chunks": "files", "embeddings": "texts"}
_PLAIN_SECONDS = 5.0


@dataclass(slots=True)
class SourceState:
    """What is known of a source's run so far.

    Attributes:
        embeddings: one report for each time that they were begun: after an outage the run tries again.
        files_left: how many are known to be read yet.
        failed_before: of a source that is skipped: what failed when it was done.
    """

    chunks: ChunksReport | None = None
    files_left: int = 0
    embeddings: list[EmbeddingsReport] = field(default_factory=list)
    failed_before: Sequence[Failure] = ()
    started: float = 0.0
    finished: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it took, or has taken until now."""
        return (self.finished or time.monotonic()) - self.started if self.started else 0.0

    @property
    def embedded(self) -> int:
        """Chunks that got their vector."""
        return sum(report.total_embedded for report in self.embeddings)


class LiveProgress:
    """A `progress.Progress` that shows what it hears, and stops the work when it is told to."""

    def __init__(self, console: Console, sources: Sequence[str], *, verbose: bool) -> None:
        self.states = {name: SourceState() for name in sources}
        self.stopping = threading.Event()
        self._console = console
        self._verbose = verbose
        self._said: dict[str, float] = {}
        self._cancels: list[Callable[[], None]] = []
        self._display = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[source]:<24}"),
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._display.stop()

    def started(self, source: str) -> None:
        """A source's run begins."""
        self.states[source].started = time.monotonic()
        self._tasks[source] = self._display.add_task("listing", total=None, source=source, unit="")

    def finished(self, source: str, error: str | None) -> None:
        """A source's run is over."""
        state = self.states[source]
        state.finished = time.monotonic()
        self._display.remove_task(self._tasks.pop(source))
        if error is not None:
            self._say(f"{source}: FAILED after {state.seconds:.1f} s: {error}")
        else:
            self._say(f"{source}: {_done(state)} ({state.seconds:.1f} s)")

    def advanced(self, source: str, stage: Stage, done: int, total: int) -> None:
        """Show how far a stage is; stops it if that was asked for."""
        if stage == "chunks":
            self.states[source].files_left = total - done
        self._stop_if_asked()
        unit = _UNITS[stage]
        self._display.update(
            self._tasks[source], description=stage, completed=done, total=total, unit=unit, source=source
        )
        now = time.monotonic()
        begins = done == 0 and total > 0 and self._verbose
        if not self._console.is_terminal and (
            begins or now - self._said.get(source, self.states[source].started) > _PLAIN_SECONDS
        ):
            self._said[source] = now
            self._say(f"{source}: {stage} {done}/{total} {unit}")

    def waiting(self, source: str) -> None:
        """Say that another run has to end first."""
        self._say(f"{source}: another run is busy with it; waiting for that to end.")

    def outage(self, source: str, said: str) -> None:
        """Say that the database is waited for; stops the work if that was asked for."""
        self._say(f"{source}: {said}")
        self._stop_if_asked()

    def chunked(self, source: str, report: ChunksReport) -> None:
        """Keep the report for the summary."""
        self.states[source].chunks = report

    def embedding(self, source: str, report: EmbeddingsReport) -> None:
        """Keep the report for the summary."""
        self.states[source].embeddings.append(report)

    def batch(self, source: str, news: BatchNews) -> None:
        """Show what became of a batch to whoever wants to know all, and an outage to everybody."""
        if self._verbose or news.kind == "outage":
            self._say(f"{source}: {news}")
        self._stop_if_asked()

    @contextmanager
    def indexing(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Keep how the statement at work is ended: no batch ends while PostgreSQL builds an index."""
        self.on_stop(cancel)
        try:
            yield
        except psycopg.errors.QueryCanceled:
            self._stop_if_asked()
            raise

    def on_stop(self, cancel: Callable[[], None]) -> None:
        """Have a statement that may take long ended, too, when the work is to stop."""
        self._cancels.append(cancel)

    def cancel_statements(self) -> None:
        """End those statements, if PostgreSQL is at work on them."""
        for cancel in list(self._cancels):
            with suppress(psycopg.Error):  # a server that cannot be reached is at work on nothing of ours
                cancel()

    def _stop_if_asked(self) -> None:
        if self.stopping.is_set():
            raise Stopped("Stopped on request; what was done is stored.")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _done(state: SourceState) -> str:
    if state.chunks is None:
        return "nothing to read"
    total = state.chunks.total
    is_unchanged = total.unchanged and not total.changed and not total.deleted  # none is if only failures were read
    changed = "unchanged" if is_unchanged else f"{total.changed} changed, {total.deleted} deleted"
    return f"{total.seen} files ({changed}), {total.chunks_total} chunks, {state.embedded} embedded"
