"""The batch runner with a server that is well: every text once, in good batches, side by side."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import psycopg
import pytest

from bbj_assets.embedding.batches import PROBE_TEXT, EmbeddingsReport
from bbj_assets.embedding.ollama import OllamaEmbedder
from bbj_assets.errors import Stopped
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
    embedding,
    given,
    hash_of,
    lengths,
    options,
    put,
    vectors,
)
from bbj_assets_tests.fakes.model_server import vector_for, vectors_for
from bbj_assets_tests.fakes.ollama_server import FakeOllama


@pytest.fixture
def server() -> Iterator[OllamaWithGate]:
    with OllamaWithGate() as server:
        yield server


def until(condition: Callable[[], bool]) -> "asyncio.Task[None]":
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    return asyncio.create_task(wait())


# -- every text once


def test_every_text_is_embedded_once_and_stored_with_its_own_vector(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    texts = lengths(50)
    put(conn, texts)
    embed(database_url, server, options(workers=3))
    assert_stored(conn, texts)
    assert server.embedded == {PROBE_TEXT: 1} | {given(text): 1 for text in texts}


def test_a_text_that_stands_in_many_places_is_embedded_once(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    put(conn, ["licence", "first", "licence"], page="a")
    put(conn, ["second", "licence"], page="b", partition="other")
    put(conn, ["licence", "elsewhere"], source="pdf")
    embed(database_url, server, partitions=["guide", "other"])
    report = embed(database_url, server, source="pdf")
    assert server.embedded[given("licence")] == 1
    assert_stored(conn, ["licence", "first", "second", "elsewhere"])
    assert (report.pending("guide"), report.reused("guide"), report.embedded("guide")) == (1, 1, 1)


def test_a_second_run_asks_nobody(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, lengths(5))
    embed(database_url, server)
    server.stop()
    report = embed(database_url, server)
    server.start()  # the fixture ends it again
    assert (report.pending("guide"), report.embedded("guide"), report.reused("guide")) == (0, 0, 5)
    assert sum(report.batches.values()) == 0


def test_a_changed_text_is_all_that_is_embedded_again(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, ["stays", "was"])
    embed(database_url, server)
    server.requests.clear()
    put(conn, ["new first", "stays", "is"])
    embed(database_url, server)
    assert server.batches == [(given("new first"), given("is"))]
    assert_stored(conn, ["stays", "was", "new first", "is"])  # `was` is an orphan, kept for a revert


def test_other_partitions_and_sources_are_left_alone(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, ["mine"], partition="a")
    put(conn, ["not asked for"], partition="b")
    put(conn, ["another source"], partition="a", source="pdf")
    report = embed(database_url, server, partitions=["a", "empty"])
    assert_stored(conn, ["mine"])
    assert (report.pending("empty"), report.embedded("empty"), report.reused("empty")) == (0, 0, 0)


def test_models_stand_beside_each_other_and_the_first_one_is_active(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    put(conn, ["text"])
    embed(database_url, server)
    with FakeOllama(models=["other"], dimensions=16) as second:
        report = embed(database_url, second, embedder=OllamaEmbedder(second.url, "other"))
    assert (report.model, report.pending("guide"), report.embedded("guide")) == ("other", 1, 1)
    assert all_models(conn) == [Model(MODEL, DIMENSIONS, active=True), Model("other", 16, active=False)]
    assert_stored(conn, ["text"])
    assert np.array_equal(vectors(conn, "other")[hash_of("text")], vector_for(given("text"), 16))


def test_nothing_is_registered_while_there_is_nothing_to_embed(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    assert embed(database_url, server).before == {}
    assert server.requests == []
    assert active_model(conn) is None


# -- batches


def test_batches_are_full_and_of_like_lengths_the_longest_first(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    texts = lengths(70)
    for number in range(7):
        put(conn, texts[number::7], page=str(number))
    report = embed(database_url, server, options(batch_size=6))
    assert [len(batch) for batch in server.batches] == [6] * 11 + [4]
    asked = [len(text) for batch in server.batches for text in batch]
    assert asked == sorted(asked, reverse=True)
    assert report.batches == {"completed": 12}


def test_as_many_requests_are_under_way_as_there_are_workers(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    put(conn, lengths(36))
    server.latency = 0.05
    embed(database_url, server, options(workers=3))
    assert server.most_at_once == 3


def test_an_embedder_may_ask_for_fewer_workers(conn: Connection, database_url: str, server: OllamaWithGate):
    class OneAtATime(OllamaEmbedder):
        max_concurrency = 1

    put(conn, lengths(16))
    server.latency = 0.02
    embed(database_url, server, options(workers=4), embedder=OneAtATime(server.url, MODEL))
    assert server.most_at_once == 1
    assert_stored(conn, lengths(16))


def test_the_reader_does_not_run_ahead_of_a_model_that_is_busy(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    """What goes away while the model works is not asked for, because it had not been read into memory."""
    ensure_model(conn, MODEL, DIMENSIONS)
    long, short = [f"{number:03d} long" for number in range(20)], [f"{number:03d}" for number in range(500)]
    put(conn, long, page="stays")
    gone = put(conn, short, page="goes")

    async def scenario() -> None:
        server.gate.clear()
        run = asyncio.create_task(embedding(database_url, server, options(batch_size=2)))
        await until(lambda: server.arrived.acquire(blocking=False))
        await asyncio.sleep(0.2)  # for a reader that would run ahead
        delete_items(conn, [gone])
        server.gate.set()
        await run

    asyncio.run(scenario())
    assert_stored(conn, long)


def test_no_transaction_is_open_while_the_model_works(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, lengths(40))
    states: list[str] = []

    async def scenario() -> None:
        run = asyncio.create_task(embedding(database_url, server, options(workers=2), on_progress=close_the_gate))
        await until(lambda: not server.gate.is_set() and server.arrived.acquire(blocking=False))
        await until(lambda: run.done() or "active" not in sessions(conn))  # what was stored just before
        states.extend(sessions(conn))
        server.gate.set()
        await run

    def close_the_gate(done: int, _total: int) -> None:
        if done == 16:
            while server.arrived.acquire(blocking=False):
                pass
            server.gate.clear()

    asyncio.run(scenario())
    assert len(states) >= 2, "the reader's and a worker's"
    assert set(states) == {"idle"}


def sessions(conn: Connection) -> list[str]:
    """The states of the other connections to this database."""
    rows = conn.execute(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name = 'bbj-assets'"
    )
    return [state for (state,) in rows]


# -- what is told of it


def test_the_report_is_true_for_each_partition(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, ["one", "two", "both"], partition="a")
    embed(database_url, server, partitions=["a"])
    put(conn, ["three", "both", "both", "☠ bad", "☠ worse"], partition="b")
    put(conn, ["three", "four"], partition="c")
    server.poison = "☠"
    report = embed(database_url, server, partitions=["a", "b", "c"])
    assert figures(report, "a") == {"pending": 0, "embedded": 0, "reused": 3, "failed": 0}
    assert figures(report, "b") == {"pending": 3, "embedded": 1, "reused": 2, "failed": 2}
    assert figures(report, "c") == {"pending": 2, "embedded": 2, "reused": 0, "failed": 0}
    assert report.total_embedded == 3
    assert report.model == MODEL
    assert report.seconds > 0


def figures(report: EmbeddingsReport, partition: str) -> dict[str, int]:
    return {
        "pending": report.pending(partition),
        "embedded": report.embedded(partition),
        "reused": report.reused(partition),
        "failed": sum(failure.partition_key == partition for failure in report.failures),
    }


def test_progress_rises_from_nothing_to_all(conn: Connection, database_url: str, server: OllamaWithGate):
    put(conn, [*lengths(45), "☠"])
    server.poison = "☠"
    seen: list[tuple[int, int]] = []
    embed(database_url, server, options(workers=3), on_progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 46)
    assert seen[-1] == (46, 46)
    assert all(before[0] < after[0] for before, after in pairwise(seen))
    assert {total for _, total in seen} == {46}


class Interrupted(BaseException):
    """As an orchestrator interrupts a run: not an Exception."""


@pytest.mark.parametrize("error", [Stopped("enough"), Interrupted()], ids=["Stopped", "BaseException"])
def test_an_exception_of_the_listener_ends_the_run_with_what_was_done_stored(
    error: BaseException, conn: Connection, database_url: str, server: OllamaWithGate
):
    put(conn, lengths(40))

    def listen(done: int, _total: int) -> None:
        if done >= 12:
            raise error

    with pytest.raises(type(error)) as raised:
        embed(database_url, server, on_progress=listen)
    assert raised.value is error
    assert len(vectors(conn)) == 12
    server.embedded.clear()
    embed(database_url, server)
    assert sum(server.embedded.values()) == 28, "the next run takes up the rest"
    assert_stored(conn, lengths(40))


# -- several runs at once


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

    async def scenario() -> EmbeddingsReport:
        server.gate.clear()
        run = asyncio.create_task(embedding(database_url, server))
        await until(lambda: server.arrived.acquire(blocking=False))
        store(conn, "contested", [1.0] * DIMENSIONS)
        server.gate.set()
        return await run

    report = asyncio.run(scenario())
    assert report.failures == []
    stored = vectors(conn)
    assert stored.keys() == {hash_of(text) for text in ("mine", "contested", "mine too")}
    assert np.array_equal(stored[hash_of("contested")], np.ones(DIMENSIONS))
    assert np.array_equal(stored[hash_of("mine")], vector_for(given("mine"), DIMENSIONS))


def store(conn: Connection, text: str, vector: list[float]) -> None:
    conn.execute(
        "INSERT INTO embeddings (model, content_hash, embedding) VALUES (%s, decode(%s, 'hex'), %s::real[]::vector)",
        [MODEL, hash_of(text), vector],
    )


def test_texts_that_another_run_does_first_are_not_asked_for_and_count_as_done(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    ensure_model(conn, MODEL, DIMENSIONS)
    mine, theirs = [f"{number:03d} long" for number in range(20)], [f"{number:03d}" for number in range(30)]
    put(conn, [*mine, *theirs])
    seen: list[tuple[int, int]] = []

    async def scenario() -> EmbeddingsReport:
        server.gate.clear()
        run = asyncio.create_task(
            embedding(
                database_url,
                server,
                options(batch_size=1),
                on_progress=lambda done, total: seen.append((done, total)),
            )
        )
        await until(lambda: server.arrived.acquire(blocking=False))
        for text in theirs:
            store(conn, text, vector_for(given(text), DIMENSIONS).tolist())
        server.gate.set()
        return await run

    report = asyncio.run(scenario())
    assert {text for batch in server.batches for text in batch} == {given(text) for text in mine}
    assert_stored(conn, mine + theirs)
    assert seen[-1] == (50, 50)
    assert all(before[0] < after[0] for before, after in pairwise(seen))
    assert (report.pending("guide"), report.embedded("guide")) == (50, 50)


def test_a_text_whose_page_goes_is_embedded_for_the_other_page_that_has_it(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    ensure_model(conn, MODEL, DIMENSIONS)
    first = [f"{number:03d} long" for number in range(20)]
    put(conn, first)
    pages = [put(conn, ["shared"], page=page) for page in ("a", "b")]

    for page in pages:  # whichever of the two the runner has noted

        async def scenario(page: str = page) -> None:
            server.gate.clear()
            run = asyncio.create_task(embedding(database_url, server, options(batch_size=1)))
            await until(lambda: server.arrived.acquire(blocking=False))
            delete_items(conn, [page])
            server.gate.set()
            await run

        asyncio.run(scenario())
        assert_stored(conn, [*first, "shared"])
        conn.execute("TRUNCATE embeddings")
        for again in pages:
            put(conn, ["shared"], page=again.rpartition("/")[2].removesuffix(".md"))
        while server.arrived.acquire(blocking=False):
            pass


def test_chunks_that_go_during_a_run_are_not_counted_against_it(
    conn: Connection, database_url: str, server: OllamaWithGate
):
    ensure_model(conn, MODEL, DIMENSIONS)
    gone = put(conn, lengths(5), page="goes")
    embed(database_url, server)
    put(conn, ["new"], page="stays")
    while server.arrived.acquire(blocking=False):
        pass

    async def scenario() -> EmbeddingsReport:
        server.gate.clear()
        run = asyncio.create_task(embedding(database_url, server))
        await until(lambda: server.arrived.acquire(blocking=False))
        delete_items(conn, [gone])
        server.gate.set()
        return await run

    report = asyncio.run(scenario())
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
                store(conn, low, [1.0] * DIMENSIONS)
                storing = asyncio.create_task(
                    store_vectors(other, MODEL, hashes, vectors_for([given(high), given(low)], DIMENSIONS))
                )
                await until(lambda: waiting_for_locks(database_url) == 1)
                store(conn, high, [1.0] * DIMENSIONS)
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
