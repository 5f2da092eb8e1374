"""What every embedder behind HTTP shares: the timeout, the proxy rule, and the error for each kind of answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bbj_assets.errors import (
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbedderUnreachable,
    EmbeddingError,
    RateLimited,
    TextRejected,
)
from bbj_assets.loopback import is_loopback
from bbj_assets.retrying import parse_retry_after

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0
"""Long, because the first request may have to load the model from disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServer:
    """One server with one model, and the remedies that its errors name.

    Attributes:
        name: the server's name within a sentence, for example `Ollama` or `the compatible server`.
        url: without a trailing slash.
        model: the model that is asked for.
        if_down: what to do when it cannot be reached.
        if_missing: what to do when it does not have the model.
        if_refused: what to do when it refuses access.
        timeout: seconds from the start of a request to the last byte of its answer.
    """

    name: str
    url: str
    model: str
    if_down: str
    if_missing: str
    if_refused: str
    timeout: float = ANSWER_SECONDS

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it is reached over loopback, where the proxies of the environment must not be used."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @asynccontextmanager
    async def within_timeout(self) -> AsyncIterator[None]:
        """Limit a whole request, including the body of its answer, to `timeout`.

        The timeouts of an HTTP client start again with every byte, so an answer that trickles in would never end.
        They are therefore off, except the one for connecting.

        Raises:
            EmbedderUnavailable: the answer is not complete in time.
        """
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except TimeoutError:
            raise self.timed_out() from None

    @property
    def _subject(self) -> str:
        """Its name and address, as the first words of a sentence."""
        return f"{self.name[0].upper()}{self.name[1:]} at {self.url}"

    def unreachable(self) -> EmbedderUnreachable:
        """Return the error for a server to which no connection could be made."""
        return EmbedderUnreachable(f"Cannot reach {self.name} at {self.url}. {self.if_down}")

    def timed_out(self) -> EmbedderUnavailable:
        """Return the error for an answer that was not complete in time."""
        return EmbedderUnavailable(
            f"{self._subject} did not answer within {self.timeout:g} seconds. It may be loading "
            f"{self.model}, or be overloaded: lower BBJ_ASSETS_EMBEDDING_WORKERS or BBJ_ASSETS_EMBEDDING_BATCH_SIZE."
        )

    def cut_off(self, error: Exception) -> EmbedderUnavailable:
        """Return the error for a connection that ended before the answer was complete."""
        return EmbedderUnavailable(
            f"The connection to {self.name} at {self.url} broke ({type(error).__name__}: {error}). It may have been "
            "restarted, or have run out of memory: see its log."
        )

    def unintelligible(self, error: Exception | None = None) -> EmbedderUnavailable:
        """Return the error for a successful answer that is not a list of vectors."""
        reason = f" ({type(error).__name__})" if error else ""
        return EmbedderUnavailable(
            f"The answer of {self.name} at {self.url} is cut off or no list of vectors{reason}. If this "
            "persists, another program is running at this address."
        )

    def refusal(self, status: int, reason: str, *, retry_after: str | None = None) -> EmbeddingError:
        """Return the error for an answer whose status is not 2xx (RFC 9110). It is the same for all model servers.

        Args:
            status: the HTTP status.
            reason: the server's own words, for the reader of the message. The class never depends on them.
            retry_after: the header of this name.
        """
        answer = f"{status}: {reason.strip()[:300] or 'without a reason'}"
        if status in (429, 503):
            return RateLimited(
                f"{self._subject} asks to wait ({answer}). Lower BBJ_ASSETS_EMBEDDING_WORKERS if this persists.",
                retry_after=parse_retry_after(retry_after),
            )
        # 408 is a timeout. Ollama answers 499 when it had merged this request with one that its client then cancelled.
        if status >= 500 or status in (408, 499):
            return EmbedderUnavailable(f"{self._subject} failed ({answer}). Its log says more.")
        if status in (400, 413, 422):
            return TextRejected(f"{self._subject} refused the text ({answer}).")
        if status == 404:
            return EmbedderMisconfigured(f"{self._subject} has no model {self.model!r} ({answer}). {self.if_missing}")
        if status in (401, 403):
            return EmbedderMisconfigured(f"{self._subject} refused access ({answer}). {self.if_refused}")
        return EmbedderMisconfigured(
            f"{self._subject} does not speak the protocol of embeddings ({answer}). Correct its address."
        )
