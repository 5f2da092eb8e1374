"""The batch runner while others are at work: its own workers, other runs, and what changes in the store meanwhile."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import psycopg
import pytest

from bbj_assets.store.connection import SESSION_OPTIONS, Connection, configure, connect
from bbj_assets.store.documents import delete_items
from bbj_assets.store.embeddings import store_vectors
from bbj_assets.store.models import Model, active_model, all_models, ensure_model
from bbj_assets_tests.embedding.batch_runs import (
    DIMENSIONS,
    MODEL,
    OllamaWithGate,
    assert_stored,
    embed,
    embed_and_meanwhile,
    embedding,
    given,
    hash_of,
    lengths,
    options,
    put,
    store,
    until,
    vectors,
)
from bbj_assets_tests.fakes.model_server import vector_for, vectors_for


@pytest.fixture
def server() -> Iterator[OllamaWithGate]:
    with OllamaWithGate() as server:
        yield server


def test_the_reader_does_not_run_ahead_of_a_model_that_is_busy(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    """What goes away while the model works is not asked for, because it had not been read into memory."""
    ensure_model(conn, MODEL, DIMENSIONS)
    long, short = [f"{number:03d} long" for number in range(20)], [f"{number:03d}" for number in range(500)]
    put(conn, long, page="stays")
    gone = put(conn, short, page="goes")
    embed_and_meanwhile(database_url, server, lambda: delete_items(conn, [gone]), options(batch_size=2))
    assert_stored(conn, long)


def test_no_transaction_is_open_while_the_model_works(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, lengths(40))

    def close_the_gate(done: int, _total: int) -> None:
        if done == 20:
            server.close_the_gate()

    async def scenario() -> list[str]:
        run = asyncio.create_task(embedding(database_url, server, on_progress=close_the_gate))
        await until(lambda: not server.gate.is_set())
        await server.has_a_request()
        states = sessions(conn)
        server.gate.set()
        await run
        return states

    assert asyncio.run(scenario()) == ["idle", "idle"], "the reader's and the worker's"
    assert_stored(conn, lengths(40))


def sessions(conn: Connection) -> list[str]:
    """The states of the other connections to this database."""
    rows = conn.execute(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name = 'bbj-assets'"
    )
    return [state for (state,) in rows]


def test_two_runs_over_the_same_partitions_store_each_text_once(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    put(conn, lengths(60))
    server.latency = 0.005

    async def scenario() -> None:
        await asyncio.gather(*(embedding(database_url, server, options(workers=2)) for _ in range(2)))

    asyncio.run(scenario())
    assert_stored(conn, lengths(60))
    assert all_models(conn) == [Model(MODEL, DIMENSIONS, active=True)]


def test_a_text_that_another_run_has_stored_meanwhile_keeps_that_vector(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, ["mine", "contested", "mine too"])
    report = embed_and_meanwhile(database_url, server, lambda: store(conn, "contested", np.ones(DIMENSIONS)))
    assert (report.failures, report.embedded("guide")) == ([], 3)
    stored = vectors(conn)
    assert stored.keys() == {hash_of(text) for text in ("mine", "contested", "mine too")}
    assert np.array_equal(stored[hash_of("contested")], np.ones(DIMENSIONS))
    assert np.array_equal(stored[hash_of("mine")], vector_for(given("mine"), DIMENSIONS))


def test_texts_that_another_run_does_first_are_not_asked_for_and_count_as_done(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    ensure_model(conn, MODEL, DIMENSIONS)
    mine, theirs = [f"{number:03d} long" for number in range(20)], [f"{number:03d}" for number in range(30)]
    put(conn, [*mine, *theirs])
    seen: list[tuple[int, int]] = []

    def other_run() -> None:
        for text in theirs:
            store(conn, text, vector_for(given(text), DIMENSIONS))

    report = embed_and_meanwhile(
        database_url,
        server,
        other_run,
        options(batch_size=1),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert {text for batch in server.batches for text in batch} == {given(text) for text in mine}
    assert_stored(conn, mine + theirs)
    assert seen[-1] == (50, 50)
    assert all(before[0] < after[0] for before, after in pairwise(seen))
    assert (report.pending("guide"), report.embedded("guide")) == (50, 50)


@pytest.mark.parametrize("goes", ["a", "b"])
def test_a_text_whose_page_goes_is_embedded_for_the_other_page_that_has_it(
    goes: str, conn: Connection, database_url: str, server: OllamaWithGate
):
    ensure_model(conn, MODEL, DIMENSIONS)
    first = [f"{number:03d} long" for number in range(20)]
    put(conn, first)
    pages = {page: put(conn, ["shared"], page=page) for page in ("a", "b")}
    embed_and_meanwhile(database_url, server, lambda: delete_items(conn, [pages[goes]]), options(batch_size=1))
    assert_stored(conn, [*first, "shared"])


def test_chunks_that_go_during_a_run_are_not_counted_against_it(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    ensure_model(conn, MODEL, DIMENSIONS)
    gone = put(conn, lengths(5), page="goes")
    embed(database_url, server)
    put(conn, ["new"], page="stays")
    report = embed_and_meanwhile(database_url, server, lambda: delete_items(conn, [gone]))
    assert (report.pending("guide"), report.embedded("guide"), report.total_embedded) == (1, 1, 1)


def test_two_runs_that_store_the_same_texts_in_opposite_order_do_not_block_each_other(
    conn: Connection, database_url: str
):
    ensure_model(conn, MODEL, DIMENSIONS)
    low, high = sorted(["one", "two"], key=hash_of)

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, **SESSION_OPTIONS) as other:
            await configure(other)
            hashes = [bytes.fromhex(hash_of(text)) for text in (high, low)]
            with conn.transaction():
                store(conn, low, np.ones(DIMENSIONS))
                storing = asyncio.create_task(
                    store_vectors(other, MODEL, hashes, vectors_for([given(high), given(low)], DIMENSIONS))
                )
                await until(lambda: waiting_for_locks(database_url) == 1)
                store(conn, high, np.ones(DIMENSIONS))
            await storing

    asyncio.run(scenario())
    assert {tuple(vector) for vector in vectors(conn).values()} == {(1.0,) * DIMENSIONS}


def waiting_for_locks(url: str) -> int:
    with connect(url) as watcher:
        row = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return row[0] if row else 0


def test_first_models_that_are_registered_at_once_agree_on_one_active_model(conn: Connection, database_url: str):
    def register() -> Model:
        with connect(database_url) as other:
            return ensure_model(other, "second", 16)

    async def scenario() -> list[Model]:
        with conn.transaction():
            ensure_model(conn, "first", DIMENSIONS)
            others = [asyncio.create_task(asyncio.to_thread(register)) for _ in range(2)]
            await until(lambda: waiting_for_locks(database_url) == 2)
        return await asyncio.gather(*others)

    assert asyncio.run(scenario()) == [Model("second", 16, active=False)] * 2
    assert active_model(conn) == Model("first", DIMENSIONS, active=True)
