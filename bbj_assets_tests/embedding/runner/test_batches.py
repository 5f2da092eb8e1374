"""The batch runner with a healthy server: every text once, in full batches, concurrently."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.embedding.runner.batches import PROBE_TEXT
from bbj_assets.errors import Stopped
from bbj_assets.reports import BatchCounts, EmbeddingsReport, TextCounts
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import Model, active_model, all_models, ensure_model
from bbj_assets_tests.embedding.runner.batch_runs import (
    DIMENSIONS,
    MODEL,
    OllamaWithGate,
    as_embedded,
    assert_stored,
    embed,
    hash_of,
    lengths,
    options,
    put,
    until,
    vectors,
)
from bbj_assets_tests.fakes import model_server
from bbj_assets_tests.fakes.model_server import Reply, vector_for
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.progress import ListeningProgress

# -- every text once


def test_every_text_is_embedded_once_and_stored_with_its_own_vector(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    texts = lengths(50)
    put(conn, texts)
    embed(database_url, server, options(workers=3))
    assert_stored(conn, texts)
    assert server.embedded == {PROBE_TEXT: 1} | {as_embedded(text): 1 for text in texts}


def test_a_text_of_several_chunks_is_embedded_once(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(conn, ["licence", "first", "licence"], page="a")
    put(conn, ["second", "licence"], page="b", partition="other")
    put(conn, ["licence", "elsewhere"], source="pdf")
    embed(database_url, server, partitions=["guide", "other"])
    report = embed(database_url, server, source="pdf")
    assert server.embedded[as_embedded("licence")] == 1
    assert_stored(conn, ["licence", "first", "second", "elsewhere"])
    assert (report.pending("guide"), report.reused("guide"), report.embedded("guide")) == (1, 1, 1)


def test_a_second_run_sends_no_request(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(conn, lengths(5))
    embed(database_url, server)
    server.stop()
    report = embed(database_url, server)
    assert (report.pending("guide"), report.embedded("guide"), report.reused("guide")) == (0, 0, 5)
    assert report.batches == BatchCounts()


def test_only_a_changed_text_is_embedded_again(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(conn, ["stays", "was"])
    embed(database_url, server)
    server.requests.clear()
    put(conn, ["new first", "stays", "is"])
    embed(database_url, server)
    assert server.batches == [(as_embedded("new first"), as_embedded("is"))]
    assert_stored(conn, ["stays", "was", "new first", "is"])  # `was` is an orphan, kept for a revert


def test_other_partitions_and_sources_are_not_embedded(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, ["mine"], partition="a")
    put(conn, ["not asked for"], partition="b")
    put(conn, ["another source"], partition="a", source="pdf")
    report = embed(database_url, server, partitions=["a", "empty"])
    assert_stored(conn, ["mine"])
    assert (report.pending("empty"), report.embedded("empty"), report.reused("empty")) == (0, 0, 0)


def test_several_models_can_be_filled_and_the_first_one_is_active(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, ["text"])
    embed(database_url, server)
    with FakeOllama(models=["other"], dimensions=16) as second:
        report = embed(database_url, second, embedder=OllamaEmbedder(second.url, model="other"))
    assert (report.model, report.pending("guide"), report.embedded("guide")) == ("other", 1, 1)
    assert all_models(conn) == [Model(MODEL, DIMENSIONS, active=True), Model("other", 16, active=False)]
    assert_stored(conn, ["text"])
    assert np.array_equal(vectors(conn, "other")[hash_of("text")], vector_for(as_embedded("text"), 16))


def test_no_model_is_registered_while_there_is_nothing_to_embed(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    assert embed(database_url, server).before == {}
    assert server.requests == []
    assert active_model(conn) is None


# -- batches


def test_batches_are_full_and_sorted_by_length_longest_first(
    conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    texts = lengths(70)
    for number in range(7):
        put(conn, texts[number::7], page=str(number))
    report = embed(database_url, server, options(batch_size=6))
    assert [len(batch) for batch in server.batches] == [6] * 11 + [4]
    asked = [len(text) for batch in server.batches for text in batch]
    assert asked == sorted(asked, reverse=True)
    assert report.batches == BatchCounts(total=12, completed=12)
    assert report.texts == TextCounts(total=70, embedded=70, stored=70)


def test_each_worker_has_one_request_in_flight(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(conn, lengths(36))
    server.latency = 0.05
    embed(database_url, server, options(workers=3))
    assert server.most_at_once == 3


def test_the_next_request_is_sent_while_an_answer_is_read(
    conn: Connection, database_url: str, server: OllamaWithGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write_in_halves(writer: asyncio.StreamWriter, reply: Reply, **_: bool) -> None:
        """Send the second half after the next request has arrived; there are eight."""
        asked, half = len(server.batches), len(reply.body) // 2
        head = f"HTTP/1.1 {reply.status} OK\r\nContent-Length: {len(reply.body)}\r\n\r\n"
        writer.write(head.encode() + reply.body[:half])
        await until(lambda: len(server.batches) > asked or asked == 8)
        writer.write(reply.body[half:])

    ensure_model(conn, MODEL, DIMENSIONS)
    put(conn, lengths(32))
    monkeypatch.setattr(model_server, "_write", write_in_halves)
    embed(database_url, server, options(workers=1))
    assert_stored(conn, lengths(32))


def test_an_embedder_may_limit_the_workers(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
    class OneAtATime(OllamaEmbedder):
        max_concurrency = 1  # type: ignore[assignment]

    put(conn, lengths(16))
    server.latency = 0.02
    embed(database_url, server, options(workers=4), embedder=OneAtATime(server.url, model=MODEL))
    assert server.most_at_once == 1
    assert_stored(conn, lengths(16))


# -- report and progress


def test_the_report_counts_each_partition(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
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


def test_progress_rises_from_zero_to_the_total(conn: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(conn, [*lengths(45), "☠"])
    server.poison = "☠"
    seen: list[tuple[int, int]] = []
    embed(database_url, server, options(workers=3), on_progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 46)
    assert seen[-1] == (46, 46)
    assert all(before[0] < after[0] for before, after in pairwise(seen))
    assert {total for _, total in seen} == {46}


class Interrupted(BaseException):
    """How an orchestrator interrupts a run: not an Exception."""


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("error", [Stopped("enough"), Interrupted()], ids=["Stopped", "BaseException"])
def test_an_exception_of_the_listener_ends_the_run_and_embedded_texts_are_stored(
    error: BaseException, workers: int, conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(conn, lengths(200))
    seen: list[int] = []

    def listen(done: int, _total: int) -> None:
        seen.append(done)
        if done >= 12:
            raise error

    progress = ListeningProgress(on_progress=listen)
    with pytest.raises(type(error)) as raised:
        embed(database_url, server, options(workers=workers), progress=progress)
    [report] = progress.embeddings
    assert raised.value is error
    assert [done >= 12 for done in seen].index(True) == len(seen) - 1, "no event after the listener raised"
    stored = vectors(conn).keys()
    assert seen[-1] <= len(stored) < 200
    assert (report.texts.stored, report.batches.completed) == (len(stored), len(stored) // 4)
    # Per worker two batches wait to be stored, one answer is being read, and one request is in flight.
    assert len(server.batches) <= seen[-1] // 4 + 4 * workers
    assert len(server.batches) - len(stored) // 4 <= workers, "all that was embedded, except what was in flight"
    server.embedded.clear()
    embed(database_url, server)
    assert server.embedded == {as_embedded(text): 1 for text in lengths(200) if hash_of(text) not in stored}
    assert_stored(conn, lengths(200))
