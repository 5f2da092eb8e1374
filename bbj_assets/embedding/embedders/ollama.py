"""Vectors from Ollama: the embedder for production.

Learned the hard way by others: Ollama cuts a text that is longer than the model's context, and says nothing. So every
request says `truncate: false`, and such a text comes back as a 400 that becomes a row of `failures`.

It is asked over HTTP rather than through its own client, which turns an answer other than 2xx into an exception
without its headers, so without Retry-After, and checks each number of an answer by itself. 64 vectors of 768 numbers
are 600 KB of JSON, and while they are read the event loop stands still: 20 ms with the parser of the standard library,
5 ms with pydantic's, 1.3 ms with simdjson's, which hands all numbers over at once.
"""

import json
import os
from collections.abc import Callable, Sequence
from typing import Self
from urllib.parse import urlsplit

import httpx
import numpy as np
import simdjson

from bbj_assets.embedding.embedders.embedder import Vectors, as_vectors, checked, refuse_unencodable
from bbj_assets.embedding.embedders.model_server import ANSWER_SECONDS, CONNECT_SECONDS, ModelServer
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.settings import Settings

_PORT = 11434


def server_url(host: str) -> str:
    """The URL that OLLAMA_HOST means: `127.0.0.1`, `:8080`, `[::1]:11434`, `box/path`, `https://box`.

    The same variable tells `ollama serve` where to listen. A wildcard address is none to connect to everywhere, so
    that it becomes the loopback address.

    Raises:
        EmbedderMisconfigured: it is neither a host nor an http URL.
    """
    text = host.strip().strip("\"'") or "127.0.0.1"
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or {"https": 443}.get(parts.scheme, 80 if "://" in text else _PORT)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https"):
        raise _no_address(host)
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104 - read, never bound
        parts.hostname or "", parts.hostname
    )
    bracketed = f"[{name}]" if name and ":" in name else name
    url = f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        raise _no_address(host) from None
    return url


def _no_address(host: str) -> EmbedderMisconfigured:
    return EmbedderMisconfigured(
        f"OLLAMA_HOST is {host!r}, which is no address. Set it to the like of http://127.0.0.1:{_PORT}."
    )


class OllamaEmbedder:
    """A model of an Ollama server, through `/api/embed`."""

    default_model = "nomic-embed-text"
    max_concurrency = None
    """The server queues what it cannot do at once (OLLAMA_NUM_PARALLEL)."""

    def __init__(self, host: str, model: str, patience: float = ANSWER_SECONDS, *, api_key: str | None = None) -> None:
        url = server_url(host)
        self._server = ModelServer(
            name="Ollama",
            url=url,
            model=model,
            if_down="Start it with 'ollama serve', or set BBJ_ASSETS_EMBEDDER=embedded.",
            if_missing=f"Run 'ollama pull {model}'.",
            if_refused="Set OLLAMA_API_KEY, or correct OLLAMA_HOST.",
            patience=patience,
        )
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None),  # as many as the runner has workers
            trust_env=not self._server.is_loopback,
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As configured.

        Raises:
            EmbedderMisconfigured: OLLAMA_HOST is no address.
        """
        api_key = os.environ.get("OLLAMA_API_KEY")  # as Ollama's own client calls it
        return cls(settings.ollama_host, settings.embedding_model or cls.default_model, api_key=api_key)

    @property
    def model(self) -> str:
        """The name under which its vectors are stored."""
        return self._server.model

    async def embed(self, texts: Sequence[str], on_answer: Callable[[], None] = lambda: None) -> Vectors:
        """One vector a text, in order.

        Raises:
            EmbedderUnavailable: nobody answers, or not in full.
            RateLimited: it asks to wait.
            TextRejected: a text is longer than the model's context, or its vector is of no use.
            EmbedderMisconfigured: the model was not pulled, or what answers is not Ollama.
        """
        if not texts:
            return as_vectors([])
        refuse_unencodable(texts)
        request = {"model": self.model, "input": texts, "truncate": False}
        try:
            async with (
                self._server.in_time(),
                self._client.stream("POST", f"{self._server.url}/api/embed", json=request) as response,
            ):
                if response.is_success:
                    on_answer()
                body = await response.aread()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise self._server.unreachable() from None
        except httpx.RequestError as error:
            raise self._server.cut_off(error) from error
        if not response.is_success:
            raise self._server.refusal(response.status_code, _reason(response), response.headers.get("Retry-After"))
        try:
            vectors = _vectors(body)
        except (ValueError, TypeError, KeyError, RecursionError) as error:  # no JSON, no object, or one without vectors
            raise self._server.unintelligible(error) from error
        return checked(vectors, texts, None)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def _vectors(body: bytes) -> Vectors:
    """The `embeddings` of an answer.

    Raises:
        EmbedderUnavailable: they are not all of one length.
        ValueError, TypeError, KeyError, RecursionError: it is no such answer.
    """
    try:
        return _matrix(body)
    except (ValueError, TypeError):  # the slow way knows NaN, which is no JSON, and what is wrong with all the others
        rows = json.loads(body)["embeddings"]
        if not isinstance(rows, list):
            raise TypeError("no list of vectors") from None
        return as_vectors(rows)


def _matrix(body: bytes) -> Vectors:
    answer = simdjson.Parser().parse(body)
    rows = answer["embeddings"] if isinstance(answer, simdjson.Object) else None
    if not isinstance(rows, simdjson.Array) or len(lengths := {_length(row) for row in rows}) != 1:
        raise TypeError("no matrix of numbers")
    numbers = np.frombuffer(rows.as_buffer(of_type="d"))  # of rows of rows, too
    return numbers.reshape(len(rows), *lengths).astype(np.float32)


def _length(row: object) -> int:
    if not isinstance(row, simdjson.Array):
        raise TypeError("no row of numbers")
    return len(row)


def _reason(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return response.text
    return str(answer.get("error", answer)) if isinstance(answer, dict) else response.text
