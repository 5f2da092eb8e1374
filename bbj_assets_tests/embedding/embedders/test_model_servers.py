"""Ollama and OpenAI-compatible servers: what goes wrong there, and what the reader is told."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders.embedder import Vectors
from bbj_assets.embedding.embedders.ollama import OllamaEmbedder, server_url
from bbj_assets.embedding.embedders.openai import OpenAIEmbedder
from bbj_assets.errors import (
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingError,
    RateLimited,
    TextRejected,
)
from bbj_assets.retrying import parse_retry_after
from bbj_assets.settings import load_settings
from bbj_assets_tests.fakes.model_server import FakeModelServer, Fault, refuse, vectors_for
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.openai_server import FakeOpenAI

Embed = Callable[[Embedder, Sequence[str]], Vectors]
Protocol = tuple[FakeModelServer, Callable[..., Embedder]]

MODEL = "nomic-embed-text"
TEXTS = ["PRINT 'hello'", "Größe 🎉", "", "third\n\ntext"]


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with FakeOllama(dimensions=64) as server:
        yield server


@pytest.fixture
def openai() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(dimensions=64) as server:
        yield server


@pytest.fixture(params=["ollama", "openai"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """A server, and how to make an embedder for it."""
    server = request.getfixturevalue(request.param)
    if request.param == "ollama":
        return server, lambda **options: OllamaEmbedder(server.url, MODEL, **options)
    return server, lambda **options: OpenAIEmbedder(f"{server.url}/v1", MODEL, "sk-secret", **options)


def test_vectors_come_in_the_order_of_the_texts(protocol: Protocol, embed: Embed):
    server, embedder = protocol
    vectors = embed(embedder(), TEXTS)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, vectors_for(TEXTS, 64))
    assert [request.texts for request in server.requests] == [tuple(TEXTS)]


def test_no_texts_are_no_request(protocol: Protocol, embed: Embed):
    server, embedder = protocol
    assert len(embed(embedder(), [])) == 0
    assert server.requests == []


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (refuse(500, "out of memory"), EmbedderUnavailable, r"failed \(500: .*out of memory"),
        (refuse(502), EmbedderUnavailable, "502"),
        (refuse(408), EmbedderUnavailable, "408"),
        (refuse(499), EmbedderUnavailable, "499"),
        (refuse(429, retry_after="7"), RateLimited, "asks to wait"),
        (refuse(503, retry_after="0.5"), RateLimited, "asks to wait"),
        (refuse(400, "the input length exceeds"), TextRejected, "refused the text .*the input length exceeds"),
        (refuse(413), TextRejected, "413"),
        (refuse(422), TextRejected, "422"),
        (refuse(404, "not found"), EmbedderMisconfigured, f"has no model '{MODEL}'"),
        (refuse(401), EmbedderMisconfigured, "refused access .*_API_KEY"),
        (refuse(403), EmbedderMisconfigured, "refused access"),
        (refuse(405), EmbedderMisconfigured, "Correct its address"),
        (refuse(302), EmbedderMisconfigured, "Correct its address"),
        (Fault("reset"), EmbedderUnavailable, "The connection to .* broke"),
        (Fault("cut"), EmbedderUnavailable, "The connection to .* broke"),
        (Fault("garbage"), EmbedderUnavailable, "no list of vectors"),
        (Fault("empty"), EmbedderUnavailable, "no list of vectors"),
        (Fault("fewer"), EmbedderUnavailable, "3 vectors for 4 texts"),
        (Fault("ragged"), EmbedderUnavailable, r"row lengths: \[63, 64\]"),
        (Fault("nan"), TextRejected, "for 1 of 4 texts.*PRINT"),
        (Fault("zero"), TextRejected, "for 1 of 4 texts.*PRINT"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_every_fault_has_its_error(
    fault: Fault, error: type[EmbeddingError], says: str, protocol: Protocol, embed: Embed
):
    server, embedder = protocol
    server.inject(fault)
    with pytest.raises(error, match=says) as raised:
        embed(embedder(), TEXTS)
    assert type(raised.value) is error
    assert len(server.requests) == 1, "whether to try again is the batch runner's business"


def test_after_a_fault_the_same_embedder_works(protocol: Protocol):
    server, make = protocol
    server.inject(Fault("reset"), Fault("cut"), refuse(503))

    async def four_times() -> Vectors:
        embedder = make()
        for _ in range(3):
            with pytest.raises(EmbeddingError):
                await embedder.embed(TEXTS)
        try:
            return await embedder.embed(TEXTS)
        finally:
            await embedder.aclose()

    assert np.array_equal(asyncio.run(four_times()), vectors_for(TEXTS, 64))


def test_no_answer_in_time_is_not_waited_for(protocol: Protocol, embed: Embed):
    server, embedder = protocol
    server.inject(Fault("hang"))
    with pytest.raises(EmbedderUnavailable, match=r"did not answer within 0\.3 seconds"):
        embed(embedder(patience=0.3), TEXTS)


def test_an_answer_that_begins_and_never_ends_is_not_waited_for_either(protocol: Protocol):
    server, make = protocol
    server.inject(Fault("dribble"))
    begun: list[str] = []

    async def twice() -> Vectors:
        embedder = make(patience=0.5)
        try:
            with pytest.raises(EmbedderUnavailable, match=r"did not answer within 0\.5 seconds"):
                await asyncio.wait_for(embedder.embed(TEXTS, lambda: begun.append("the first")), 5)
            return await embedder.embed(TEXTS, lambda: begun.append("the second"))
        finally:
            await embedder.aclose()

    assert np.array_equal(asyncio.run(twice()), vectors_for(TEXTS, 64))
    assert begun == ["the first", "the second"]


def test_who_gives_a_request_up_is_not_told_that_the_server_is_slow(protocol: Protocol):
    server, make = protocol
    server.inject(Fault("dribble"))

    async def given_up() -> None:
        begun = asyncio.Event()
        embedder = make(patience=30)
        asked = asyncio.create_task(embedder.embed(TEXTS, begun.set))
        await begun.wait()
        asked.cancel()
        try:
            with pytest.raises(asyncio.CancelledError):
                await asked
        finally:
            await embedder.aclose()

    asyncio.run(given_up())


def test_a_server_that_is_down_is_named_with_the_remedy(ollama: FakeOllama, openai: FakeOpenAI, embed: Embed):
    ollama.stop()
    with pytest.raises(EmbedderUnavailable) as raised:
        embed(OllamaEmbedder(ollama.url, MODEL), TEXTS)
    assert str(raised.value) == (
        f"Cannot reach Ollama at {ollama.url}. Start it with 'ollama serve', or set BBJ_ASSETS_EMBEDDER=embedded."
    )
    ollama.start()  # the fixture ends it again
    assert len(embed(OllamaEmbedder(ollama.url, MODEL), TEXTS)) == 4

    openai.stop()
    with pytest.raises(EmbedderUnavailable, match=r"Cannot reach .*BBJ_ASSETS_OPENAI_BASE_URL"):
        embed(OpenAIEmbedder(f"{openai.url}/v1", MODEL, None), TEXTS)
    openai.start()


def test_a_model_that_was_not_pulled_is_named_with_the_command(ollama: FakeOllama, embed: Embed):
    with pytest.raises(EmbedderMisconfigured, match=r"has no model 'bge-m3'.*Run 'ollama pull bge-m3'"):
        embed(OllamaEmbedder(ollama.url, "bge-m3"), TEXTS)


@pytest.mark.parametrize(
    "body",
    [
        '{"embeddings": 5}',
        '{"embeddings": "many"}',
        '{"embeddings": null}',
        '{"embeddings": [null, null]}',
        '{"embeddings": [["a", "b"]]}',
        '{"embeddings": [1, 2]}',
        '{"embeddings": [[], []]}',
        '{"embeddings": {"a": [1]}}',
        '{"embeddings": [[[1, 2], [3]], [[4], [5, 6]], [[1, 2], [3]], [[4], [5, 6]]]}',
        "[[1, 2]]",
        "5",
        "",
        "[" * 100_000,
    ],
)
def test_an_answer_of_another_shape_is_an_error_of_the_server(
    body: str, ollama: FakeOllama, embed: Embed, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ollama, "render", lambda _request, _vectors: body)
    with pytest.raises(EmbedderUnavailable):
        embed(OllamaEmbedder(ollama.url, MODEL), TEXTS)


@pytest.mark.parametrize(
    ("numbers", "vector"), [("[0, 1]", [0, 1]), ("[1e-3, -2.5E2]", [0.001, -250]), ("[1e-60, 3]", [0, 3])]
)
def test_numbers_are_read_as_json_writes_them(
    numbers: str, vector: list[float], ollama: FakeOllama, embed: Embed, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ollama, "render", lambda _request, _vectors: f'{{"embeddings": [{numbers}]}}')
    assert embed(OllamaEmbedder(ollama.url, MODEL), ["text"]).tolist() == np.array([vector], dtype=np.float32).tolist()


def test_a_text_beyond_the_context_is_refused_and_not_cut(ollama: FakeOllama, embed: Embed):
    ollama.context = 100
    with pytest.raises(TextRejected, match="exceeds the context length"):
        embed(OllamaEmbedder(ollama.url, MODEL), ["short", "long " * 100])


def test_half_a_surrogate_pair_is_not_sent(protocol: Protocol, embed: Embed):
    server, embedder = protocol
    with pytest.raises(TextRejected, match="Text 2 of 2"):
        embed(embedder(), ["fine", "half \ud83c"])
    assert server.requests == []


def test_a_proxy_of_the_environment_gets_no_traffic_of_this_machine(
    protocol: Protocol, embed: Embed, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    _, embedder = protocol
    assert len(embed(embedder(), TEXTS)) == 4


def test_a_redirect_is_not_followed(protocol: Protocol, embed: Embed):
    server, embedder = protocol
    with FakeOllama() as elsewhere:
        server.inject(Fault("refuse", 307, "moved", {"Location": f"{elsewhere.url}/api/embed"}))
        with pytest.raises(EmbedderMisconfigured, match="307"):
            embed(embedder(), TEXTS)
        assert elsewhere.requests == []


def test_retry_after_arrives_with_the_error(protocol: Protocol, embed: Embed):
    server, embedder = protocol
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    for header, low, high in (("7", 7, 7), (date, 500, 600)):
        server.inject(refuse(429, retry_after=header))
        with pytest.raises(RateLimited) as raised:
            embed(embedder(), TEXTS)
        assert raised.value.retry_after is not None
        assert low <= raised.value.retry_after <= high


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00", 0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("9" * 400, float("inf")),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Mon, 1 Jan 99999999999999999999 10:10:10 GMT", None),
        ("Mon, 1 Jan 2020 10:10:10 +99999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None):
    assert parse_retry_after(header) == seconds


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - an address to read
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("box.lan", "http://box.lan:11434"),
        ("http://box.lan", "http://box.lan:80"),
        ("https://box.lan/", "https://box.lan:443"),
        ("https://box.lan:8443/ollama/", "https://box.lan:8443/ollama"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]:8080", "http://[::1]:8080"),
        (" 'http://box:1' ", "http://box:1"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, url: str):
    assert server_url(host) == url


@pytest.mark.parametrize("host", ["ftp://box", "box:port", "http://box:99999", "http://[::1", "b\u00fccher..de"])
def test_an_ollama_host_that_is_no_address_is_refused(host: str):
    with pytest.raises(EmbedderMisconfigured, match="OLLAMA_HOST"):
        server_url(host)


def test_a_server_without_base64_is_understood(openai: FakeOpenAI, embed: Embed):
    openai.knows_base64 = False
    vectors = embed(OpenAIEmbedder(f"{openai.url}/v1", MODEL, None), TEXTS)
    assert np.array_equal(vectors, vectors_for(TEXTS, 64))


def test_a_used_up_quota_is_not_worth_waiting(openai: FakeOpenAI, embed: Embed):
    openai.inject(refuse(429, "insufficient_quota"))
    with pytest.raises(EmbedderMisconfigured, match=r"quota .* is used up"):
        embed(OpenAIEmbedder(f"{openai.url}/v1", MODEL, "sk-secret"), TEXTS)


def test_the_key_is_in_no_message_and_no_log(openai: FakeOpenAI, embed: Embed, caplog: pytest.LogCaptureFixture):
    openai.inject(refuse(401, "wrong key"))
    with caplog.at_level(logging.DEBUG), pytest.raises(EmbedderMisconfigured) as raised:
        embed(OpenAIEmbedder(f"{openai.url}/v1", MODEL, "sk-secret"), TEXTS)
    assert "sk-secret" not in caplog.text + str(raised.value)


def test_ollama_gets_its_key_from_the_environment(ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch):
    settings = load_settings(embedder="ollama", ollama_host=ollama.url)
    assert "Authorization" not in OllamaEmbedder.of(settings)._client.headers
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    assert OllamaEmbedder.of(settings)._client.headers["Authorization"] == "Bearer secret"


def test_the_fake_counts_what_is_under_way_at_once(ollama: FakeOllama):
    ollama.latency = 0.05

    async def several() -> None:
        embedder = OllamaEmbedder(ollama.url, MODEL)
        await asyncio.gather(*(embedder.embed([f"text {n}"]) for n in range(6)))
        await embedder.aclose()

    asyncio.run(several())
    assert ollama.most_at_once > 1
    assert ollama.embedded == {f"text {n}": 1 for n in range(6)}


def test_the_fake_refuses_a_batch_with_a_poisoned_text(ollama: FakeOllama, embed: Embed):
    ollama.poison = "☠"
    with pytest.raises(TextRejected):
        embed(OllamaEmbedder(ollama.url, MODEL), ["fine", "a ☠ text"])
    assert ollama.embedded.total() == 0


def test_the_fake_runs_as_a_process_of_its_own(embed: Embed):
    command = [sys.executable, "-m", "bbj_assets_tests.fakes.ollama_server", "--port", "0", "--dimensions", "16"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert np.array_equal(embed(OllamaEmbedder(url, MODEL), TEXTS), vectors_for(TEXTS, 16))
        assert httpx.get(f"{url}/api/tags", trust_env=False).json()["models"][0]["name"] == f"{MODEL}:latest"
        process.terminate()
        assert process.wait(10) == 0
