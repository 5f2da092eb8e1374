"""What only Ollama does: its address, its key, its limits, and where its own client differs from `Embedder`."""

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import numpy as np
import pytest

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders import ollama as ollama_module
from bbj_assets.embedding.embedders.ollama import OllamaEmbedder, server_url
from bbj_assets.errors import EmbedderMisconfigured, EmbedderUnavailable, EmbedderUnreachable, RateLimited, TextRejected
from bbj_assets.settings import load_settings
from bbj_assets_tests.fakes.model_server import Reply
from bbj_assets_tests.fakes.ollama_server import FakeOllama

EmbedOnce = Callable[[Embedder, Sequence[str]], Vectors]

MODEL = "nomic-embed-text"
TEXTS = ["PRINT 'hello'", "Größe 🎉", "", "third\n\ntext"]


def test_the_error_for_a_missing_model_names_the_command_that_pulls_it(
    ollama: FakeOllama, embed_once: EmbedOnce
) -> None:
    with pytest.raises(EmbedderMisconfigured, match=r"has no model 'bge-m3'.*Run 'ollama pull bge-m3'"):
        embed_once(OllamaEmbedder(ollama.url, model="bge-m3"), TEXTS)


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
        "[]",
        "null",
        "5",
        "",
        "[" * 100_000,
    ],
)
def test_an_answer_of_another_shape_is_an_error_of_the_server(
    body: str, ollama: FakeOllama, embed_once: EmbedOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama, "render", lambda _request, _vectors: body)
    with pytest.raises(EmbedderUnavailable):
        embed_once(OllamaEmbedder(ollama.url, model=MODEL), TEXTS)


@pytest.mark.parametrize(
    ("numbers", "vector"), [("[0, 1]", [0, 1]), ("[1e-3, -2.5E2]", [0.001, -250]), ("[1e-60, 3]", [0, 3])]
)
def test_numbers_are_read_in_every_notation_of_json(
    numbers: str, vector: list[float], ollama: FakeOllama, embed_once: EmbedOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama, "render", lambda _request, _vectors: f'{{"embeddings": [{numbers}]}}')
    assert (
        embed_once(OllamaEmbedder(ollama.url, model=MODEL), ["text"]).tolist()
        == np.array([vector], dtype=np.float32).tolist()
    )


def test_a_text_longer_than_the_context_is_refused_and_not_cut(ollama: FakeOllama, embed_once: EmbedOnce) -> None:
    ollama.context = 100
    with pytest.raises(TextRejected, match="exceeds the context length"):
        embed_once(OllamaEmbedder(ollama.url, model=MODEL), ["short", "long " * 100])


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
def test_ollama_host_is_parsed_as_ollama_parses_it(host: str, url: str) -> None:
    assert server_url(host) == url


@pytest.mark.parametrize("host", ["ftp://box", "box:port", "http://box:99999", "http://[::1", "b\u00fccher..de"])
def test_an_invalid_ollama_host_is_refused(host: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match="OLLAMA_HOST"):
        server_url(host)


def test_the_key_of_the_settings_is_sent(
    ollama: FakeOllama, embed_once: EmbedOnce, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "hush")
    settings = load_settings(embedder="ollama", ollama_host=ollama.url)
    monkeypatch.setenv("OLLAMA_API_KEY", "another")
    with caplog.at_level(logging.DEBUG):
        embed_once(OllamaEmbedder.of(settings), TEXTS)
    assert ollama.authorizations == ["Bearer hush"]
    assert "hush" not in caplog.text


def test_a_key_that_only_the_environment_has_is_not_sent(
    ollama: FakeOllama, embed_once: EmbedOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(embedder="ollama", ollama_host=ollama.url)
    monkeypatch.setenv("OLLAMA_API_KEY", "hush")  # the client of the ollama package would take it
    embed_once(OllamaEmbedder.of(settings), TEXTS)
    assert ollama.authorizations == [None]


@pytest.mark.parametrize("body", ['"overloaded"', "[1]", "5", "null", "", "[" * 100_000, "<html>502</html>"])
def test_an_error_whose_body_is_not_an_object_keeps_its_status(
    body: str, ollama: FakeOllama, embed_once: EmbedOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama, "route", lambda *_: Reply(body.encode(), 503, {"Retry-After": "7"}))
    with pytest.raises(RateLimited, match="503: ") as raised:
        embed_once(OllamaEmbedder(ollama.url, model=MODEL), TEXTS)
    assert raised.value.retry_after == 7


@pytest.fixture
def port_that_accepts_no_connection() -> Iterator[int]:
    """A port whose queue of connections is full, so that a new one is neither accepted nor refused."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_timeout_while_connecting_means_that_the_server_is_unreachable(
    port_that_accepts_no_connection: int, embed_once: EmbedOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama_module, "CONNECT_SECONDS", 0.2)
    url = f"http://127.0.0.1:{port_that_accepts_no_connection}"
    with pytest.raises(EmbedderUnreachable, match=f"Cannot reach Ollama at {url}"):
        embed_once(OllamaEmbedder(url, model=MODEL, timeout=10), TEXTS)
