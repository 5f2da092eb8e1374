"""What is the same for every embedder behind HTTP: time-outs, proxies, and what an answer's status means."""

import asyncio
import ipaddress
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
from bbj_assets.retrying import parse_retry_after

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0
"""Long, because the first request may have to load the model from disk."""


@dataclass(frozen=True, slots=True)
class ModelServer:
    """Who is asked, and the remedies that belong into its errors.

    Attributes:
        name: as readers know it within a sentence, for example `Ollama` or `the compatible server`.
        url: without a trailing slash.
        if_down: what to do when nobody answers.
        if_missing: what to do when it does not know the model.
        if_refused: what to do when it does not let us in.
        patience: seconds that an answer may take, from the question to its last byte.
    """

    name: str
    url: str
    model: str
    if_down: str
    if_missing: str
    if_refused: str
    patience: float = ANSWER_SECONDS

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, where no proxy of the environment has any business."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Ask it within this: who has no whole answer when the patience ends, gives up.

        The client's own time-outs start anew with every byte, so that an answer that trickles in would be waited for
        without end. They are off, but for the one of connecting.

        Raises:
            EmbedderUnavailable: there is no answer in time.
        """
        try:
            async with asyncio.timeout(self.patience):
                yield
        except TimeoutError:
            raise self.too_slow() from None

    @property
    def _subject(self) -> str:
        """Its name and address, as the first words of a sentence."""
        return f"{self.name[0].upper()}{self.name[1:]} at {self.url}"

    def unreachable(self) -> EmbedderUnreachable:
        """No connection came about."""
        return EmbedderUnreachable(f"Cannot reach {self.name} at {self.url}. {self.if_down}")

    def too_slow(self) -> EmbedderUnavailable:
        """A connection, but no answer in time."""
        return EmbedderUnavailable(
            f"{self._subject} did not answer within {self.patience:g} seconds. It may be loading "
            f"{self.model}, or be overloaded: lower BBJ_ASSETS_EMBEDDING_WORKERS or BBJ_ASSETS_EMBEDDING_BATCH_SIZE."
        )

    def cut_off(self, error: Exception) -> EmbedderUnavailable:
        """The connection ended in the middle of an answer."""
        return EmbedderUnavailable(
            f"The connection to {self.name} at {self.url} broke ({type(error).__name__}: {error}). It may have been "
            "restarted, or have run out of memory: its log says."
        )

    def unintelligible(self, error: Exception | None = None) -> EmbedderUnavailable:
        """An answer that is no list of vectors."""
        reason = f" ({type(error).__name__})" if error else ""
        return EmbedderUnavailable(
            f"The answer of {self.name} at {self.url} is cut off or no list of vectors{reason}. If it stays so, "
            "another program answers at this address."
        )

    def refusal(self, status: int, reason: str, retry_after: str | None = None) -> EmbeddingError:
        """What a status other than 2xx means (RFC 9110), the same for all servers of this kind.

        Args:
            reason: the server's own words, for the reader; never looked into.
            retry_after: the header of this name.
        """
        said = f"{status}: {reason.strip()[:300] or 'without a reason'}"
        if status in (429, 503):
            return RateLimited(
                f"{self._subject} asks to wait ({said}). Lower BBJ_ASSETS_EMBEDDING_WORKERS if it stays so.",
                retry_after=parse_retry_after(retry_after),
            )
        # 408 is a time-out. 499 is what Ollama answers when a request it had merged ours with was given up.
        if status >= 500 or status in (408, 499):
            return EmbedderUnavailable(f"{self._subject} failed ({said}). Its log says more.")
        if status in (400, 413, 422):
            return TextRejected(f"{self._subject} refused the text ({said}).")
        if status == 404:
            return EmbedderMisconfigured(f"{self._subject} has no model {self.model!r} ({said}). {self.if_missing}")
        if status in (401, 403):
            return EmbedderMisconfigured(f"{self._subject} refused access ({said}). {self.if_refused}")
        return EmbedderMisconfigured(
            f"{self._subject} does not speak the protocol of embeddings ({said}). Correct its address."
        )
