"""What the workers of a run know together of their model server: a circuit breaker, and a budget for going on.

When several requests in a row have failed, the batches are less likely to be bad than the server to be down. Then
nobody asks for anything, while one worker asks for a vector of a plain sentence: at once, and after 1, 2 and 4
seconds. With an answer all go on; without one the run ends with that error, and its retry policy takes over. So a
server that is down gets the requests that were under way and four more, from however many workers.

A server that asks to wait (429, 503) is a different matter while it serves others. A worker that was turned away goes
on with another batch, if the budget allows: every answer adds a quarter of a request to it. A tenth of the requests
turned away cost next to nothing that way, and a server that serves only one at a time keeps the other workers waiting
instead of being asked over and over. (Finagle and gRPC know this as a retry budget.)
"""

import asyncio
from functools import partial

from bbj_assets.embedding.embedders.embedder import Embedder, checked
from bbj_assets.errors import EmbedderUnavailable, RateLimited, TextRejected, TransientEmbeddingError
from bbj_assets.retrying import OnRetry, RetryPolicy, retry_async, retry_delay

PROBE_TEXT = "BBj is a Business BASIC."
"""A text that every model can embed: it tells a server that is down from a text that is bad."""

_SUSPICIOUS = 3
_LARGEST_BUDGET = 4.0
_EARNED = 0.25


async def probe(embedder: Embedder) -> int:
    """Embed one text, to see that the embedder is there; gives the dimensions of its vectors.

    Raises:
        EmbeddingError: it is not. Never TextRejected: whoever refuses this text is what is wrong.
    """
    try:
        return int(checked(await embedder.embed([PROBE_TEXT]), [PROBE_TEXT], None).shape[1])
    except TextRejected as error:
        raise EmbedderUnavailable(
            f"The model {embedder.model!r} refuses even the plain sentence {PROBE_TEXT!r}, so the server is broken and "
            f"no text is to blame: {error} Its log says more."
        ) from error


class ServerHealth:
    """Shared by the workers of one run, in one event loop.

    Attributes:
        served: how many requests were answered with vectors.
    """

    def __init__(self, embedder: Embedder, workers: int, policy: RetryPolicy) -> None:
        self.served = 0
        self._embedder = embedder
        self._policy = policy
        self._turned_away_all = workers + int(_LARGEST_BUDGET)
        self._budget = _LARGEST_BUDGET
        self._failed_in_a_row = 0
        self._is_well = asyncio.Event()
        self._is_well.set()

    @property
    def is_proved(self) -> bool:
        """Whether the last that was heard of it was an answer."""
        return self.served > 0 and not self._failed_in_a_row

    async def no_doubt(self) -> None:
        """Return when nobody doubts that the server is well."""
        await self._is_well.wait()

    def answered(self) -> None:
        """A request was answered with vectors."""
        self.served += 1
        self._failed_in_a_row = 0
        self._budget = min(self._budget + _EARNED, _LARGEST_BUDGET)

    def makes_doubtful(self, error: TransientEmbeddingError) -> bool:
        """Note a failed request; gives whether there have been so many in a row that the server may be down.

        Of a server that asks to wait this is said when it turned all workers away, and those that went on as well.
        """
        self._failed_in_a_row += 1
        return self._failed_in_a_row >= (self._turned_away_all if isinstance(error, RateLimited) else _SUSPICIOUS)

    def may_go_on(self) -> bool:
        """Whether a worker whose batch failed may ask for another one meanwhile; uses up some of the budget."""
        if self._budget < 1:
            return False
        self._budget -= 1
        return True

    async def prove(self, error: TransientEmbeddingError, on_retry: OnRetry) -> None:
        """Return when the server has proved to be well, after this error; meanwhile nobody asks it for anything else.

        Several may call it at once: one of them asks, the others wait.

        Raises:
            EmbeddingError: what is wrong with it. Then nobody asks any more.
        """
        if not self._is_well.is_set():
            await self._is_well.wait()
            return
        self._is_well.clear()
        if isinstance(error, RateLimited):
            await asyncio.sleep(retry_delay(1, self._policy.initial_delay, error.retry_after))
        await retry_async(partial(probe, self._embedder), self._policy, on_retry)
        self._failed_in_a_row = 0
        self._is_well.set()
