"""Every fault of a model server under the batch runner: what is injected, what the user sees, what is stored."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping

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
    as_embedded,
    assert_stored,
    embedding,
    failed,
    hash_of,
    lengths,
    options,
    put,
)
from bbj_assets_tests.fakes.model_server import (
    Embedding,
    FakeModelServer,
    Fault,
    Reply,
    redirect,
    refuse,
    refuse_in_plain_json,
)
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.openai_server import FakeOpenAI

Protocol = tuple[FakeModelServer, Callable[[float], Embedder]]

TIMEOUT = 0.25
"""Seconds for an answer, where there is none."""

_FIRST, _WITHIN = "(Ollama|The OpenAI-compatible server) at http", "(Ollama|the OpenAI-compatible server) at http"
"""The name of a server at the start of a sentence, and within one."""

_WAIT = f"{_FIRST}.* asks to wait"
_BROKE = f"The connection to {_WITHIN}.* broke"
_NO_VECTORS = f"The answer of {_WITHIN}.* no list of vectors"
_RAGGED = "vectors of different lengths"  # a single text, such as a probe, cannot have them
_BROKEN = "refuses even the plain sentence .* so the server is broken"
_MISSING = {"ollama": f"Run 'ollama pull {MODEL}'", "openai": "Set BBJ_ASSETS_EMBEDDING_MODEL to a model that it has"}

TRANSIENT: Mapping[str, tuple[Fault, type[EmbeddingError], str]] = {
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
"""Transient: retried."""

PERMANENT: Mapping[str, tuple[Fault, type[EmbeddingError], str | Mapping[str, str]]] = {
    "a model that is not pulled": (refuse(404), EmbedderMisconfigured, _MISSING),
    "no access": (refuse(401), EmbedderMisconfigured, f"{_FIRST}.* refused access"),
    "a redirect": (redirect("http://127.0.0.1:9/"), EmbedderMisconfigured, f"{_FIRST}.* does not speak the protocol"),
    "wrong dimensions": (Fault("dimensions"), EmbedderMisconfigured, "31 dimensions.* have 32"),
}
"""Permanent: a person has to change something."""

OF_ALL_TEXTS: Mapping[str, tuple[Fault, type[EmbeddingError], str]] = {
    "400 to every text": (refuse(400, "llama runner has terminated"), EmbedderUnavailable, f"{_BROKEN}.*llama runner"),
    "NaN for every text": (Fault("nan"), EmbedderUnavailable, _BROKEN),
    "zeros for every text": (Fault("zero"), EmbedderUnavailable, _BROKEN),
}
"""Looks like the fault of a text, but the server does it to every text."""


@pytest.fixture(params=["ollama", "openai"])
def protocol(request: pytest.FixtureRequest) -> Iterator[Protocol]:
    """A server, and a function that makes an embedder for it with a timeout in seconds."""
    kind = {"ollama": FakeOllama, "openai": FakeOpenAI}[request.param]
    with kind(models=[MODEL], dimensions=DIMENSIONS) as server:
        if request.param == "ollama":
            yield server, lambda timeout: OllamaEmbedder(server.url, model=MODEL, timeout=timeout)
        else:
            yield server, lambda timeout: OpenAIEmbedder(f"{server.url}/v1", model=MODEL, timeout=timeout)


@pytest.mark.parametrize("name", TRANSIENT)
def test_a_transient_fault_costs_one_retry(
    name: str, protocol: Protocol, indexed: Connection, database_url: str
) -> None:
    fault, _, says = TRANSIENT[name]
    server, embedder = protocol
    put(indexed, lengths(4))
    server.inject(fault)
    events: list[BatchEvent] = []

    run = embedding(database_url, server, embedder=embedder(TIMEOUT), on_batch=events.append)
    report = asyncio.run(run)

    retrying, complete = map(str, events)
    assert re.match(rf"\[worker 1\] batch 1/1 failed, retrying \(1/3\): .*{says}", retrying)
    assert complete == "[worker 1] batch 1/1 complete (4 chunks)"
    assert report.batches == BatchCounts(total=1, completed=1, retried=1)
    assert_stored(indexed, lengths(4))
    assert failed(indexed) == set()
    assert [request.texts for request in server.requests] == [server.requests[0].texts] * 2


@pytest.mark.parametrize("name", [name for name in (*TRANSIENT, *PERMANENT, *OF_ALL_TEXTS) if name != _RAGGED])
def test_a_lasting_fault_is_one_clear_error_fails_no_text_and_loses_nothing(
    name: str, protocol: Protocol, indexed: Connection, database_url: str
) -> None:
    fault, error, says = {**TRANSIENT, **PERMANENT, **OF_ALL_TEXTS}[name]
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
    done = [text for text in texts if server.embedded[as_embedded(text)]]
    assert len(done) == 12
    assert_stored(indexed, done)
    if name in PERMANENT:
        assert len(server.requests) == 4, "no retry, no halving, no probe"

    server.outage = None
    asyncio.run(embedding(database_url, server, embedder=embedder(30)))
    assert_stored(indexed, texts)
    assert {server.embedded[as_embedded(text)] for text in texts} == {1}


def test_a_server_that_stops_is_one_clear_error_and_the_next_run_embeds_the_rest(
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
    done = [text for text in texts if server.embedded[as_embedded(text)]]
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
def test_a_fault_of_one_text_fails_only_that_text(
    limits: dict[str, object], error_type: str, says: str, protocol: Protocol, indexed: Connection, database_url: str
) -> None:
    server, embedder = protocol
    bad = BAD + "long " * 100
    put(indexed, [*lengths(12), bad])
    for name, value in limits.items():
        setattr(server, name, value)
    events: list[BatchEvent] = []

    report = asyncio.run(embedding(database_url, server, embedder=embedder(30), on_batch=events.append))

    [failure] = list_failures(indexed)
    assert (failure.item, failure.error_type) == (hash_of(bad), error_type)
    assert re.search(says, failure.error)
    assert_stored(indexed, lengths(12))
    assert server.embedded[as_embedded(bad)] == 0
    assert report.texts == TextCounts(total=13, embedded=12, stored=12, failed=1)
    lines = [str(one) for one in events]
    assert any(re.search(rf"batch 1/4 failed, halving 4 chunks: .*{says}", line) for line in lines)
    assert any(re.search(rf"batch 1/4 has a chunk that cannot be embedded: .*{says}", line) for line in lines)
    assert "[worker 1] batch 1/4 complete (3 chunks, 1 failed)" in lines


def test_a_text_that_crashes_its_server_is_retried_as_a_whole_batch_and_by_itself_only(
    indexed: Connection, database_url: str
) -> None:
    """Its halves are not retried: that would take most of a minute."""

    class Crashing(FakeOllama):
        def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
            request = super().route(method, path, body)
            if isinstance(request, Embedding) and any(BAD in text for text in request.texts):
                sizes.append(len(request.texts))
                return self.error(500, "segmentation fault", {})
            return request

    sizes: list[int] = []
    put(indexed, [*lengths(15), BAD])
    with Crashing(models=[MODEL], dimensions=DIMENSIONS) as server:
        report = asyncio.run(embedding(database_url, server, options(batch_size=16)))

    assert sizes == [16, 16, 16, 16, 8, 4, 2, 1, 1, 1, 1]
    assert report.batches == BatchCounts(total=1, failed=1, retried=6, halved=4)
    assert_stored(indexed, lengths(15))
    assert failed(indexed) == {hash_of(BAD)}
