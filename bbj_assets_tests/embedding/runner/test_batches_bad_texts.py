"""The batch runner and texts that cannot be embedded: found by halving, recorded, and embedded later."""

import math
import re
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.reports import BatchCounts
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import delete_items, delete_source
from bbj_assets.store.failures import StoredFailure, failed_sections, list_failures
from bbj_assets.store.models import remove_model
from bbj_assets_tests.embedding.runner.batch_runs import (
    BAD,
    MODEL,
    PARTITION,
    SOURCE,
    OllamaWithGate,
    as_embedded,
    assert_stored,
    embed,
    failed,
    hash_of,
    hashes,
    lengths,
    options,
    put,
    vectors,
)
from bbj_assets_tests.fakes.model_server import Fault, refuse

_names = count()


@pytest.mark.parametrize(
    ("trouble", "error_type", "says"),
    [
        (refuse(400, "the input length exceeds the context length"), "TextRejected", "exceeds the context length"),
        (refuse(500, "segmentation fault"), "EmbedderUnavailable", "500: segmentation fault"),
        (Fault("fewer"), "EmbedderUnavailable", "0 vectors for 1 texts"),
        (Fault("nan"), "TextRejected", f"no usable vector .*{BAD}"),
    ],
    ids=["rejected", "crashing", "fewer", "nan"],
)
def test_a_bad_text_fails_with_its_real_error_and_the_rest_of_its_batch_is_stored(
    trouble: Fault, error_type: str, says: str, indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, [*lengths(6), f"{BAD} bad", *lengths(4, "more")])
    server.trouble[BAD] = trouble
    report = embed(database_url, server, options(batch_size=8, retries=1), run_id="run-1")
    [failure] = list_failures(indexed)
    assert (failure.stage, failure.item) == ("embed", hash_of(f"{BAD} bad"))
    assert (failure.source, failure.partition_key, failure.attempts) == (SOURCE, PARTITION, 1)
    assert failure.error_type == error_type
    assert re.search(says, failure.error)
    assert [(one.item, one.error) for one in report.failures] == [(failure.item, failure.error)]
    assert_stored(indexed, [*lengths(6), *lengths(4, "more")])
    assert (report.pending(PARTITION), report.embedded(PARTITION)) == (11, 10)
    assert (report.batches.total, report.batches.completed, report.batches.failed) == (2, 1, 1)
    assert (report.texts.total, report.texts.stored, report.texts.failed) == (11, 10, 1)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=st.lists(st.booleans(), min_size=1, max_size=40), batch_size=st.integers(1, 16), workers=st.integers(1, 3))
def test_exactly_the_bad_texts_fail(
    bad: list[bool], batch_size: int, workers: int, conn: Connection, database_url: str, server: OllamaWithGate
) -> None:
    source = f"source-{next(_names)}"
    texts = [f"{source} {number} {BAD if is_bad else ''}" for number, is_bad in enumerate(bad)]
    put(conn, texts, source=source)
    server.poison = BAD
    report = embed(database_url, server, options(batch_size=batch_size, workers=workers), source=source)
    expected = hashes([text for text in texts if BAD in text])
    assert {failure.item for failure in list_failures(conn, source=source)} == expected
    assert sorted(failure.item for failure in report.failures) == sorted(expected), "each once"
    assert hashes(texts) - expected == hashes(texts) & vectors(conn).keys()


@pytest.mark.parametrize("position", [0, 1, 31, 37, 63])
def test_one_bad_text_among_64_costs_twelve_requests_to_find_and_two_to_confirm(
    position: int, indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    texts = lengths(64)
    texts[position] += BAD
    put(indexed, texts)
    server.poison = BAD
    report = embed(database_url, server, options(batch_size=64))
    assert (len(server.batches), server.probes) == (1 + 2 * 6 + 1, 1)
    assert report.batches == BatchCounts(total=1, failed=1, halved=6)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 20, 33])
def test_the_requests_for_one_bad_text_are_bounded_for_every_batch_size(
    size: int, indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    levels = math.ceil(math.log2(size))
    put(indexed, [*lengths(size - 1), BAD])
    server.poison = BAD
    embed(database_url, server, options(batch_size=size))
    assert len(server.batches) <= 1 + 2 * levels + 1
    assert server.probes == 1

    server.requests.clear()
    indexed.execute("TRUNCATE embeddings")
    server.poison, server.trouble = None, {BAD: refuse(500)}
    embed(database_url, server, options(batch_size=size, retries=2))
    assert len(server.batches) <= 3 * (levels + 1) + levels
    assert server.probes <= levels + 1


def test_a_text_that_fails_again_counts_its_attempts(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, ["good", BAD])
    server.trouble[BAD] = refuse(400, "too long")
    embed(database_url, server, run_id="first")
    [before] = list_failures(indexed)
    server.trouble[BAD] = refuse(422, "still too long")
    embed(database_url, server, run_id="second")
    [after] = list_failures(indexed)
    assert (before.attempts, after.attempts) == (1, 2)
    assert "still too long" in after.error
    assert after.first_failed_at == before.first_failed_at
    assert later(after) > later(before)
    assert server.embedded[as_embedded("good")] == 1


def later(failure: StoredFailure) -> float:
    return failure.last_failed_at.timestamp() if failure.last_failed_at else 0.0


def test_only_failed_embeds_the_failures_and_nothing_else(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    bad = [f"{BAD}{number}" for number in range(3)]
    put(indexed, [*lengths(8), *bad])
    server.poison = BAD
    embed(database_url, server)
    assert failed(indexed) == hashes(bad)
    put(indexed, ["new"], page="new")
    server.poison = None
    server.requests.clear()
    report = embed(database_url, server, only_failed=True)
    assert {text for batch in server.batches for text in batch} == {as_embedded(text) for text in bad}
    assert failed(indexed) == set()
    assert_stored(indexed, [*lengths(8), *bad])
    assert (report.pending(PARTITION), report.embedded(PARTITION)) == (4, 3)


def test_only_failed_embeds_no_failure_of_another_model_or_source(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    server.models = {MODEL, "another"}
    put(indexed, [f"{BAD} with another model"])
    put(indexed, [f"{BAD} of both"], page="both", source="other")
    server.poison = BAD
    embed(database_url, server, embedder=OllamaEmbedder(server.url, model="another"))
    embed(database_url, server, source="other")
    put(indexed, [f"{BAD} of both"], page="both")
    server.poison = None

    report = embed(database_url, server, only_failed=True)

    assert (report.pending(PARTITION), report.embedded(PARTITION)) == (2, 0)
    assert failed(indexed) == hashes([f"{BAD} with another model", f"{BAD} of both"])


def test_a_text_that_one_model_rejects_is_embedded_with_another(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    server.models = {MODEL, "another"}
    put(indexed, [*lengths(3), BAD])
    server.poison = BAD
    embed(database_url, server)

    server.poison = None
    embed(database_url, server, embedder=OllamaEmbedder(server.url, model="another"))
    assert [(failure.item, failure.model) for failure in list_failures(indexed)] == [(hash_of(BAD), MODEL)]
    assert failed_sections(indexed) == {SOURCE: {PARTITION}}

    report = embed(database_url, server, only_failed=True)
    assert (report.total_embedded, failed(indexed)) == (1, set())


def test_failures_of_an_inactive_model_stay_until_they_are_resolved_or_the_model_is_removed(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    server.models = {MODEL, "another"}
    put(indexed, [*lengths(3), BAD])
    embed(database_url, server)
    server.poison = BAD
    embed(database_url, server, embedder=OllamaEmbedder(server.url, model="another"))

    embed(database_url, server)
    assert [(failure.item, failure.model) for failure in list_failures(indexed)] == [(hash_of(BAD), "another")]
    assert failed_sections(indexed) == {}, "a run over the sections would embed with the active model"

    remove_model(indexed, "another")
    assert failed(indexed) == set()


def test_a_text_of_two_sources_is_a_failure_of_both_until_each_deletes_it(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, [BAD])
    other = put(indexed, [BAD], source="other")
    server.poison = BAD
    for source in (SOURCE, "other"):
        embed(database_url, server, source=source)

    for source, page in ((SOURCE, f"{SOURCE}://{PARTITION}/page.md"), ("other", other)):
        assert [failure.source_url for failure in list_failures(indexed, source=source)] == [page]
    delete_source(indexed, "other")
    assert [failure.source for failure in list_failures(indexed)] == [SOURCE]


def test_failures_of_deleted_texts_are_cleared(indexed: Connection, database_url: str, server: OllamaWithGate) -> None:
    gone = put(indexed, [f"{BAD} gone"], page="a")
    put(indexed, [f"{BAD} changed"], page="b")
    put(indexed, [f"{BAD} stays"], page="c")
    server.poison = BAD
    embed(database_url, server)
    delete_items(indexed, SOURCE, [gone])
    put(indexed, ["better"], page="b")
    embed(database_url, server)
    assert failed(indexed) == hashes([f"{BAD} stays"])
    assert_stored(indexed, ["better"])


def test_a_failure_moves_to_a_section_that_still_has_its_text(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    first = put(indexed, [BAD], partition="a")
    put(indexed, [BAD], partition="b")
    server.poison = BAD
    embed(database_url, server, partitions=["a", "b"])
    delete_items(indexed, SOURCE, [first])

    embed(database_url, server, partitions=["a"])

    assert [failure.partition_key for failure in list_failures(indexed)] == ["b"]


def test_the_failure_of_a_recovered_text_is_cleared_even_when_the_run_fails(
    indexed: Connection, database_url: str, server: OllamaWithGate
) -> None:
    put(indexed, [f"{BAD} the longest of them all, so the first", *lengths(8)])
    server.poison = BAD
    embed(database_url, server, options(batch_size=1))
    assert len(failed(indexed)) == 1
    indexed.execute("TRUNCATE embeddings")
    server.poison = None
    server.fail_after(4, refuse(404))

    with pytest.raises(EmbedderMisconfigured):
        embed(database_url, server, options(batch_size=1))
    assert len(vectors(indexed)) == 4
    assert failed(indexed) == set()
