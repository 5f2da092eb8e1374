"""The circuit breaker for a server that is down, the retry budget for a busy one, and texts that crash a server."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from bbj_assets.errors import EmbedderUnavailable, EmbeddingError, RateLimited, Stopped
from bbj_assets.reports import BatchCounts, BatchEvent
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import delete_source
from bbj_assets.store.failures import list_failures
from bbj_assets_tests.embedding.runner.batch_runs import (
    BAD,
    DIMENSIONS,
    MODEL,
    SOURCE,
    OllamaWithGate,
    as_embedded,
    assert_stored,
    embed,
    embedding,
    failed,
    hash_of,
    lengths,
    options,
    put,
    vectors,
)
from bbj_assets_tests.fakes.model_server import Embedding, Fault, Reply, refuse
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.progress import ListeningProgress

SERVED = 10


@pytest.mark.parametrize("workers", [1, 4, 32])
@pytest.mark.parametrize(
    ("outage", "error", "more"),
    [
        (refuse(500, "out of memory"), EmbedderUnavailable, lambda workers: workers + 2),
        (Fault("reset"), EmbedderUnavailable, lambda workers: workers + 2),
        # A worker with a rate limit may have come back once before the last worker meets it.
        (refuse(503), RateLimited, lambda workers: 2 * workers + 4),
        (refuse(429, retry_after="0.01"), RateLimited, lambda workers: 2 * workers + 4),
    ],
    ids=["500", "reset", "503", "429"],
)
def test_an_outage_gets_the_requests_in_flight_and_few_more(
    outage: Fault,
    error: type[EmbeddingError],
    more: Callable[[int], int],
    workers: int,
    indexed: Connection,
    database_url: str,
    server: OllamaWithGate,
) -> None:
    texts = lengths(400)
    put(indexed, texts)
    server.latency = 0.01
    server.fail_after(SERVED, outage)
    events: list[BatchEvent] = []

    with pytest.raises(error) as raised:
        embed(database_url, server, options(workers=workers, batch_size=2, initial_delay=0.05), on_batch=events.append)

    assert type(raised.value) is error
    assert server.probes == 4, "one worker probes, with three retries"
    assert len(server.batches) - SERVED <= more(workers)
    outages = [str(one) for one in events if one.kind == "outage"]
    assert [f"({tries}/3): {raised.value}" in line for tries, line in enumerate(outages, start=1)] == [True] * 3
    assert failed(indexed) == set()
    assert_stored(indexed, [text for text in texts if server.embedded[as_embedded(text)]])
    assert sum(server.embedded.values()) == 2 * SERVED

    server.outage = None
    embed(database_url, server, options(workers=workers, batch_size=16))
    assert_stored(indexed, texts)
    assert {server.embedded[as_embedded(text)] for text in texts} == {1}


def test_all_workers_go_on_when_the_server_recovers_before_the_retries_end(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    texts = lengths(60)
    put(indexed, texts)
    server.fail_after(5, refuse(500))

    def recover(event: BatchEvent) -> None:
        if event.kind == "outage":
            server.outage = None

    report = embed(database_url, server, options(workers=3), on_batch=recover)

    assert (report.batches.completed, report.batches.halved, failed(indexed)) == (15, 0, set())
    assert_stored(indexed, texts)
    assert server.probes == 2


def test_a_run_can_be_stopped_during_an_outage(indexed: Connection, database_url: str, server: OllamaWithGate) -> None:
    put(indexed, lengths(60))
    server.fail_after(5, refuse(500))

    def stop(event: BatchEvent) -> None:
        if event.kind == "outage":
            raise Stopped("enough")

    with pytest.raises(Stopped):
        embed(database_url, server, on_batch=stop)

    assert server.probes == 1
    assert_stored(indexed, [text for text in lengths(60) if server.embedded[as_embedded(text)]])


def test_the_report_of_a_failed_run_counts_what_was_done(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(40))
    server.fail_after(3, refuse(404))
    progress = ListeningProgress()

    with pytest.raises(EmbeddingError):
        embed(database_url, server, progress=progress)

    [report] = progress.embeddings
    assert (report.batches.total, report.batches.completed) == (10, 3)
    assert (report.texts.total, report.texts.stored, report.left) == (40, 12, 28)
    assert (report.total_embedded, report.pending("guide")) == (12, 40)
    assert report.seconds > 0


class OneAtATime(FakeOllama):
    """A fake Ollama that serves one request at a time, and answers all others by 429."""

    refused = 0

    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        if self._at_once:
            self.refused += 1
            return self.error(429, "one at a time", {})
        return super().route(method, path, body)


def test_a_server_that_serves_one_request_at_a_time_serves_all_in_the_end(
    indexed: Connection, database_url: str
) -> None:
    texts = lengths(240)
    put(indexed, texts)
    with OneAtATime(models=[MODEL], dimensions=DIMENSIONS, latency=0.01) as server:
        report = embed(database_url, server, options(workers=4, initial_delay=0.02))

    assert (report.failures, report.batches.halved, report.batches.completed) == ([], 0, 60)
    assert server.refused < 300, "without the retry budget it was 539 times"
    assert_stored(indexed, texts)
    assert {server.embedded[as_embedded(text)] for text in texts} == {1}


def test_batches_that_wait_for_a_retry_hold_no_worker(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    """The one worker embeds all other batches before the first of two is due again."""
    put(indexed, lengths(40))
    server.inject(None, refuse(429, retry_after="1"), None, refuse(500), None)

    report = embed(database_url, server, options(initial_delay=1.0))

    texts = [request.texts for request in server.requests]
    assert len(texts) == 12
    assert set(texts[:10]) == set(texts), "every batch once before any retry"
    assert sorted(texts[10:]) == sorted([texts[1], texts[3]])
    assert report.batches == BatchCounts(total=10, completed=10, retried=2)


def test_a_worker_that_waits_leaves_no_task_behind(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(8))
    server.inject(*[refuse(429)] * 8)

    async def scenario() -> None:
        await embedding(database_url, server, options(workers=8, batch_size=1))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    assert_stored(indexed, lengths(8))


class GoesDown(FakeOllama):
    """A fake Ollama that goes down when it is asked for a text with the mark, until the test brings it back."""

    is_away = False

    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        request = super().route(method, path, body)
        if isinstance(request, Embedding) and any(BAD in text for text in request.texts):
            self.is_away = True
        return self.error(502, "bad gateway", {}) if self.is_away else request


def test_a_text_that_takes_its_server_down_becomes_a_failure_after_all_others_are_stored(
    indexed: Connection, database_url: str
) -> None:
    bad = f"{BAD} the longest of them all, so the first"
    put(indexed, [bad, *lengths(40)])
    put(indexed, [bad], page="the same elsewhere")
    outcomes: list[tuple[int, int]] = []
    with GoesDown(models=[MODEL], dimensions=DIMENSIONS) as server:
        for _ in range(3):
            server.is_away = False  # a supervisor has restarted it before the step is retried
            with pytest.raises(EmbedderUnavailable):
                embed(database_url, server, options(workers=4))
            outcomes.append((len(vectors(indexed)), len(failed(indexed))))

        server.is_away = False
        report = embed(database_url, server, options(workers=4))
        assert not server.is_away, "the text is left out"
        assert [failure.item for failure in report.failures] == [hash_of(bad)]
        assert (report.texts.total, report.texts.failed) == (1, 1)

    [failure] = list_failures(indexed)
    assert outcomes[-1] == (40, 1), "all others are stored first"
    assert "goes down when it is asked for this text" in failure.error
    assert "--retry-failed" in failure.error


def test_suspects_are_embedded_one_by_one_with_no_other_request_in_flight(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    """Otherwise the one that takes the server down could not be found."""
    suspects = {bytes.fromhex(hash_of(text)) for text in lengths(6)}
    put(indexed, lengths(6))
    for content_hash in suspects:
        indexed.execute("INSERT INTO suspects (model, content_hash) VALUES (%s, %s)", [MODEL, content_hash])
    server.latency = 0.02

    embed(database_url, server, options(workers=4))

    assert [len(batch) for batch in server.batches] == [1] * 6
    assert server.most_at_once == 1
    assert_stored(indexed, lengths(6))


def test_a_text_that_never_reached_the_server_is_no_suspect(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(4))
    server.stop()

    with pytest.raises(EmbedderUnavailable, match="Cannot reach"):
        embed(database_url, server)

    assert indexed.execute("SELECT count(*) FROM suspects").fetchone() == (0,)


def test_only_failed_embeds_a_text_that_took_its_server_down(indexed: Connection, database_url: str) -> None:
    put(indexed, [BAD, *lengths(4)])
    with GoesDown(models=[MODEL], dimensions=DIMENSIONS) as server:
        for _ in range(3):
            server.is_away = False
            with pytest.raises(EmbedderUnavailable):
                embed(database_url, server)
    with FakeOllama(models=[MODEL], dimensions=DIMENSIONS) as recovered:
        report = embed(database_url, recovered, only_failed=True)

    assert (report.total_embedded, failed(indexed)) == (1, set())
    assert indexed.execute("SELECT count(*) FROM suspects").fetchone() == (0,)


def test_a_text_that_takes_its_server_down_is_left_out_only_in_sources_where_it_is_a_failure(
    indexed: Connection, database_url: str
) -> None:
    """Two sources have the text. Each has a failure of its own, also after the source that found it is deleted."""
    for source in (SOURCE, "other"):
        put(indexed, [BAD, *lengths(4)], source=source)
    with GoesDown(models=[MODEL], dimensions=DIMENSIONS) as server:
        for source in (SOURCE, SOURCE, SOURCE, "other"):
            server.is_away = False
            with pytest.raises(EmbedderUnavailable):
                embed(database_url, server, source=source)
        delete_source(indexed, SOURCE)
        server.is_away = False
        report = embed(database_url, server, source="other")
        assert not server.is_away

    assert [failure.item for failure in report.failures] == [hash_of(BAD)]
    assert [(failure.item, failure.source) for failure in list_failures(indexed)] == [(hash_of(BAD), "other")]


def test_a_text_that_is_left_out_is_reported_in_each_section_that_has_it(
    indexed: Connection, database_url: str
) -> None:
    for section in ("a", "b"):
        put(indexed, [BAD], partition=section)
    with GoesDown(models=[MODEL], dimensions=DIMENSIONS) as server:
        for _ in range(3):
            server.is_away = False
            with pytest.raises(EmbedderUnavailable):
                embed(database_url, server, partitions=["a", "b"])
        reports = [embed(database_url, server, partitions=[section]) for section in ("a", "b")]

    assert [[failure.partition_key for failure in report.failures] for report in reports] == [["a"], ["b"]]


def test_texts_in_flight_when_a_server_goes_down_by_chance_are_no_failures(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, lengths(40))
    for served in (3, 2, 1):
        server.outage = None
        server.fail_after(served, Fault("reset"))
        with pytest.raises(EmbedderUnavailable):
            embed(database_url, server, options(workers=4))
        assert failed(indexed) == set()

    server.outage = None
    embed(database_url, server, options(workers=4))
    assert_stored(indexed, lengths(40))
    assert failed(indexed) == set()
