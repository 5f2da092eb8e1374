"""The batch runner and a server that fails: what is retried, what ends the run, and that no text fails for it."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.errors import EmbedderMisconfigured, EmbedderUnavailable, EmbedderUnreachable
from bbj_assets.reports import BatchCounts, BatchEvent
from bbj_assets.retrying import MAX_DELAY, retry_delay
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import active_model
from bbj_assets_tests.embedding.runner.batch_runs import (
    BAD,
    MODEL,
    OllamaWithGate,
    as_embedded,
    assert_stored,
    embed,
    embedding,
    failed,
    hash_of,
    hashes,
    lengths,
    options,
    put,
    storing_held_up,
    until,
    vectors,
    waiting_for_locks,
)
from bbj_assets_tests.fakes.model_server import Embedding, Fault, Reply, refuse

# -- transient errors are retried


def test_the_probe_of_a_first_run_is_retried(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(conn, ["text"])
    server.inject(refuse(503, "loading the model"))
    report = embed(database_url, server)
    assert report.batches == BatchCounts(total=1, completed=1)
    assert_stored(conn, ["text"])


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(
    status: int, indexed: Connection, database_url: str, server: OllamaWithGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(indexed, ["text"])
    arrivals: list[float] = []
    route = server.route

    def timed(method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        arrivals.append(time.monotonic())
        return route(method, path, body)

    monkeypatch.setattr(server, "route", timed)
    server.inject(refuse(status, retry_after="0.3"))
    embed(database_url, server)
    assert len(arrivals) == 2
    assert arrivals[1] - arrivals[0] >= 0.3
    assert_stored(indexed, ["text"])


@given(attempt=st.integers(1, 50), first=st.floats(0.001, 30), asked=st.none() | st.floats(0, 1e9))
def test_the_delay_is_the_longer_of_backoff_and_retry_after_and_at_most_a_minute(
    attempt: int, first: float, asked: float | None
) -> None:
    seconds = retry_delay(attempt, first, asked)
    least = min(max(first * 2.0 ** (attempt - 1), asked or 0), MAX_DELAY)
    assert least <= seconds <= min(max(first * 2.0 ** (attempt - 1) * 1.25, asked or 0), MAX_DELAY)


# -- no text fails because a server is broken or down


def test_a_server_that_is_down_fails_the_run_and_no_text(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(10))
    server.stop()
    with pytest.raises(EmbedderUnavailable, match=r"Cannot reach Ollama at http://.*ollama serve"):
        embed(database_url, server)
    server.start()
    assert failed(indexed) == set()
    embed(database_url, server)
    assert_stored(indexed, lengths(10))


def test_a_server_that_is_down_in_a_first_run_leaves_no_model_registered(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, lengths(10))
    server.stop()
    with pytest.raises(EmbedderUnavailable, match="Cannot reach Ollama"):
        embed(database_url, server)
    assert active_model(conn) is None


@pytest.mark.parametrize("workers", [1, 3])
def test_vectors_stored_before_a_server_went_down_stay_and_the_next_run_embeds_the_rest(
    workers: int, indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(40))
    server.fail_after(4, Fault("hang"))

    async def scenario() -> None:
        run = asyncio.create_task(embedding(database_url, server, options(workers=workers)))
        await until(lambda: len(server.requests) == 4 + workers)
        await asyncio.to_thread(server.stop)
        await run

    with pytest.raises(EmbedderUnreachable) as raised:
        asyncio.run(scenario())
    assert type(raised.value) is EmbedderUnreachable
    stored = vectors(indexed).keys()
    assert stored == {hash_of(text) for text in lengths(40) if server.embedded[as_embedded(text)]}
    assert len(stored) == 16
    assert failed(indexed) == set()
    server.outage = None
    server.start()
    server.embedded.clear()
    embed(database_url, server)
    assert {hash_of(text) for text in lengths(40) if server.embedded[as_embedded(text)]} == hashes(lengths(40)) - stored
    assert_stored(indexed, lengths(40))


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize(
    "outage",
    [refuse(400, "llama runner process has terminated"), Fault("nan"), Fault("zero")],
    ids=["400", "nan", "zero"],
)
def test_a_server_that_rejects_every_text_fails_the_run_and_no_text(
    outage: Fault, batch_size: int, indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(16))
    server.outage = outage
    with pytest.raises(EmbedderUnavailable, match=r"refuses even .* so the server is broken") as raised:
        embed(database_url, server, options(batch_size=batch_size, retries=2))
    if outage.kind == "refuse":
        assert "llama runner process has terminated" in str(raised.value)
    assert failed(indexed) == set(), "no text fails"
    levels = math.ceil(math.log2(batch_size))
    # While an answer without a usable vector is read, the worker has sent one more request.
    at_once = 1 if outage.kind == "refuse" else 2
    assert 1 + levels <= len(server.batches) <= at_once * (1 + levels), "not text by text"
    assert 3 <= server.probes <= at_once * 3
    server.outage = None
    embed(database_url, server)
    assert_stored(indexed, lengths(16))


def test_a_server_that_breaks_during_a_run_loses_no_vector_and_fails_no_text(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(24))
    server.fail_after(3, refuse(400, "llama runner process has terminated"))

    with pytest.raises(EmbedderUnavailable, match="llama runner"):
        embed(database_url, server)
    assert len(vectors(indexed)) == 12
    assert failed(indexed) == set()


@pytest.mark.parametrize("refusals", [1, 3], ids=["before the probe", "during the probe"])
def test_a_text_does_not_fail_for_a_server_that_recovers(
    refusals: int, indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, ["innocent", BAD])
    server.poison = BAD
    server.inject(*[refuse(400, "llama runner process has terminated")] * refusals)
    report = embed(database_url, server, options(batch_size=1))
    assert report.batches == BatchCounts(total=2, completed=1, failed=1)
    assert_stored(indexed, ["innocent"])
    assert failed(indexed) == hashes([BAD])


def test_a_first_run_with_a_broken_server_reports_its_error(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, ["text"])
    server.outage = refuse(400, "llama runner process has terminated")
    with pytest.raises(EmbedderUnavailable, match="llama runner process has terminated"):
        embed(database_url, server)
    assert (server.batches, active_model(conn)) == ([], None)


def test_a_missing_model_is_found_before_anything_is_registered(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, lengths(20))
    server.models = {"another"}
    with pytest.raises(EmbedderMisconfigured, match="ollama pull"):
        embed(database_url, server)
    assert len(server.requests) == 1
    assert active_model(conn) is None


def test_the_error_of_a_run_keeps_its_own_cause(indexed: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(indexed, lengths(4))
    server.outage = Fault("reset")
    with pytest.raises(EmbedderUnavailable) as raised:
        embed(database_url, server)
    assert raised.value.__cause__ is not None
    assert not isinstance(raised.value.__cause__, BaseExceptionGroup)


def test_vectors_in_a_lost_transaction_are_stored_when_the_database_is_back(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(60))
    events: list[BatchEvent] = []

    async def scenario() -> None:
        with storing_held_up(indexed):
            run = asyncio.create_task(embedding(database_url, server, on_batch=events.append))
            await until(lambda: len(server.requests) == 2 and waiting_for_locks(database_url) == 1)
            end_all_sessions(indexed)
            await until(lambda: any(one.kind == "outage" for one in events))
        await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    outages = [str(one) for one in events if one.kind == "outage"]
    assert "wait for the database: Cannot store what was embedded: PostgreSQL at " in outages[0]
    assert "Trying again (1/4)" in outages[0]
    assert server.embedded == {as_embedded(text): 1 for text in lengths(60)}
    assert failed(indexed) == set()
    assert_stored(indexed, lengths(60))


def test_a_database_outage_while_the_workers_of_a_broken_server_end_loses_nothing(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    """Server and database are down and the queue is full: no task may wait for another one forever."""
    all_gone = asyncio.Event()

    class SlowToStop(OllamaEmbedder):
        async def embed(self, texts: Sequence[str], on_answer: Callable[[], None] = lambda: None) -> Vectors:
            try:
                return await super().embed(texts, on_answer)
            except asyncio.CancelledError:
                end_all_sessions(indexed)
                all_gone.set()
                await asyncio.sleep(0.3)
                raise

    put(indexed, lengths(60))
    server.close_the_gate(after=1)
    server.inject(*[None] * 4, Fault("hang"))  # with the one that is refused, all that may be in flight
    server.outage = refuse(404)

    async def scenario() -> None:
        with storing_held_up(indexed):
            run = asyncio.create_task(
                embedding(database_url, server, options(workers=3), embedder=SlowToStop(server.url, model=MODEL))
            )
            await until(lambda: waiting_for_locks(database_url) == 1)
            server.gate.set()
            await until(all_gone.is_set)
        await until(run.done)
        with pytest.raises(EmbedderMisconfigured):
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    assert failed(indexed) == set()
    assert_stored(indexed, [text for text in lengths(60) if server.embedded[as_embedded(text)]])


def end_all_sessions(conn: Connection) -> None:
    """End all sessions but this one, as a restart of the database does."""
    conn.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
