"""The progress of `bbj-ingest-all`: a live line for each source on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from bbj_assets.errors import Stopped
from bbj_assets.outcomes import Failure
from bbj_assets.progress import Stage
from bbj_assets.reports import BatchEvent, ChunksReport, EmbeddingsReport

_UNITS: dict[Stage, str] = {"crawl": "pages", "chunks": "files", "embeddings": "texts"}
_PLAIN_SECONDS = 5.0


@dataclass(slots=True)
class SourceState:
    """The state of a source's run.

    Attributes:
        embeddings: one report per try: after an outage of the embedder, the run tries again.
        files_left: the number of files that are still to be read, as far as it is known.
        failed_before: the earlier failures of a source that is skipped.
    """

    chunks: ChunksReport | None = None
    files_left: int = 0
    embeddings: list[EmbeddingsReport] = field(default_factory=list)
    failed_before: Sequence[Failure] = ()
    started: float = 0.0
    finished: float = 0.0

    @property
    def seconds(self) -> float:
        """The duration of the run until its end, or until now."""
        return (self.finished or time.monotonic()) - self.started if self.started else 0.0

    @property
    def embedded(self) -> int:
        """The number of chunks that got their vector."""
        return sum(report.total_embedded for report in self.embeddings)


class LiveProgress:
    """The `progress.ProgressOfSources` of the command line: a live line for each source, and the request to stop."""

    def __init__(self, console: Console, sources: Sequence[str], *, verbose: bool) -> None:
        self.states = {name: SourceState() for name in sources}
        self.stopping = threading.Event()
        self._console = console
        self.verbose = verbose
        self._shown_at: dict[str, float] = {}
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
        """Show that a source's run begins."""
        self.states[source].started = time.monotonic()
        self._tasks[source] = self._display.add_task("listing", total=None, source=source, unit="")

    def finished(self, source: str, error: str | None) -> None:
        """Show that a source's run has ended."""
        state = self.states[source]
        state.finished = time.monotonic()
        self._display.remove_task(self._tasks.pop(source))
        if error is not None:
            self.print(f"{source}: FAILED after {state.seconds:.1f} s: {error}")
        else:
            self.print(f"{source}: {_done(state)} ({state.seconds:.1f} s)")

    def of(self, source: str) -> "LiveSource":
        """Return the listener of one source."""
        return LiveSource(self, source)

    def show(self, source: str, stage: Stage, done: int, total: int) -> None:
        """Show how far a stage of a source is."""
        unit = _UNITS[stage]
        self._display.update(
            self._tasks[source], description=stage, completed=done, total=total, unit=unit, source=source
        )
        now = time.monotonic()
        begins = done == 0 and total > 0 and self.verbose
        if not self._console.is_terminal and (
            begins or now - self._shown_at.get(source, self.states[source].started) > _PLAIN_SECONDS
        ):
            self._shown_at[source] = now
            self.print(f"{source}: {stage} {done}/{total} {unit}")

    @contextmanager
    def indexing(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Let a request to stop cancel the statement at work: no batch ends while PostgreSQL builds an index."""
        self.on_stop(cancel)
        try:
            yield
        except psycopg.errors.QueryCanceled:
            self.stop_if_asked()
            raise

    def on_stop(self, cancel: Callable[[], None]) -> None:
        """Call `cancel` too when the work is to stop, because a statement may take long."""
        self._cancels.append(cancel)

    def cancel_statements(self) -> None:
        """Cancel the statements that PostgreSQL is at work on."""
        for cancel in list(self._cancels):
            with suppress(psycopg.Error):  # a server that cannot be reached executes none of them
                cancel()

    def stop_if_asked(self) -> None:
        """Raise `Stopped` if the work is to stop."""
        if self.stopping.is_set():
            raise Stopped("Stopped on request; what was done is stored.")

    def print(self, line: str) -> None:
        """Print a line above the live ones."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class LiveSource:
    """The `progress.Progress` of one source: it shows events, and stops the work on request."""

    def __init__(self, live: LiveProgress, name: str) -> None:
        self._live = live
        self._name = name

    @property
    def _state(self) -> SourceState:
        return self._live.states[self._name]

    def advance(self, stage: Stage, done: int, total: int) -> None:
        if stage == "chunks":
            self._state.files_left = total - done
        self._live.stop_if_asked()
        self._live.show(self._name, stage, done, total)

    def waiting(self) -> None:
        self._live.print(f"{self._name}: another run is busy with it; waiting for that to end.")

    def outage(self, message: str) -> None:
        self._live.print(f"{self._name}: {message}")
        self._live.stop_if_asked()

    def batch(self, event: BatchEvent) -> None:
        if self._live.verbose or event.kind == "outage":
            self._live.print(f"{self._name}: {event}")
        self._live.stop_if_asked()

    def chunked(self, report: ChunksReport) -> None:
        self._state.chunks = report

    def embedding(self, report: EmbeddingsReport) -> None:
        self._state.embeddings.append(report)


def _done(state: SourceState) -> str:
    if state.chunks is None:
        return "nothing to read"
    total = state.chunks.total
    is_unchanged = (
        total.unchanged and not total.changed and not total.deleted
    )  # both are zero when only failures were retried
    changed = "unchanged" if is_unchanged else f"{total.changed} changed, {total.deleted} deleted"
    return f"{total.seen} files ({changed}), {total.chunks_total} chunks, {state.embedded} embedded"
