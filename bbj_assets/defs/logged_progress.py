"""The progress of a source whose outages are also lines in the log of its run."""

import dagster as dg

from bbj_assets.progress import Progress, Stage
from bbj_assets.reports import BatchEvent, ChunksReport, EmbeddingsReport


class LoggedProgress:
    """A `Progress` that passes every event on, and logs outages as warnings."""

    def __init__(self, progress: Progress, log: dg.DagsterLogManager) -> None:
        self._progress = progress
        self._log = log

    def advance(self, stage: Stage, done: int, total: int) -> None:
        self._progress.advance(stage, done, total)

    def waiting(self) -> None:
        self._progress.waiting()

    def outage(self, message: str) -> None:
        self._log.warning(message)
        self._progress.outage(message)

    def batch(self, event: BatchEvent) -> None:
        if event.kind == "outage":
            self._log.warning(str(event))
        self._progress.batch(event)

    def chunked(self, report: ChunksReport) -> None:
        self._progress.chunked(report)

    def embedding(self, report: EmbeddingsReport) -> None:
        self._progress.embedding(report)
