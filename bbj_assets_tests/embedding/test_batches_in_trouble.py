"""The batch runner with a server that fails: what is tried again, what is given up, and no text is blamed."""

import math
import time
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from bbj_assets.embedding._patience import LONGEST_WAIT, seconds_before_retry
from bbj_assets.errors import EmbedderMisconfigured, EmbedderUnavailable
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import active_model, ensure_model
from bbj_assets_tests.embedding.batch_runs import (
    BAD,
    DIMENSIONS,
    MODEL,
    OllamaWithGate,
    assert_stored,
    embed,
    failed,
    given,
    hash_of,
    hashes,
    lengths,
    options,
    put,
    vectors,
)
from bbj_assets_tests.fakes.model_server import Fault, refuse


@pytest.fixture
def server() -> Iterator[OllamaWithGate]:
    with OllamaWithGate() as server:
        yield server


@pytest.fixture
def indexed(conn: Connection) -> Connection:
    """The store after an earlier run: the model is registered, so that no run begins with a probe."""
    ensure_model(conn, MODEL, DIMENSIONS)
    return conn


# -- transient: tried again


@pytest.mark.parametrize(
    "faults",
    [
        [refuse(429, retry_after="0")],
        [refuse(503, retry_after="0.01"), refuse(429)],
        [refuse(500, "out of memory"), refuse(502), refuse(408)],
        [refuse(499)],
        [Fault("reset"), Fault("reset"), Fault("reset")],
        [Fault("cut")],
        [Fault("garbage"), Fault("empty")],
        [Fault("fewer"), Fault("ragged")],
    ],
    ids=lambda faults: "-".join(fault.kind if fault.kind != "refuse" else str(fault.status) for fault in faults),
)
def test_a_batch_that_heals_is_stored_whole_and_its_retries_are_counted(
    faults: list[Fault], indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, lengths(10))
    server.inject(*faults)
    report = embed(database_url, server)
    assert report.batches == {"completed": 3, "retried": len(faults)}
    assert server.batches[: len(faults) + 1] == [server.batches[0]] * (len(faults) + 1), "the same texts each time"
    assert len(server.requests) == 3 + len(faults)
    assert_stored(indexed, lengths(10))
    assert failed(indexed) == set()


def test_a_first_run_is_as_patient_with_its_first_request(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, ["text"])
    server.inject(refuse(503, "loading the model"))
    report = embed(database_url, server)
    assert report.batches == {"completed": 1, "retried": 1}
    assert_stored(conn, ["text"])


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_is_not_asked_sooner(
    status: int, indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, ["text"])
    arrivals: list[float] = []
    route = server.route
    server.route = lambda *request: (arrivals.append(time.monotonic()), route(*request))[1]
    server.inject(refuse(status, retry_after="0.3"))
    embed(database_url, server)
    assert len(arrivals) == 2
    assert arrivals[1] - arrivals[0] >= 0.3
    assert_stored(indexed, ["text"])


@for_all(attempt=st.integers(1, 50), first=st.floats(0.001, 30), asked=st.none() | st.floats(0, 1e9))
def test_the_wait_is_the_longer_of_our_own_and_the_server_s_within_a_minute(
    attempt: int, first: float, asked: float | None
):
    seconds = seconds_before_retry(attempt, first, asked)
    least = min(max(first * 2.0 ** (attempt - 1), asked or 0), LONGEST_WAIT)
    assert least <= seconds <= min(max(first * 2.0 ** (attempt - 1) * 1.25, asked or 0), LONGEST_WAIT)


# -- a server that is broken or gone: nobody's text is blamed


def test_a_server_that_is_down_is_an_error_and_not_a_failure_of_every_text(
    indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, lengths(10))
    server.stop()
    with pytest.raises(EmbedderUnavailable, match=r"Cannot reach Ollama at http://.*ollama serve"):
        embed(database_url, server)
    server.start()
    assert failed(indexed) == set()
    embed(database_url, server)
    assert_stored(indexed, lengths(10))


def test_a_server_that_is_down_at_a_first_run_leaves_no_model_behind(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    put(conn, lengths(10))
    server.stop()
    with pytest.raises(EmbedderUnavailable, match="Cannot reach Ollama"):
        embed(database_url, server)
    assert active_model(conn) is None


@pytest.mark.parametrize("workers", [1, 3])
def test_what_was_stored_before_a_server_went_down_stays_and_the_next_run_does_the_rest(
    workers: int, indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, lengths(40))

    def go_down(done: int, _total: int) -> None:
        if done == 16:
            server.stop()

    with pytest.raises(EmbedderUnavailable) as raised:
        embed(database_url, server, options(workers=workers), on_progress=go_down)
    assert type(raised.value) is EmbedderUnavailable
    stored = vectors(indexed).keys()
    assert len(stored) >= 16
    assert failed(indexed) == set()
    server.start()
    server.embedded.clear()
    embed(database_url, server)
    assert {hash_of(text) for text in lengths(40) if server.embedded[given(text)]} == hashes(lengths(40)) - stored
    assert_stored(indexed, lengths(40))


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize(
    "outage",
    [refuse(400, "llama runner process has terminated"), Fault("nan"), Fault("zero")],
    ids=["400", "nan", "zero"],
)
def test_a_server_that_refuses_every_text_is_what_is_broken(
    outage: Fault, batch_size: int, indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, lengths(16))
    server.outage = outage
    with pytest.raises(EmbedderUnavailable, match=r"refuses even .* so the server is broken") as raised:
        embed(database_url, server, options(batch_size=batch_size, retries=2))
    if outage.kind == "refuse":
        assert "llama runner process has terminated" in str(raised.value)
    assert failed(indexed) == set(), "no text is blamed"
    levels = math.ceil(math.log2(batch_size))
    assert (len(server.batches), server.probes) == (1 + levels, 3), "not text by text"
    server.outage = None
    embed(database_url, server)
    assert_stored(indexed, lengths(16))


def test_a_server_that_breaks_in_the_middle_keeps_what_it_did_and_fails_no_text(
    indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, lengths(24))

    def break_down(done: int, _total: int) -> None:
        if done == 12:
            server.outage = refuse(400, "llama runner process has terminated")

    with pytest.raises(EmbedderUnavailable, match="llama runner"):
        embed(database_url, server, on_progress=break_down)
    assert len(vectors(indexed)) == 12
    assert failed(indexed) == set()


@pytest.mark.parametrize("refusals", [1, 3], ids=["before the probe", "during the probe"])
def test_a_text_is_not_blamed_for_a_server_that_recovers(
    refusals: int, indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, ["innocent", BAD])
    server.poison = BAD
    server.inject(*[refuse(400, "llama runner process has terminated")] * refusals)
    report = embed(database_url, server, options(batch_size=1))
    assert report.batches == {"completed": 2} | ({"retried": refusals - 1} if refusals > 1 else {})
    assert_stored(indexed, ["innocent"])
    assert failed(indexed) == hashes([BAD])


def test_a_first_run_with_a_broken_server_says_so(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, ["text"])
    server.outage = refuse(400, "llama runner process has terminated")
    with pytest.raises(EmbedderUnavailable, match="llama runner process has terminated"):
        embed(database_url, server)
    assert (server.batches, active_model(conn)) == ([], None)


@pytest.mark.parametrize(
    ("outage", "says"),
    [
        (refuse(404, "model not found"), "has no model 'nomic-embed-text'.*ollama pull nomic-embed-text"),
        (refuse(401), "refused access"),
        (Fault("dimensions"), "31 dimensions.* have 32"),
    ],
    ids=["missing", "refused", "dimensions"],
)
@pytest.mark.parametrize("first", [True, False], ids=["at the start", "midway"])
def test_what_only_a_person_can_mend_ends_the_run_at_once(
    outage: Fault, says: str, first: bool, indexed: Connection, database_url: str, server: OllamaWithGate
):
    put(indexed, lengths(20))

    def change(done: int, _total: int) -> None:
        if done == (0 if first else 8):
            server.outage = outage

    with pytest.raises(EmbedderMisconfigured, match=says):
        embed(database_url, server, on_progress=change)
    assert len(server.requests) == (1 if first else 3), "no retries, no halves, no probe"
    assert len(vectors(indexed)) == (0 if first else 8)
    assert failed(indexed) == set()


def test_a_missing_model_is_found_before_anything_is_registered(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    put(conn, lengths(20))
    server.models = {"another"}
    with pytest.raises(EmbedderMisconfigured, match="ollama pull"):
        embed(database_url, server)
    assert len(server.requests) == 1
    assert active_model(conn) is None


def test_the_error_of_a_run_keeps_its_own_cause(indexed: Connection, database_url: str, server: OllamaWithGate):
    put(indexed, lengths(4))
    server.outage = Fault("reset")
    with pytest.raises(EmbedderUnavailable) as raised:
        embed(database_url, server)
    assert raised.value.__cause__ is not None
    assert not isinstance(raised.value.__cause__, BaseExceptionGroup)


def test_a_database_that_goes_away_is_an_operational_error_and_the_next_run_does_the_rest(
    indexed: Connection, database_url: str, server: OllamaWithGate
):
    """Its class decides: the step is tried again after an OperationalError."""
    put(indexed, lengths(60))

    def restart(done: int, _total: int) -> None:
        if done == 12:
            indexed.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(psycopg.OperationalError):
        embed(database_url, server, on_progress=restart)
    assert len(vectors(indexed)) == 12
    embed(database_url, server)
    assert_stored(indexed, lengths(60))
