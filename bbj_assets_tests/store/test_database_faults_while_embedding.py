"""Every fault of PostgreSQL under the batch runner."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress

import pytest
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from bbj_assets.embedding.runner import batches
from bbj_assets.errors import DatabaseError, DatabaseUnavailable, Stopped
from bbj_assets.reports import BatchCounts, BatchEvent, EmbeddingsReport, TextCounts
from bbj_assets.store.connection import AsyncConnection, Connection
from bbj_assets.store.models import ensure_model
from bbj_assets_tests.embedding.runner import batch_runs
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.store.database_faults import FAULTS, Striking, end_sessions

VECTORS = batch_runs.lengths(40)
CONNECTION_SECONDS = batches.CONNECTION_TIMEOUT


@pytest.fixture
def models(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    """A model server and pending texts, with a short timeout for connections."""
    monkeypatch.setattr(batches, "CONNECTION_TIMEOUT", 1.0)
    ensure_model(conn, batch_runs.MODEL, batch_runs.DIMENSIONS)
    batch_runs.put(conn, VECTORS)
    with FakeOllama(models=[batch_runs.MODEL], dimensions=batch_runs.DIMENSIONS) as server:
        yield server


@pytest.mark.parametrize("name", FAULTS)
def test_a_lasting_database_fault_is_one_clear_error_and_fails_no_text(
    name: str, conn: Connection, visitor: str, models: FakeOllama
) -> None:
    striking = Striking(FAULTS[name], conn, "embeddings")

    with pytest.raises(DatabaseError) as raised:
        batch_runs.embed(visitor, models, on_progress=striking.on_progress, on_batch=only_outages(striking))

    assert isinstance(raised.value, DatabaseUnavailable) == FAULTS[name].passes
    assert re.search(FAULTS[name].says, str(raised.value))
    assert re.match(
        r"Cannot ((store what was|read what is to be) embedded|embed source 'mdx-dwc'): PostgreSQL at postgresql://visitor@",
        str(raised.value),
    )
    assert "\n" not in str(raised.value)
    striking.heal()
    stored = batch_runs.vectors(conn).keys()
    assert stored < batch_runs.hashes(VECTORS)
    assert bool(stored) == FAULTS[name].under_way
    assert batch_runs.failed(conn) == set()
    models.embedded.clear()

    batch_runs.embed(visitor, models)

    assert sum(models.embedded.values()) == len(VECTORS) - len(stored)
    batch_runs.assert_stored(conn, VECTORS)


@pytest.mark.parametrize("name", ["too many clients", "a deadlock", "no memory"])
def test_no_text_is_embedded_twice_because_of_a_transient_database_fault(
    name: str, conn: Connection, visitor: str, models: FakeOllama
) -> None:
    striking = Striking(FAULTS[name], conn, "embeddings")
    striking.heals_when_seen = True

    report = batch_runs.embed(visitor, models, on_progress=striking.on_progress, on_batch=only_outages(striking))

    expected = rf"wait for the database: .*{FAULTS[name].says}.* Trying again \(\d/4\)"
    assert any(re.search(expected, outage) for outage in striking.outages), striking.outages
    assert report.texts == TextCounts(total=len(VECTORS), embedded=len(VECTORS), stored=len(VECTORS))
    assert set(models.embedded.values()) == {1}
    batch_runs.assert_stored(conn, VECTORS)


def test_sessions_that_are_lost_again_and_again_lose_nothing(
    conn: Connection, visitor: str, models: FakeOllama, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []

    def end_all(done: int, _total: int) -> None:  # the reader's session too, before its second page
        if done:
            end_sessions(conn)

    report = batch_runs.embed(
        visitor, models, on_progress=end_all, on_batch=lambda event: events.append(f"{event.kind} {event}")
    )

    assert report.texts == TextCounts(total=len(VECTORS), embedded=len(VECTORS), stored=len(VECTORS))
    assert report.batches == BatchCounts(total=10, completed=10)
    assert report.total_embedded == len(VECTORS)
    assert set(models.embedded.values()) == {1}
    batch_runs.assert_stored(conn, VECTORS)
    expected = (
        r"outage \[reader\] waits for the database: Cannot read what is to be embedded: .*\. Trying again \(1/4\)\."
    )
    assert any(re.fullmatch(expected, each) for each in events), events
    assert caplog.text == "", "the event has reported it"


def test_an_exhausted_pool_is_retried(
    conn: Connection, visitor: str, models: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task takes all connections when the first texts are stored, until an outage event."""
    make_pool, pools, outages = batches.connection_pool, [], []

    def kept(url: str, workers: int) -> AsyncConnectionPool[AsyncConnection]:
        pools.append(make_pool(url, workers))
        return pools[-1]

    monkeypatch.setattr(batches, "connection_pool", kept)
    models.latency = 0.1

    async def scenario() -> EmbeddingsReport:
        holding: list[asyncio.Task[None]] = []
        is_reported = asyncio.Event()

        async def hold() -> None:
            async with AsyncExitStack() as taken:
                with suppress(PoolTimeout):
                    while True:
                        await taken.enter_async_context(pools[0].connection(timeout=0.2))
                await is_reported.wait()

        def begin(done: int, _total: int) -> None:
            if done and not holding:
                holding.append(asyncio.create_task(hold()))

        def listen(event: BatchEvent) -> None:
            if event.kind == "outage":
                outages.append(str(event))
                is_reported.set()

        try:
            return await batch_runs.embedding(visitor, models, on_progress=begin, on_batch=listen)
        finally:
            is_reported.set()
            await asyncio.gather(*holding)

    report = asyncio.run(scenario())

    assert any(
        re.search(r"See that the server is up and has room: .* Trying again \(1/4\)", outage) for outage in outages
    )
    assert report.texts == TextCounts(total=len(VECTORS), embedded=len(VECTORS), stored=len(VECTORS))
    assert set(models.embedded.values()) == {1}
    batch_runs.assert_stored(conn, VECTORS)


def test_a_run_without_a_connection_can_be_stopped_soon(
    conn: Connection, visitor: str, models: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool's timeout passes before the first event, and again for the last transactions of the run."""
    monkeypatch.setattr(batches, "CONNECTION_TIMEOUT", CONNECTION_SECONDS)
    striking = Striking(FAULTS["too many clients"], conn, "embeddings")

    def stop(event: BatchEvent) -> None:
        if event.kind == "outage" and event.worker:
            raise Stopped("enough")

    async def scenario() -> None:
        run = batch_runs.embedding(visitor, models, on_progress=striking.on_progress, on_batch=stop)
        stopped = asyncio.create_task(run)
        await batch_runs.until(stopped.done)
        with pytest.raises(Stopped):
            await stopped

    try:
        asyncio.run(scenario())
    finally:
        striking.heal()


def only_outages(striking: Striking) -> Callable[[BatchEvent], None]:
    return lambda event: striking.on_outage(event) if event.kind == "outage" else None
