"""Every fault of a model server, through the batch runner: what is injected, what the user sees, what is stored."""

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest

from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.embedding.embedders.openai import OpenAIEmbedder
from bbj_assets.errors import EmbedderMisconfigured, EmbedderUnavailable, EmbeddingError, RateLimited
from bbj_assets.reports import BatchCounts, BatchEvent, TextCounts
from bbj_assets.store.connection import Connection
from bbj_assets.store.failures import list_failures
from bbj_assets_tests.embedding.runner.batch_runs import (
    BAD,
    DIMENSIONS,
    MODEL,
    assert_stored,
    embedding,
    failed,
    given,
    hash_of,
    lengths,
    options,
    put,
)
from bbj_assets_tests.fakes.model_server import FakeModelServer, Fault, redirect, refuse, refuse_in_plain_json
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.openai_server import FakeOpenAI

Protocol = tuple[FakeModelServer, Callable[[float], Embedder]]

TIMEOUT = 0.25
"""Seconds for an answer, where there is none."""

_FIRST, _WITHIN = "(Ollama|The OpenAI-compatible server) at http", "(Ollama|the OpenAI-compatible server) at http"
"""A server as the first words of a sentence, and within one."""

_WAIT = f"{_FIRST}.* asks to wait"
_BROKE = f"The connection to {_WITHIN}.* broke"
_NO_VECTORS = f"The answer of {_WITHIN}.* no list of vectors"
_RAGGED = "vectors of different lengths"  # which those of a single text, as a probe is, cannot have
_BROKEN = "refuses even the plain sentence .* so the server is broken"
_MISSING = {"ollama": f"Run 'ollama pull {MODEL}'", "openai": "Set BBJ_ASSETS_EMBEDDING_MODEL to a model that it has"}

PASSING = {
    "429": (refuse(429), RateLimited, _WAIT),
    "429 with Retry-After": (refuse(429, retry_after="0.01"), RateLimited, _WAIT),
    "503": (refuse(503, "loading the model"), RateLimited, f"{_WAIT} .*loading the model"),
    "503 with Retry-After": (refuse(503, retry_after="0.01"), RateLimited, _WAIT),
    "500": (refuse(500, "out of memory"), EmbedderUnavailable, f"{_FIRST}.* failed .500: .*out of memory"),
    "502": (refuse(502), EmbedderUnavailable, "502"),
    "408": (refuse(408), EmbedderUnavailable, "408"),
    "499": (refuse(499), EmbedderUnavailable, "499"),
    "no answer in time": (Fault("hang"), EmbedderUnavailable, rf"{_FIRST}.* did not answer within 0\.25 seconds"),
    "reset before an answer": (Fault("reset"), EmbedderUnavailable, _BROKE),
    "reset in an answer": (Fault("cut"), EmbedderUnavailable, _BROKE),
    "truncated JSON": (Fault("truncated"), EmbedderUnavailable, _NO_VECTORS),
    "invalid JSON": (Fault("garbage"), EmbedderUnavailable, _NO_VECTORS),
    "JSON without vectors": (Fault("empty"), EmbedderUnavailable, _NO_VECTORS),
    "a list without vectors": (Fault("list"), EmbedderUnavailable, _NO_VECTORS),
    "500 in plain JSON": (refuse_in_plain_json(500, "out of memory"), EmbedderUnavailable, f"{_FIRST}.* failed .500: "),
    "fewer vectors than texts": (Fault("fewer"), EmbedderUnavailable, r"\d vectors for \d texts"),
    _RAGGED: (Fault("ragged"), EmbedderUnavailable, "row lengths"),
}
"""May pass: tried again."""

LASTING = {
    "a model that is not pulled": (refuse(404), EmbedderMisconfigured, _MISSING),
    "no access": (refuse(401), EmbedderMisconfigured, f"{_FIRST}.* refused access"),
    "a redirect": (redirect("http://127.0.0.1:9/"), EmbedderMisconfigured, f"{_FIRST}.* does not speak the protocol"),
    "wrong dimensions": (Fault("dimensions"), EmbedderMisconfigured, "31 dimensions.* have 32"),
}
"""Does not pass: a person has to do something."""

OF_ALL_TEXTS = {
    "400 to every text": (refuse(400, "llama runner has terminated"), EmbedderUnavailable, f"{_BROKEN}.*llama runner"),
    "NaN for every text": (Fault("nan"), EmbedderUnavailable, _BROKEN),
    "zeros for every text": (Fault("zero"), EmbedderUnavailable, _BROKEN),
}
"""Would be the fault of the texts, if there were not so many."""


@pytest.fixture(params=["ollama", "openai"])
def protocol(request: pytest.FixtureRequest) -> Iterator[Protocol]:
    """A server, and a function that makes an embedder for it with a timeout in seconds."""
    kind = {"ollama": FakeOllama, "openai": FakeOpenAI}[request.param]
    with kind(models=[MODEL], dimensions=DIMENSIONS) as server:
        if request.param == "ollama":
            yield server, lambda timeout: OllamaEmbedder(server.url, model=MODEL, timeout=timeout)
        else:
            yield server, lambda timeout: OpenAIEmbedder(f"{server.url}/v1", model=MODEL, timeout=timeout)


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_costs_a_retry_and_nothing_else(
    name: str, protocol: Protocol, indexed: Connection, database_url: str
) -> None:
    fault, _, says = PASSING[name]
    server, embedder = protocol
    put(indexed, lengths(4))
    server.inject(fault)
    news: list[BatchEvent] = []

    run = embedding(database_url, server, embedder=embedder(TIMEOUT), on_batch=news.append)
    report = asyncio.run(run)

    retrying, complete = map(str, news)
    assert re.match(rf"\[worker 1\] batch 1/1 failed, retrying \(1/3\): .*{says}", retrying)
    assert complete == "[worker 1] batch 1/1 complete (4 chunks)"
    assert report.batches == BatchCounts(total=1, completed=1, retried=1)
    assert_stored(indexed, lengths(4))
    assert failed(indexed) == set()
    assert [request.texts for request in server.requests] == [server.requests[0].texts] * 2


@pytest.mark.parametrize("name", [name for name in (*PASSING, *LASTING, *OF_ALL_TEXTS) if name != _RAGGED])
def test_a_fault_that_stays_is_one_clear_error_blames_no_text_and_takes_nothing_away(
    name: str, protocol: Protocol, indexed: Connection, database_url: str
) -> None:
    fault, error, says = {**PASSING, **LASTING, **OF_ALL_TEXTS}[name]
    server, embedder = protocol
    texts = lengths(24)
    put(indexed, texts)
    server.inject(None, None, None)
    server.outage = fault

    with pytest.raises(EmbeddingError) as raised:
        asyncio.run(embedding(database_url, server, embedder=embedder(TIMEOUT)))

    assert type(raised.value) is error
    words = says if isinstance(says, str) else says["ollama" if isinstance(server, FakeOllama) else "openai"]
    assert re.search(words, str(raised.value))
    assert "\n" not in str(raised.value)
    assert failed(indexed) == set()
    done = [text for text in texts if server.embedded[given(text)]]
    assert len(done) == 12
    assert_stored(indexed, done)
    if name in LASTING:
        assert len(server.requests) == 4, "nobody tries again, halves or probes"

    server.outage = None
    asyncio.run(embedding(database_url, server, embedder=embedder(30)))
    assert_stored(indexed, texts)
    assert {server.embedded[given(text)] for text in texts} == {1}


def test_a_server_that_goes_away_is_one_clear_error_and_the_next_run_does_the_rest(
    protocol: Protocol, indexed: Connection, database_url: str
) -> None:
    server, embedder = protocol
    texts = lengths(40)
    put(indexed, texts)

    def stop(done: int, _total: int) -> None:
        if done == 4:
            server.stop()

    with pytest.raises(EmbedderUnavailable, match=f"Cannot reach {_WITHIN}://"):
        asyncio.run(embedding(database_url, server, embedder=embedder(30), on_progress=stop))

    server.start()
    assert failed(indexed) == set()
    done = [text for text in texts if server.embedded[given(text)]]
    assert 4 <= len(done) < 40
    asyncio.run(embedding(database_url, server, embedder=embedder(30)))
    assert_stored(indexed, texts)


@pytest.mark.parametrize(
    ("limits", "error_type", "says"),
    [
        ({"context": 100}, "TextRejected", "refused the text .*exceeds the context length"),
        ({"poison": BAD}, "TextRejected", "refused the text .*cannot be tokenized"),
    ],
    ids=["a text beyond the context", "a text that is refused"],
)
def test_a_fault_of_one_text_is_a_failure_of_just_that(
    limits: dict[str, object], error_type: str, says: str, protocol: Protocol, indexed: Connection, database_url: str
) -> None:
    server, embedder = protocol
    bad = BAD + "long " * 100
    put(indexed, [*lengths(12), bad])
    for name, value in limits.items():
        setattr(server, name, value)
    news: list[BatchEvent] = []

    report = asyncio.run(embedding(database_url, server, embedder=embedder(30), on_batch=news.append))

    [failure] = list_failures(indexed)
    assert (failure.item, failure.error_type) == (hash_of(bad), error_type)
    assert re.search(says, failure.error)
    assert_stored(indexed, lengths(12))
    assert server.embedded[given(bad)] == 0
    assert report.texts == TextCounts(total=13, embedded=12, stored=12, failed=1)
    lines = [str(one) for one in news]
    assert any(re.search(rf"batch 1/4 failed, halving 4 chunks: .*{says}", line) for line in lines)
    assert any(re.search(rf"batch 1/4 has a chunk that cannot be embedded: .*{says}", line) for line in lines)
    assert "[worker 1] batch 1/4 complete (3 chunks, 1 failed)" in lines


def test_a_text_that_a_server_always_crashes_on_is_tried_again_as_a_whole_batch_and_as_itself(
    indexed: Connection, database_url: str
) -> None:
    """Its halves are not: the patience for those would be most of a minute."""

    class Crashing(FakeOllama):
        def error_of(self, texts: tuple[str, ...]) -> bool:
            return any(BAD in text for text in texts)

        def route(self, method, path, body):
            request = super().route(method, path, body)
            crashes = hasattr(request, "texts") and self.error_of(request.texts)
            if crashes:
                self.sizes.append(len(request.texts))
            return self.error(500, "segmentation fault", {}) if crashes else request

        sizes: list[int]

    put(indexed, [*lengths(15), BAD])
    with Crashing(models=[MODEL], dimensions=DIMENSIONS) as server:
        server.sizes = []
        report = asyncio.run(embedding(database_url, server, options(batch_size=16)))

    assert server.sizes == [16, 16, 16, 16, 8, 4, 2, 1, 1, 1, 1]
    assert report.batches == BatchCounts(total=1, failed=1, retried=6, halved=4)
    assert_stored(indexed, lengths(15))
    assert failed(indexed) == {hash_of(BAD)}
