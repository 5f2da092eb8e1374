"""The runs of one `bbj-ingest-all`: several sources at a time, and an orderly end when it is interrupted."""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any

from bbj_assets.cli.ingest_lock import Turn
from bbj_assets.cli.interrupts import InterruptedAtOnce
from bbj_assets.cli.invocation import Invocation
from bbj_assets.cli.live import LiveProgress, SourceState
from bbj_assets.cli.summary import Outcome, failures_of
from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.errors import BBjAssetsError, DatabaseError
from bbj_assets.settings import Settings, SourcesConfig
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.failures import list_failures
from bbj_assets.store.outages import explaining

SEARCH_INDEX = "search index"
_POLL_SECONDS = 0.5


def run_all(
    settings: Settings,
    url: str,
    table: SourcesConfig,
    sources: Sequence[Source],
    invocation: Invocation,
    live: LiveProgress,
    turn: Turn,
    run: IngestOptions,
    *,
    at_once: int,
) -> dict[str, Outcome]:
    """Run every source that the invocation has not completed, then the search index; gives each one's outcome.

    The runs are in threads, so that the main thread hears Ctrl-C, and not Dagster. On the first one, the runs end
    between two batches, and the search index in the middle of a statement; on the second, at once.

    Raises:
        InterruptedAtOnce: it was the second one; whoever catches it ends the process.
    """
    from bbj_assets.defs.build import build_defs
    from bbj_assets.defs.instance.opening import open_instance
    from bbj_assets.defs.instance.run_processes import fail_lost_runs
    from bbj_assets.defs.run_sources import run_search_index, run_source

    cores = os.cpu_count() or 1
    tuned = settings.model_copy(update={"parse_workers": settings.parse_workers or max(1, cores // max(1, at_once))})
    defs = build_defs(tuned, table, live)  # of all sources, for what is built of them is recorded with its inputs
    with open_instance(settings) as instance, live, _stopping_on_signals(live.stopping):
        fail_lost_runs(instance)  # they would keep the sources' places in the run queue

        def do(source: Source) -> Outcome:
            outcome = _run_one(live, turn, source.name, lambda: run_source(defs, instance, url, source, run))
            if outcome.status in ("ok", "empty", "warning"):
                invocation.complete(source.name)
            return outcome

        live.on_stop(turn.give_up)
        pool = ThreadPoolExecutor(max_workers=max(1, at_once), thread_name_prefix="source")
        try:
            done_before = set(invocation.completed)
            futures = {source.name: pool.submit(do, source) for source in sources if source.name not in done_before}
            _wait_for(futures.values(), live)
            outcomes = {
                name: futures[name].result() if name in futures else _skipped(state, url, name)
                for name, state in live.states.items()
            }
            if not live.stopping.is_set():
                live.states[SEARCH_INDEX] = SourceState(started=time.monotonic())
                building = pool.submit(_in_turn, live, turn, lambda: run_search_index(defs, instance, run))
                _wait_for([building], live)
                error = building.result()
                live.states[SEARCH_INDEX].finished = time.monotonic()
                if error is not None:
                    outcomes[SEARCH_INDEX] = _ended_badly(error, stopped=live.stopping.is_set())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return outcomes


def _wait_for(futures: Collection[Future[Any]], live: LiveProgress) -> None:
    """Wait until all are done, and have PostgreSQL's work for them end when they are to stop.

    Again and again, because what is cancelled between two statements goes on.
    """
    try:
        while wait(futures, timeout=_POLL_SECONDS).not_done:  # a wait without an end would not let signals in
            if live.stopping.is_set():
                live.cancel_statements()
    except KeyboardInterrupt as interrupt:
        with suppress(KeyboardInterrupt):  # without this, PostgreSQL would build on for nobody
            live.cancel_statements()
        raise InterruptedAtOnce from interrupt


def _in_turn(live: LiveProgress, turn: Turn, build: Callable[[], str | None]) -> str | None:
    """Build the search index; a restart of the database during the last source may have given the turn to another."""
    try:
        turn.take(live.of(SEARCH_INDEX).outage)
    except BBjAssetsError as raised:
        return str(raised)
    return build()


def _run_one(live: LiveProgress, turn: Turn, name: str, work: Callable[[], str | None]) -> Outcome:
    try:
        turn.take(live.of(name).outage)  # a restart of the database may have given it to another one
    except BBjAssetsError as raised:
        return _ended_badly(str(raised), stopped=live.stopping.is_set())
    if live.stopping.is_set():
        return Outcome("stopped")
    live.started(name)
    try:
        error = work()
    except BBjAssetsError as raised:
        error = str(raised)
    state = live.states[name]
    outcome = _outcome(state, error, stopped=live.stopping.is_set())
    live.finished(name, error)
    return outcome


def _skipped(state: SourceState, url: str, name: str) -> Outcome:
    """Of a source that was done before: what failed then, unless one of the other sources has mended it since."""
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
    """Ask the runs to stop on SIGINT or SIGTERM; the second one has its usual effect."""
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
