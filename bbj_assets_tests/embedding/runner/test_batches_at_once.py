"""The batch runner and concurrency: its own workers, other runs, and changes in the store during a run."""

import asyncio
from itertools import pairwise
from typing import Any

import numpy as np
import psycopg
import pytest

from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.embedding.runner import runner
from bbj_assets.errors import EmbedderMisconfigured, Stopped
from bbj_assets.reports import EmbeddingsReport
from bbj_assets.store.connection import SESSION_OPTIONS, Connection, configure, connect
from bbj_assets.store.documents import delete_items
from bbj_assets.store.embeddings import store_vectors
from bbj_assets.store.models import Model, active_model, all_models, ensure_model, remove_model
from bbj_assets_tests.embedding.runner.batch_runs import (
    DIMENSIONS,
    MODEL,
    SOURCE,
    OllamaWithGate,
    as_embedded,
    assert_stored,
    embed,
    embed_and_meanwhile,
    embedding,
    hash_of,
    lengths,
    options,
    put,
    store,
    storing_held_up,
    until,
    vectors,
    waiting_for_locks,
)
from bbj_assets_tests.fakes.model_server import refuse, vector_for, vectors_for


def test_the_reader_does_not_run_ahead_of_a_busy_model(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    """Texts that are deleted while the model works are not sent, because they are not in memory yet."""
    ensure_model(conn, MODEL, DIMENSIONS)
    long, short = [f"{number:03d} long" for number in range(20)], [f"{number:03d}" for number in range(500)]
    put(conn, long, page="stays")
    gone = put(conn, short, page="goes")
    embed_and_meanwhile(database_url, server, lambda: delete_items(conn, SOURCE, [gone]), options(batch_size=2))
    assert_stored(conn, long)


def test_no_transaction_is_open_while_the_model_works(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(40))
    server.close_the_gate(after=5)

    async def scenario() -> None:
        run = asyncio.create_task(embedding(database_url, server))
        await server.has_a_request()
        await until(lambda: len(vectors(conn)) == 20)  # earlier batches are stored while the model works
        await until(lambda: sessions(conn) == ["idle", "idle"])  # the reader's and the storer's
        server.gate.set()
        await run

    asyncio.run(scenario())
    assert_stored(conn, lengths(40))


def sessions(conn: Connection) -> list[str]:
    """Return the states of the other connections to this database."""
    rows = conn.execute(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name = 'bbj-assets'"
    )
    return [state for (state,) in rows]


def test_two_runs_over_the_same_partitions_store_each_text_once(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, lengths(60))
    server.latency = 0.005

    async def scenario() -> None:
        await asyncio.gather(*(embedding(database_url, server, options(workers=2)) for _ in range(2)))

    asyncio.run(scenario())
    assert_stored(conn, lengths(60))
    assert all_models(conn) == [Model(MODEL, DIMENSIONS, active=True)]


def test_a_vector_that_another_run_stored_meanwhile_is_kept(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, ["mine", "contested", "mine too"])
    report = embed_and_meanwhile(database_url, server, lambda: store(conn, "contested", np.ones(DIMENSIONS)))
    assert (report.failures, report.embedded("guide")) == ([], 3)
    stored = vectors(conn)
    assert stored.keys() == {hash_of(text) for text in ("mine", "contested", "mine too")}
    assert np.array_equal(stored[hash_of("contested")], np.ones(DIMENSIONS))
    assert np.array_equal(stored[hash_of("mine")], vector_for(as_embedded("mine"), DIMENSIONS))


def test_texts_that_another_run_embedded_first_are_skipped_and_count_as_reused(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    mine, theirs = [f"{number:03d} long" for number in range(20)], [f"{number:03d}" for number in range(30)]
    put(conn, [*mine, *theirs])
    seen: list[tuple[int, int]] = []

    def other_run() -> None:
        for text in theirs:
            store(conn, text, vector_for(as_embedded(text), DIMENSIONS))

    report = embed_and_meanwhile(
        database_url,
        server,
        other_run,
        options(batch_size=1),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert {text for batch in server.batches for text in batch} == {as_embedded(text) for text in mine}
    assert_stored(conn, mine + theirs)
    assert seen[-1] == (50, 50)
    assert all(before[0] < after[0] for before, after in pairwise(seen))
    assert (report.pending("guide"), report.embedded("guide"), report.reused("guide")) == (50, 20, 30)


def test_a_second_run_over_a_source_waits_and_finds_nothing_pending(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(40))
    waits: list[str] = []

    async def scenario() -> tuple[EmbeddingsReport, EmbeddingsReport]:
        server.close_the_gate()
        first = asyncio.create_task(embedding(database_url, server))
        await server.has_a_request()
        second = asyncio.create_task(embedding(database_url, server, on_wait=lambda: waits.append("waits")))
        await until(lambda: bool(waits))
        server.gate.set()
        return await first, await second

    first, second = asyncio.run(scenario())
    assert set(server.embedded.values()) == {1}
    assert (first.total_embedded, second.total_embedded, second.pending("guide")) == (40, 0, 0)
    assert waits == ["waits"]


def test_a_run_over_another_source_or_with_another_model_does_not_wait(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    server.models = {MODEL, "another"}
    put(conn, lengths(4))
    put(conn, lengths(4, "other"), source="other")

    async def scenario() -> None:
        server.close_the_gate(after=1)  # the first request is the probe for the dimensions
        first = asyncio.create_task(embedding(database_url, server))
        await server.has_a_request()
        server.gate.set()
        async with asyncio.timeout(30):
            await embedding(database_url, server, source="other")
            await embedding(database_url, server, embedder=OllamaEmbedder(server.url, model="another"))
        await first

    asyncio.run(scenario())


def test_a_text_that_returns_while_its_orphaned_vector_is_collected_is_embedded_again(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, ["old", "stays"])
    embed(database_url, server)
    put(conn, ["new", "stays"])
    conn.execute("UPDATE embeddings SET orphaned_at = now() - interval '1 day' WHERE content_hash NOT IN "
                 "(SELECT content_hash FROM chunks)")  # fmt: skip

    async def scenario() -> EmbeddingsReport:
        with connect(database_url) as collector, collector.transaction():
            gone = collector.execute("DELETE FROM embeddings WHERE orphaned_at < now()").rowcount
            assert gone == 1
            put(conn, ["old", "stays"])
            run = asyncio.create_task(embedding(database_url, server))
            await until(lambda: waiting_for_locks(database_url) == 1 or run.done())
        return await run

    report = asyncio.run(scenario())
    assert report.total_embedded == 1
    assert {hash_of("old"), hash_of("stays")} <= vectors(conn).keys()


@pytest.mark.parametrize("goes", ["a", "b"])
def test_a_text_whose_page_is_deleted_is_embedded_for_another_page_that_has_it(
    goes: str, conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    first = [f"{number:03d} long" for number in range(20)]
    put(conn, first)
    pages = {page: put(conn, ["shared"], page=page) for page in ("a", "b")}
    embed_and_meanwhile(database_url, server, lambda: delete_items(conn, SOURCE, [pages[goes]]), options(batch_size=1))
    assert_stored(conn, [*first, "shared"])


def test_chunks_that_are_deleted_during_a_run_do_not_change_its_counts(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    gone = put(conn, lengths(5), page="goes")
    embed(database_url, server)
    put(conn, ["new"], page="stays")
    report = embed_and_meanwhile(database_url, server, lambda: delete_items(conn, SOURCE, [gone]))
    assert (report.pending("guide"), report.embedded("guide"), report.total_embedded) == (1, 1, 1)


def test_two_runs_that_store_the_same_texts_in_opposite_order_do_not_deadlock(
    conn: Connection, database_url: str
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    low, high = sorted(["one", "two"], key=hash_of)

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, **SESSION_OPTIONS) as other:
            await configure(other)
            hashes = [bytes.fromhex(hash_of(text)) for text in (high, low)]
            with conn.transaction():
                store(conn, low, np.ones(DIMENSIONS))
                storing = asyncio.create_task(
                    store_vectors(other, MODEL, hashes, vectors_for([as_embedded(high), as_embedded(low)], DIMENSIONS))
                )
                await until(lambda: waiting_for_locks(database_url) == 1)
                store(conn, high, np.ones(DIMENSIONS))
            await storing

    asyncio.run(scenario())
    assert {tuple(vector) for vector in vectors(conn).values()} == {(1.0,) * DIMENSIONS}


def test_models_that_are_registered_concurrently_agree_on_one_active_model(conn: Connection, database_url: str) -> None:
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


def test_a_run_whose_model_is_removed_ends_with_the_remedy(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, "active", DIMENSIONS)
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(12))

    def remove() -> None:
        remove_model(conn, MODEL)

    with pytest.raises(EmbedderMisconfigured, match=rf"'{MODEL}' was removed .*bbj-assets models add {MODEL}"):
        embed_and_meanwhile(database_url, server, remove)

    assert all_models(conn) == [Model("active", DIMENSIONS, active=True)]
    assert vectors(conn) == {}


# -- requests do not wait for the database


@pytest.mark.parametrize("workers", [1, 4])
def test_requests_go_on_while_storing_is_slow_up_to_two_batches_per_worker(
    workers: int, conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    texts = lengths(40 * workers)
    put(conn, texts)
    server.latency = 0.05

    async def scenario() -> int:
        with storing_held_up(conn):
            run = asyncio.create_task(embedding(database_url, server, options(workers=workers)))
            await until(lambda: len(server.batches) >= 2 * workers)
            await asyncio.sleep(0.2)  # time in which a worker without a limit would send more
            assert waiting_for_locks(database_url) == 1
            assert vectors(conn) == {}
            asked = len(server.batches)
        await run
        return asked

    assert asyncio.run(scenario()) == 2 * workers, "the most that a kill loses"
    assert server.most_at_once == workers
    assert_stored(conn, texts)


def test_waiting_vectors_are_stored_when_another_worker_fails(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(60))
    server.fail_after(3, refuse(404))  # of the four in flight

    async def scenario() -> None:
        with storing_held_up(conn):
            run = asyncio.create_task(embedding(database_url, server, options(workers=2)))
            await until(lambda: len(server.batches) > 3)
            await asyncio.sleep(0.1)
            assert not run.done(), "it stores first"
        with pytest.raises(EmbedderMisconfigured):
            await run

    asyncio.run(scenario())
    stored = vectors(conn).keys()
    assert stored == {hash_of(text) for text in lengths(60) if server.embedded[as_embedded(text)]}
    assert len(stored) == 12


async def held_up_with_two_batches(url: str, server: OllamaWithGate, **more: Any) -> asyncio.Task[EmbeddingsReport]:
    """Return a run whose one worker has embedded as much as it may before something is stored."""
    run = asyncio.create_task(embedding(url, server, **more))
    await until(lambda: sum(server.embedded.values()) == 8 and waiting_for_locks(url) == 1)
    await asyncio.sleep(0.1)  # time for the last answer to arrive
    return run


def test_waiting_vectors_are_stored_when_the_listener_raises(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(60))
    seen: list[int] = []

    def stop(done: int, _total: int) -> None:
        seen.append(done)
        if done:
            raise Stopped("enough")

    async def scenario() -> None:
        with storing_held_up(conn):
            run = await held_up_with_two_batches(database_url, server, on_progress=stop)
        with pytest.raises(Stopped):
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    assert seen == [0, 4]
    assert (len(server.batches), len(vectors(conn))) == (2, 8)
    server.embedded.clear()
    embed(database_url, server)
    assert sum(server.embedded.values()) == 52
    assert_stored(conn, lengths(60))


def test_waiting_vectors_are_stored_when_the_run_is_cancelled(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(60))

    async def scenario() -> None:
        with storing_held_up(conn):
            run = await held_up_with_two_batches(database_url, server)
            run.cancel()
            await asyncio.sleep(0.1)
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    assert (len(server.batches), len(vectors(conn))) == (2, 8)


def test_a_cancelled_run_does_not_wait_long_for_a_lock(
    conn: Connection, database_url: str, server: OllamaWithGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(60))
    monkeypatch.setattr(runner, "SHUTDOWN_TIMEOUT", 0.1)

    async def scenario() -> None:
        with storing_held_up(conn):
            run = await held_up_with_two_batches(database_url, server)
            run.cancel()
            await until(run.done)
            with pytest.raises(asyncio.CancelledError):
                await run
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    assert vectors(conn) == {}
    embed(database_url, server)
    assert_stored(conn, lengths(60))
