"""Vectors from Ollama: the embedder for production.

Learned the hard way by others: Ollama cuts a text that is longer than the model's context, and says nothing. So every
request says `truncate: false`, and such a text comes back as a 400 that becomes a row of `failures`.

The ollama client turns an answer other than 2xx into an exception without its headers, so without Retry-After. A
response hook of its httpx client sees the answer first, and is the one place where a status gets its meaning. The same
hook swaps the JSON parser: 64 vectors of 768 numbers are 600 KB of JSON, for which the one of the standard library
blocks the event loop for 20 ms, and the one of pydantic for 2.
"""

from collections.abc import Callable, Sequence
from typing import Self
from urllib.parse import urlsplit

import httpx
from ollama import AsyncClient
from pydantic_core import from_json

from bbj_assets.embedding._model_server import ANSWER_SECONDS, CONNECT_SECONDS, ON_ANSWER, ModelServer
from bbj_assets.embedding.embedder import Vectors, as_vectors, checked, refuse_unencodable
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.settings import Settings

DEFAULT_MODEL = "nomic-embed-text"
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
        raise EmbedderMisconfigured(
            f"OLLAMA_HOST is {host!r}, which is no address. Set it to the like of http://127.0.0.1:{_PORT}."
        )
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104 - read, never bound
        parts.hostname or "", parts.hostname
    )
    bracketed = f"[{name}]" if name and ":" in name else name
    return f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"


class OllamaEmbedder:
    """A model of an Ollama server, through `/api/embed`."""

    max_concurrency = None
    """The server queues what it cannot do at once (OLLAMA_NUM_PARALLEL)."""

    def __init__(self, host: str, model: str, patience: float = ANSWER_SECONDS) -> None:
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
        self._client = AsyncClient(
            url,
            timeout=httpx.Timeout(patience, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=not self._server.is_loopback,
            event_hooks={"response": [self._examine]},
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As configured.

        Raises:
            EmbedderMisconfigured: OLLAMA_HOST is no address.
        """
        return cls(settings.ollama_host, settings.embedding_model or DEFAULT_MODEL)

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
        ON_ANSWER.set(on_answer)
        try:
            answer = await self._client.embed(self.model, texts, truncate=False)
        except (ConnectionError, httpx.ConnectTimeout):  # the client's word for a refused connection
            raise self._server.unreachable() from None
        except httpx.TimeoutException:
            raise self._server.too_slow() from None
        except httpx.RequestError as error:
            raise self._server.cut_off(error) from error
        except (ValueError, TypeError) as error:  # no JSON, no object, or (pydantic) one without vectors
            raise self._server.unintelligible(error) from error
        return checked(as_vectors(answer.embeddings), texts, None)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the client has no annotation here

    async def _examine(self, response: httpx.Response) -> None:
        if not response.is_success:
            await response.aread()
            raise self._server.refusal(response.status_code, _reason(response), response.headers.get("Retry-After"))
        response.__class__ = _Answer
        ON_ANSWER.get()()


class _Answer(httpx.Response):
    def json(self, **_: object) -> object:
        return from_json(self.content)


def _reason(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except ValueError:
        return response.text
    return str(answer.get("error", answer)) if isinstance(answer, dict) else response.text
