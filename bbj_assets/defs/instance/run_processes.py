"""Whether the process that a run is in still lives.

A process that is killed cannot report it. Its run then stays under way for ever in Dagster's eyes, and keeps all other
runs over its source waiting in the queue. Only the code server notices, and only while it outlives the process. So
every run holds a lock on a file of its own, in the storage folder of the Dagster instance. The kernel drops the lock
with the process: a run whose file exists and can be locked is lost, and one that lives never seems to be.

What cannot be known is left alone: a run without a file may be in a process on another machine.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.events import JobFailureData, RunFailureReason

LOST = (
    "The process of this run is gone: it was killed, ran out of memory, or went down with its machine. What it did is "
    "stored, and the next run over the same sections does the rest."
)


@contextmanager
def marked_alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Show to every process, for the length of a `with`, that this one is at work on a run."""
    mark = _mark(instance, run_id)
    mark.parent.mkdir(parents=True, exist_ok=True)
    arriving = mark.with_name(f".{run_id}")
    with arriving.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        arriving.rename(mark)  # so under its name it is never without a lock
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


def is_lost(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return whether the process of a run is known to have died before the run ended."""
    mark = _mark(instance, run_id)
    try:
        with mark.open() as looked_at:
            fcntl.flock(looked_at, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return mark.exists()  # a run that has just ended removed it before it let go
    except (FileNotFoundError, BlockingIOError):
        return False


def fail_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs whose processes died as failed, and return their ids."""
    failed = []
    for mark in _mark(instance, "any").parent.glob("[!.]*"):
        run_id = mark.name
        if not is_lost(instance, run_id):
            continue
        run = instance.get_run_by_id(run_id)  # after the look at its process, which can change nothing any more
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, LOST, JobFailureData(None, RunFailureReason.UNEXPECTED_TERMINATION))
            failed.append(run_id)
        mark.unlink(missing_ok=True)
    return failed


def _mark(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.storage_directory()) / "run_processes" / run_id
