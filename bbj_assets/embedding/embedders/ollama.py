"""Vectors from Ollama, through its own client: the embedder for production.

Ollama silently truncates a text that is longer than the model's context. So every request says `truncate: false`:
such a text is then refused with a 400 and becomes a row of `failures`.

Where `ollama.AsyncClient` differs from the contract of `Embedder`, this module makes up for it:

- It follows redirects. That is switched off: a redirect is a wrong address.
- It reads OLLAMA_API_KEY from the environment. The key of `Settings` replaces it.
- Its errors have neither the headers of the answer (Retry-After) nor, for an error whose JSON is not an object, the
  status. A response hook keeps the answer. The hook runs before the body is read, so it also reports that the
  answer has started.
- A ConnectTimeout is not wrapped as a ConnectError is, and a JSON list as an answer is a bare TypeError.
- It accepts NaN, which JSON does not have. `checked` refuses the vector.

While the client reads 64 vectors of 768 numbers (600 KB of JSON), the event loop stands still for about 12 ms: 9.6 ms
in the parser of the standard library, 0.9 ms in pydantic and 0.8 ms in NumPy. A parser that fills an array (simdjson)
took 1.4 ms on that machine. That is accepted: a model computes for much longer on such a batch.
"""

from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import httpx
from ollama import AsyncClient, ResponseError

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders.embedder import as_vectors, checked, refuse_unencodable
from bbj_assets.embedding.embedders.model_server import ANSWER_SECONDS, CONNECT_SECONDS, ModelServer
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.settings import Settings

_PORT = 11434


def server_url(host: str) -> str:
    """Return the URL that OLLAMA_HOST means: `127.0.0.1`, `:8080`, `[::1]:11434`, `box/path`, `https://box`.

    `ollama serve` reads the same variable as the address to listen on. Not every system can connect to a wildcard
    address, so it becomes the loopback address.

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
        raise _invalid_host(host)
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104 - read, never bound
        parts.hostname or "", parts.hostname
    )
    bracketed = f"[{name}]" if name and ":" in name else name
    url = f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        raise _invalid_host(host) from None
    return url


def _invalid_host(host: str) -> EmbedderMisconfigured:
    return EmbedderMisconfigured(
        f"OLLAMA_HOST is {host!r}, which is not an address. Set it to an address such as http://127.0.0.1:{_PORT}."
    )


_ANSWER: ContextVar["_Answer"] = ContextVar("answer")
"""The answer to this task's request. The client has one response hook, which does not know the caller."""


@dataclass(slots=True)
class _Answer:
    """What the response hook reports of one answer.

    Attributes:
        on_start: called when an answer with vectors starts.
        refusal: the answer, if its status is an error.
    """

    on_start: Callable[[], None]
    refusal: httpx.Response | None = None


class OllamaEmbedder:
    """A model of an Ollama server, through `/api/embed`.

    Args:
        host: the server's address, in any form that OLLAMA_HOST may have.
        model: the name of a model that was pulled.
        timeout: seconds for a whole request.
        api_key: sent as a bearer token. Without it, no key is sent.
    """

    default_model = "nomic-embed-text"
    max_concurrency = None
    """The server queues the requests that it cannot serve at once (OLLAMA_NUM_PARALLEL)."""

    def __init__(self, host: str, *, model: str, timeout: float = ANSWER_SECONDS, api_key: str | None = None) -> None:
        self._server = ModelServer(
            name="Ollama",
            url=server_url(host),
            model=model,
            if_down="Start it with 'ollama serve', or set BBJ_ASSETS_EMBEDDER=embedded.",
            if_missing=f"Run 'ollama pull {model}'.",
            if_refused="Set OLLAMA_API_KEY, or correct OLLAMA_HOST.",
            timeout=timeout,
        )
        self._client = AsyncClient(
            self._server.url,
            auth=_BearerToken(api_key),
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None),  # the runner's workers are the limit
            trust_env=not self._server.is_on_this_machine,
            event_hooks={"response": [_note_start_of_answer]},
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the embedder that is configured.

        Raises:
            EmbedderMisconfigured: OLLAMA_HOST is not an address.
        """
        key = settings.ollama_api_key.get_secret_value() if settings.ollama_api_key else None
        return cls(settings.ollama_host, model=settings.embedding_model or cls.default_model, api_key=key)

    @property
    def model(self) -> str:
        """The name under which its vectors are stored."""
        return self._server.model

    async def embed(self, texts: Sequence[str], on_answer: Callable[[], None] = lambda: None) -> Vectors:
        """Return one vector for each text, in order.

        Raises:
            EmbedderUnavailable: it cannot be reached, fails, or does not answer in full.
            RateLimited: it asks to wait.
            TextRejected: a text is longer than the model's context, or its vector cannot be used.
            EmbedderMisconfigured: the model was not pulled, or the server is not Ollama.
        """
        if not texts:
            return as_vectors([])
        refuse_unencodable(texts)
        answer = _Answer(on_answer)
        _ANSWER.set(answer)
        try:
            async with self._server.within_timeout():
                embedded = await self._client.embed(self.model, list(texts), truncate=False)
        except (ConnectionError, httpx.ConnectTimeout):  # ConnectionError is the client's httpx.ConnectError
            raise self._server.unreachable() from None
        except httpx.RequestError as error:
            raise self._server.cut_off(error) from error
        # The client raises these for an answer that is not JSON, not an object or without vectors, and for a refusal.
        except (ResponseError, ValueError, TypeError, AttributeError, RecursionError) as error:
            refusal = answer.refusal
            if refusal is None:
                raise self._server.unintelligible(error) from error
            raise self._server.refusal(
                refusal.status_code, _reason(refusal), retry_after=refusal.headers.get("Retry-After")
            ) from None
        return checked(as_vectors(embedded.embeddings), texts, dimensions=None)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the package does not annotate it


class _BearerToken(httpx.Auth):
    """Authorization by this key or none, in place of the key that the client finds in the environment."""

    def __init__(self, key: str | None) -> None:
        self._authorization = f"Bearer {key}".encode("ascii") if key else None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with the key as its only authorization."""
        request.headers.pop("Authorization", None)
        if self._authorization:
            request.headers["Authorization"] = self._authorization.decode("ascii")
        yield request


async def _note_start_of_answer(response: httpx.Response) -> None:
    answer = _ANSWER.get()
    if response.is_success:
        answer.on_start()
    else:
        answer.refusal = response


def _reason(response: httpx.Response) -> str:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return response.text
    return str(body.get("error", body)) if isinstance(body, dict) else response.text
