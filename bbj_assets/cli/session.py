"""The runs of one `bbj-ingest-all`: several sources at once, and an orderly end when it is interrupted."""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bbj_assets.cli.ingest_lock import IngestLock
from bbj_assets.cli.interrupts import InterruptedAtOnce
from bbj_assets.cli.invocation import Invocation
from bbj_assets.cli.live import LiveProgress, SourceState
from bbj_assets.cli.summary import Outcome, failures_of
from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.errors import BBjAssetsError, DatabaseError
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.failures import list_failures
from bbj_assets.store.outages import explaining
from bbj_assets.validation import Validated

SEARCH_INDEX = "search index"
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything that the runs of one `bbj-ingest-all` share.

    Attributes:
        invocation: takes up every source that is completed.
        live: shows the runs, and passes on the request to stop.
        lock: keeps other commands away.
        at_once: the number of sources that run at once.
    """

    validated: Validated
    invocation: Invocation
    live: LiveProgress
    lock: IngestLock
    options: IngestOptions
    at_once: int


def run_all(session: Session) -> dict[str, Outcome]:
    """Run every source that the invocation has not completed, then the search index; return their outcomes by name.

    The runs are in threads, so that Ctrl-C reaches the main thread, and not Dagster. The first one ends the runs
    between two batches, and the search index in the middle of a statement; the second one ends the process at once.

    Raises:
        InterruptedAtOnce: there was a second Ctrl-C. The caller ends the process.
    """
    from bbj_assets.defs.build import build_defs
    from bbj_assets.defs.instance.opening import open_instance
    from bbj_assets.defs.instance.run_processes import fail_lost_runs
    from bbj_assets.defs.run_sources import run_search_index, run_source

    given, live, options = session.validated, session.live, session.options
    defs = build_defs(
        _tuned(given.settings, session.at_once), given.table, live
    )  # all sources: search_index needs them
    with open_instance(given.settings) as instance, live, _stopping_on_signals(live.stopping):
        fail_lost_runs(instance)  # they would occupy their sources' places in the run queue

        def run_one(source: Source) -> Outcome:
            outcome = _run_one(session, source.name, lambda: run_source(defs, instance, given.url, source, options))
            if outcome.status in ("ok", "empty", "warning"):
                session.invocation.complete(source.name)
            return outcome

        live.on_stop(session.lock.cancel_wait)
        pool = ThreadPoolExecutor(max_workers=max(1, session.at_once), thread_name_prefix="source")
        try:
            done_before = set(session.invocation.completed)
            futures = {
                source.name: pool.submit(run_one, source) for source in given.sources if source.name not in done_before
            }
            _wait_for(futures.values(), live)
            outcomes = {
                name: futures[name].result() if name in futures else _skipped(state, given.url, name)
                for name, state in live.states.items()
            }
            if not live.stopping.is_set():
                live.states[SEARCH_INDEX] = SourceState(started=time.monotonic())
                building = pool.submit(_build, session, lambda: run_search_index(defs, instance, options))
                _wait_for([building], live)
                error = building.result()
                live.states[SEARCH_INDEX].finished = time.monotonic()
                if error is not None:
                    outcomes[SEARCH_INDEX] = _ended_badly(error, stopped=live.stopping.is_set())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return outcomes


def _tuned(settings: Settings, at_once: int) -> Settings:
    """Return the settings with the cores shared out among the sources that run at once."""
    workers = settings.parse_workers or max(1, (os.cpu_count() or 1) // max(1, at_once))
    return settings.model_copy(update={"parse_workers": workers})


def _wait_for(futures: Collection[Future[Any]], live: LiveProgress) -> None:
    """Wait until all are done. When they are to stop, cancel their statements until they have ended.

    Repeatedly, because a request between two statements cancels nothing.
    """
    try:
        while wait(futures, timeout=_POLL_SECONDS).not_done:  # a wait without a timeout would block signals
            if live.stopping.is_set():
                live.cancel_statements()
    except KeyboardInterrupt as interrupt:
        with suppress(KeyboardInterrupt):  # without this, PostgreSQL would go on building
            live.cancel_statements()
        raise InterruptedAtOnce from interrupt


def _build(session: Session, build: Callable[[], str | None]) -> str | None:
    """Build the search index. A restart of the database during the last source may have released the lock."""
    try:
        session.lock.acquire(session.live.of(SEARCH_INDEX).outage)
    except BBjAssetsError as raised:
        return str(raised)
    return build()


def _run_one(session: Session, name: str, work: Callable[[], str | None]) -> Outcome:
    live = session.live
    try:
        session.lock.acquire(live.of(name).outage)  # a restart of the database may have released it
    except BBjAssetsError as raised:
        return _ended_badly(str(raised), stopped=live.stopping.is_set())
    if live.stopping.is_set():
        return Outcome("stopped")
    live.started(name)
    try:
        error = work()
    except BBjAssetsError as raised:
        error = str(raised)
    outcome = _outcome(live.states[name], error, stopped=live.stopping.is_set())
    live.finished(name, error)
    return outcome


def _skipped(state: SourceState, url: str, name: str) -> Outcome:
    """Return the outcome of a source that was completed before, with those of its failures that still exist."""
    try:
        with explaining(f"look up what failed in {name!r}", url), connect(url) as conn:
            state.failed_before = list_failures(conn, source=name)
    except DatabaseError as error:
        return Outcome("failed", str(error))
    return Outcome("warning" if state.failed_before else "skipped")


def _outcome(state: SourceState, error: str | None, *, stopped: bool) -> Outcome:
    if error is not None:
        return _ended_badly(error, stopped=stopped)
    if failures_of(state):
        return Outcome("warning")
    if state.chunks is None or not state.chunks.total.seen:
        return Outcome("empty")
    return Outcome("ok")


def _ended_badly(error: str, *, stopped: bool) -> Outcome:
    return Outcome("stopped") if stopped else Outcome("failed", error)


@contextmanager
def _stopping_on_signals(stopping: threading.Event) -> Iterator[None]:
    """Ask the runs to stop on the first SIGINT or SIGTERM. The second one has its usual effect."""
    before: Mapping[signal.Signals, object] = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    }

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what getsignal gave

    def stop(_number: int, _frame: object) -> None:
        stopping.set()
        restore()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
