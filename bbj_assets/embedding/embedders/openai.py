"""Vectors from OpenAI, or from any server that speaks its embeddings protocol (vLLM, llama.cpp, LM Studio, TEI).

The client's own retries are off: the batch runner retries, and the attempts of two layers multiply.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Self

import numpy as np

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders.embedder import as_vectors, checked, refuse_unencodable
from bbj_assets.embedding.embedders.model_server import ANSWER_SECONDS, CONNECT_SECONDS, ModelServer
from bbj_assets.errors import EmbedderMisconfigured, EmbeddingError
from bbj_assets.settings import Settings

if TYPE_CHECKING:
    import httpx
    from openai import APIStatusError

DEFAULT_URL = "https://api.openai.com/v1"

_ON_ANSWER: ContextVar[Callable[[], None]] = ContextVar("on_answer")
"""The callback of this task's request. The client has one response hook, which does not know the caller."""


class OpenAIEmbedder:
    """A model behind an OpenAI-compatible `/embeddings`.

    Args:
        base_url: the URL that `/embeddings` is appended to; it usually ends in `/v1`.
        model: the model's name at this server.
        api_key: sent as a bearer token. A self-hosted server often needs none.
        timeout: seconds for a whole request.
    """

    default_model = "text-embedding-3-small"
    max_concurrency = None
    """The server answers 429 when there are too many requests."""

    def __init__(
        self, base_url: str, *, model: str, api_key: str | None = None, timeout: float = ANSWER_SECONDS
    ) -> None:
        try:
            import openai
        except ImportError:
            raise EmbedderMisconfigured(
                "BBJ_ASSETS_EMBEDDER=openai needs the openai package. Run `pip install 'bbj-assets[openai]'`."
            ) from None
        self._server = ModelServer(
            name="the OpenAI-compatible server",
            url=base_url.rstrip("/"),
            model=model,
            if_down="Check BBJ_ASSETS_OPENAI_BASE_URL and the network, or set BBJ_ASSETS_EMBEDDER=embedded.",
            if_missing="Set BBJ_ASSETS_EMBEDDING_MODEL to a model that it has, or correct the address in "
            "BBJ_ASSETS_OPENAI_BASE_URL (it usually ends in /v1).",
            if_refused="Set BBJ_ASSETS_OPENAI_API_KEY to a key that is allowed to use this model.",
            timeout=timeout,
        )
        connecting = openai.Timeout(None, connect=CONNECT_SECONDS)
        self._client = openai.AsyncOpenAI(
            base_url=self._server.url,
            api_key=api_key or "none",  # the client requires one; a self-hosted server ignores it
            max_retries=0,
            timeout=connecting,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=connecting,
                follow_redirects=False,
                trust_env=not self._server.is_on_this_machine,
                event_hooks={"response": [_note_start_of_answer]},
            ),
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the embedder that is configured.

        Raises:
            EmbedderMisconfigured: the openai package is missing, or no key is set for OpenAI's own server.
        """
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        if not settings.openai_base_url and not key:
            raise EmbedderMisconfigured(
                "BBJ_ASSETS_EMBEDDER=openai needs a key: set BBJ_ASSETS_OPENAI_API_KEY, or "
                "BBJ_ASSETS_OPENAI_BASE_URL for a server of your own that needs none."
            )
        model = settings.embedding_model or cls.default_model
        return cls(settings.openai_base_url or DEFAULT_URL, model=model, api_key=key)

    @property
    def model(self) -> str:
        """The name under which its vectors are stored."""
        return self._server.model

    async def embed(self, texts: Sequence[str], on_answer: Callable[[], None] = lambda: None) -> Vectors:
        """Return one vector for each text, in order.

        Raises:
            EmbedderUnavailable: the server cannot be reached, fails, or does not answer in full.
            RateLimited: the server asks to wait.
            TextRejected: a text is too long for the model, or its vector cannot be used.
            EmbedderMisconfigured: the key, the model or the address is wrong, or the quota is used up.
        """
        from openai import APIConnectionError, APIStatusError

        if not texts:
            return as_vectors([])
        refuse_unencodable(texts)
        _ON_ANSWER.set(on_answer)
        try:
            # base64 takes a quarter of the bytes. A server that ignores the parameter returns numbers: both are read.
            async with self._server.within_timeout():
                answer = await self._client.embeddings.create(
                    model=self.model, input=list(texts), encoding_format="base64"
                )
        except APIConnectionError as error:
            cause = error.__cause__ or error
            raise (
                self._server.unreachable()
                if _failed_to_connect(error) or not isinstance(cause, Exception)
                else self._server.cut_off(cause)
            ) from None
        except APIStatusError as error:
            raise self._refusal(error) from None
        except (ValueError, TypeError) as error:  # the answer is not JSON
            raise self._server.unintelligible(error) from error
        try:
            rows = [_numbers(item.embedding) for item in sorted(answer.data, key=lambda item: item.index)]
        except (AttributeError, TypeError, binascii.Error, ValueError) as error:
            # The client does not validate the answer, so any part of it may be missing.
            raise self._server.unintelligible(error) from error
        return checked(as_vectors(rows), texts, dimensions=None)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _refusal(self, error: "APIStatusError") -> EmbeddingError:
        if (
            error.code == "insufficient_quota"
        ):  # a 429 for which waiting does not help; the code is part of OpenAI's API
            return EmbedderMisconfigured(
                f"The quota at {self._server.url} is used up. Raise it there, or set BBJ_ASSETS_EMBEDDER=embedded."
            )
        return self._server.refusal(
            error.status_code, error.message, retry_after=error.response.headers.get("Retry-After")
        )


async def _note_start_of_answer(response: "httpx.Response") -> None:
    if response.is_success:
        _ON_ANSWER.get()()


def _failed_to_connect(error: Exception) -> bool:
    """Compare names, not classes: the client's transport is httpx or httpx2, and each has its own."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def _numbers(embedding: object) -> Sequence[float]:
    if isinstance(embedding, str):
        row: Sequence[float] = np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").tolist()
        return row
    if not isinstance(embedding, list):
        raise TypeError(f"an embedding is {type(embedding).__name__}")
    return embedding
