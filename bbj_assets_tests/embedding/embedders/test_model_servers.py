"""What Ollama and OpenAI-compatible servers have in common: faults, and the error for each."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import numpy as np
import pytest

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.embedding.embedders.openai import OpenAIEmbedder
from bbj_assets.errors import (
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingError,
    RateLimited,
    TextRejected,
)
from bbj_assets.retrying import parse_retry_after
from bbj_assets_tests.fakes.model_server import (
    FakeModelServer,
    Fault,
    redirect,
    refuse,
    refuse_in_plain_json,
    vectors_for,
)
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.openai_server import FakeOpenAI

EmbedOnce = Callable[[Embedder, Sequence[str]], Vectors]
Protocol = tuple[FakeModelServer, Callable[..., Embedder]]

MODEL = "nomic-embed-text"
TEXTS = ["PRINT 'hello'", "Größe 🎉", "", "third\n\ntext"]


@pytest.fixture(params=["ollama", "openai"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """A server, and a function that makes an embedder for it."""
    server = request.getfixturevalue(request.param)
    if request.param == "ollama":
        return server, lambda **options: OllamaEmbedder(server.url, model=MODEL, **options)
    return server, lambda **options: OpenAIEmbedder(f"{server.url}/v1", model=MODEL, api_key="sk-secret", **options)


def test_vectors_are_in_the_order_of_the_texts(protocol: Protocol, embed_once: EmbedOnce) -> None:
    server, embedder = protocol
    vectors = embed_once(embedder(), TEXTS)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, vectors_for(TEXTS, 64))
    assert [request.texts for request in server.requests] == [tuple(TEXTS)]


def test_without_texts_no_request_is_sent(protocol: Protocol, embed_once: EmbedOnce) -> None:
    server, embedder = protocol
    assert len(embed_once(embedder(), [])) == 0
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
        (Fault("list"), EmbedderUnavailable, "no list of vectors"),
        (refuse_in_plain_json(500, "crashed"), EmbedderUnavailable, r"failed \(500: "),
        (refuse_in_plain_json(400, "too long"), TextRejected, r"refused the text \(400: "),
        (Fault("fewer"), EmbedderUnavailable, "3 vectors for 4 texts"),
        (Fault("ragged"), EmbedderUnavailable, r"row lengths: \[63, 64\]"),
        (Fault("nan"), TextRejected, "for 1 of 4 texts.*PRINT"),
        (Fault("zero"), TextRejected, "for 1 of 4 texts.*PRINT"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_each_fault_raises_its_error(
    fault: Fault, error: type[EmbeddingError], says: str, protocol: Protocol, embed_once: EmbedOnce
) -> None:
    server, embedder = protocol
    server.inject(fault)
    with pytest.raises(error, match=says) as raised:
        embed_once(embedder(), TEXTS)
    assert type(raised.value) is error
    assert len(server.requests) == 1, "the batch runner retries, not the embedder"


def test_an_embedder_works_again_after_faults(protocol: Protocol) -> None:
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


def test_a_missing_answer_times_out(protocol: Protocol, embed_once: EmbedOnce) -> None:
    server, embedder = protocol
    server.inject(Fault("hang"))
    with pytest.raises(EmbedderUnavailable, match=r"did not answer within 0\.3 seconds"):
        embed_once(embedder(timeout=0.3), TEXTS)


def test_an_answer_that_starts_and_never_ends_times_out(protocol: Protocol) -> None:
    server, make = protocol
    server.inject(Fault("dribble"))
    started: list[str] = []

    async def twice() -> Vectors:
        embedder = make(timeout=0.5)
        try:
            with pytest.raises(EmbedderUnavailable, match=r"did not answer within 0\.5 seconds"):
                await asyncio.wait_for(embedder.embed(TEXTS, lambda: started.append("the first")), 5)
            return await embedder.embed(TEXTS, lambda: started.append("the second"))
        finally:
            await embedder.aclose()

    assert np.array_equal(asyncio.run(twice()), vectors_for(TEXTS, 64))
    assert started == ["the first", "the second"]


def test_a_cancelled_request_is_not_reported_as_a_timeout(protocol: Protocol) -> None:
    server, make = protocol
    server.inject(Fault("dribble"))

    async def cancel_after_the_start() -> None:
        started = asyncio.Event()
        embedder = make(timeout=30)
        request = asyncio.create_task(embedder.embed(TEXTS, started.set))
        await started.wait()
        request.cancel()
        try:
            with pytest.raises(asyncio.CancelledError):
                await request
        finally:
            await embedder.aclose()

    asyncio.run(cancel_after_the_start())


def test_the_error_for_a_server_that_is_down_names_it_and_the_remedy(
    ollama: FakeOllama, openai: FakeOpenAI, embed_once: EmbedOnce
) -> None:
    ollama.stop()
    with pytest.raises(EmbedderUnavailable) as raised:
        embed_once(OllamaEmbedder(ollama.url, model=MODEL), TEXTS)
    assert str(raised.value) == (
        f"Cannot reach Ollama at {ollama.url}. Start it with 'ollama serve', or set BBJ_ASSETS_EMBEDDER=embedded."
    )
    ollama.start()  # the fixture stops it
    assert len(embed_once(OllamaEmbedder(ollama.url, model=MODEL), TEXTS)) == 4

    openai.stop()
    with pytest.raises(EmbedderUnavailable, match=r"Cannot reach .*BBJ_ASSETS_OPENAI_BASE_URL"):
        embed_once(OpenAIEmbedder(f"{openai.url}/v1", model=MODEL), TEXTS)
    openai.start()


def test_a_text_with_half_a_surrogate_pair_is_not_sent(protocol: Protocol, embed_once: EmbedOnce) -> None:
    server, embedder = protocol
    with pytest.raises(TextRejected, match="Text 2 of 2"):
        embed_once(embedder(), ["fine", "half \ud83c"])
    assert server.requests == []


def test_requests_over_loopback_do_not_use_the_proxy_of_the_environment(
    protocol: Protocol, embed_once: EmbedOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    _, embedder = protocol
    assert len(embed_once(embedder(), TEXTS)) == 4


def test_a_redirect_is_not_followed(protocol: Protocol, embed_once: EmbedOnce) -> None:
    server, embedder = protocol
    with FakeOllama() as elsewhere:
        server.inject(redirect(f"{elsewhere.url}/api/embed"))
        with pytest.raises(EmbedderMisconfigured, match="307"):
            embed_once(embedder(), TEXTS)
        assert elsewhere.requests == []


def test_the_error_carries_retry_after(protocol: Protocol, embed_once: EmbedOnce) -> None:
    server, embedder = protocol
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    for header, low, high in (("7", 7, 7), (date, 500, 600)):
        server.inject(refuse(429, retry_after=header))
        with pytest.raises(RateLimited) as raised:
            embed_once(embedder(), TEXTS)
        assert raised.value.retry_after is not None
        assert low <= raised.value.retry_after <= high


def test_concurrent_requests_do_not_mix_up_their_answers(protocol: Protocol) -> None:
    """One client serves all requests, and its response hook sees the answers of all."""
    server, make = protocol
    server.inject(refuse(429, retry_after="7"), None, refuse(503, retry_after="9"), None)
    started: list[str] = []

    async def embed_four() -> "dict[str, Vectors | BaseException]":
        embedder = make()
        try:
            answers = await asyncio.gather(
                *(embedder.embed([text], partial(started.append, text)) for text in TEXTS),
                return_exceptions=True,
            )
        finally:
            await embedder.aclose()
        return dict(zip(TEXTS, answers, strict=True))

    answers = asyncio.run(embed_four())
    errors = [answer for answer in answers.values() if isinstance(answer, RateLimited)]
    assert sorted(error.retry_after or 0 for error in errors) == [7, 9]
    vectors = {text: answer for text, answer in answers.items() if isinstance(answer, np.ndarray)}
    assert sorted(started) == sorted(vectors)
    assert len(vectors) == 2
    for text, vector in vectors.items():
        assert np.array_equal(vector, vectors_for([text], 64))


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
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds
