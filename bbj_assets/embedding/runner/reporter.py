"""What a run reports: the counts of its report, and the events that it emits."""

from collections.abc import Sequence

from bbj_assets.embedding.runner.pending import Page
from bbj_assets.embedding.runner.run import EmbeddingRun
from bbj_assets.embedding.runner.work_queue import Batch, SubBatch
from bbj_assets.errors import EmbeddingError
from bbj_assets.outcomes import Failure
from bbj_assets.reports import BatchEvent, BatchEventKind


class Reporter:
    """Fills the report of one run, and emits events to its progress.

    A listener may raise to end the run. So a count is always updated before the first event about it is emitted.

    Args:
        pending: the number of texts that are listed and not read yet.
    """

    def __init__(self, run: EmbeddingRun, pending: int) -> None:
        self._report = run.report
        self._progress = run.progress
        self._batch_size = run.options.batch_size
        self._max_retries = run.options.retries
        self._failed_before = run.report.texts.failed
        self._batches = 0
        self._batched_texts = 0
        self._done = self._failed_before
        self._count_batches(read=0, pending=pending)

    def started(self) -> None:
        """Emit the progress at the start."""
        self._emit_progress()

    def page_read(self, page: Page, pending: int) -> None:
        """Count a page of pending texts.

        Args:
            pending: the number of texts that are listed and not read yet.
        """
        texts = self._report.texts
        if page.skipped:
            texts.skipped += page.skipped
            self._advance(page.skipped)
        texts.total = self._failed_before + texts.skipped + self._batched_texts + len(page.texts) + pending
        self._count_batches(read=len(page.texts), pending=pending)

    def next_batch(self, size: int) -> Batch:
        """Return a new batch of `size` texts, and count it."""
        self._batched_texts += size
        self._batches += 1
        return Batch(self._batches, size)

    def embedded(self, sub_batch: SubBatch) -> None:
        """Count texts whose vectors the model returned."""
        self._report.texts.embedded += len(sub_batch.texts)

    def stored(self, sub_batches: Sequence[SubBatch]) -> None:
        """Count texts whose vectors are stored, and emit the batches that are complete."""
        for event in self.count_stored(sub_batches):
            self._progress.batch(event)
        self._advance(sum(len(sub_batch.texts) for sub_batch in sub_batches))

    def count_stored(self, sub_batches: Sequence[SubBatch]) -> list[BatchEvent]:
        """Count texts whose vectors are stored. Return the events of the batches that are complete."""
        events = []
        for sub_batch in sub_batches:
            self._report.texts.stored += len(sub_batch.texts)
            for text in sub_batch.texts:
                self._report.done.update(text.chunks)
            events += self._finish(sub_batch)
        return events

    def count_failure(self, sub_batch: SubBatch, failure: Failure) -> None:
        """Count a single text that failed."""
        self._report.failures.append(failure)
        self._report.texts.failed += 1
        sub_batch.batch.failed += 1

    def failed(self, sub_batch: SubBatch, error: EmbeddingError) -> None:
        """Emit that a single text failed, after it was counted."""
        self._emit(sub_batch, "failing", f"has a chunk that cannot be embedded: {error}")
        for event in self._finish(sub_batch):
            self._progress.batch(event)
        self._advance(1)

    def retrying(self, sub_batch: SubBatch, error: EmbeddingError) -> None:
        """Count and emit a retry."""
        self._report.batches.retried += 1
        attempt = sub_batch.attempt
        self._emit(sub_batch, "retrying", f"failed, retrying ({attempt.tries}/{attempt.retries}): {error}")

    def halving(self, sub_batch: SubBatch, error: EmbeddingError) -> None:
        """Count and emit that a sub-batch is halved."""
        self._report.batches.halved += 1
        self._emit(sub_batch, "halving", f"failed, halving {len(sub_batch.texts)} chunks: {error}")

    def server_outage(self, sub_batch: SubBatch, tries: int, error: BaseException) -> None:
        """Emit that all workers wait for the model server."""
        waiting = f"and all others wait for the model server, which is asked again ({tries}/{self._max_retries})"
        self._emit(sub_batch, "outage", f"{waiting}: {error}")

    def database_outage(self, sub_batch: SubBatch, message: str) -> None:
        """Emit that all workers wait for the database."""
        self._emit(sub_batch, "outage", f"and all others wait for the database: {message}")

    def reader_outage(self, message: str) -> None:
        """Emit that the reader waits for the database."""
        self._progress.batch(self._event(None, self._batches + 1, "outage", f"waits for the database: {message}"))

    def _count_batches(self, *, read: int, pending: int) -> None:
        """Set the number of batches: those in the queue so far, and those that the other texts will fill."""
        size = self._batch_size
        self._report.batches.total = self._batches + -(-read // size) + -(-pending // size)

    def _finish(self, sub_batch: SubBatch) -> list[BatchEvent]:
        """Count the texts of a sub-batch as finished. Return the event of its batch if that is complete now."""
        batch = sub_batch.batch
        batch.left -= len(sub_batch.texts)
        if batch.left:
            return []
        if batch.failed:
            self._report.batches.failed += 1
        else:
            self._report.batches.completed += 1
        failed = f", {batch.failed} failed" if batch.failed else ""
        message = f"complete ({batch.size - batch.failed} chunks{failed})"
        return [self._event(sub_batch.worker, batch.number, "complete", message)]

    def _advance(self, texts: int) -> None:
        if texts:
            self._done += texts
            self._emit_progress()

    def _emit_progress(self) -> None:
        self._progress.advance("embeddings", self._done, self._report.texts.total or 0)

    def _emit(self, sub_batch: SubBatch, kind: BatchEventKind, message: str) -> None:
        self._progress.batch(self._event(sub_batch.worker, sub_batch.batch.number, kind, message))

    def _event(self, worker: int | None, batch: int, kind: BatchEventKind, message: str) -> BatchEvent:
        total = self._report.batches.total
        return BatchEvent(worker=worker, batch=batch, batches=total, kind=kind, message=message)
