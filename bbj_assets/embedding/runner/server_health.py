"""The health of the model server, as the workers of one run see it: a circuit breaker and a retry budget.

When several requests in a row have failed, the server is more likely to be down than the batches are to be bad. Then
all requests stop, and one worker probes: it asks for a vector of a plain sentence at once, and again after 1, 2 and 4
seconds. After an answer all workers go on. Without one the run ends with that error, and the retry policy of the step
takes over. So a server that is down gets the requests that were in flight and four more, from any number of workers.

A server that limits the rate (429, 503) while it serves others is a different matter. A worker whose request was
refused goes on with another batch if the retry budget allows it; every answer adds a quarter of a retry. So it costs
next to nothing when a tenth of the requests are refused, and a server that serves only one request at a time keeps the
other workers waiting instead of being asked over and over. (Finagle and gRPC call this a retry budget.)

When to stop and when to go on is decided in `policy`; this module keeps the counts and stops the workers.
"""

import asyncio
from functools import partial

from bbj_assets.embedding.embedders.embedder import Embedder, checked
from bbj_assets.embedding.runner.policy import MAX_RETRY_BUDGET, ServerState
from bbj_assets.errors import EmbedderUnavailable, EmbeddingError, RateLimited, TextRejected
from bbj_assets.retrying import OnRetry, RetryPolicy, retry_async, retry_delay

PROBE_TEXT = "BBj is a Business BASIC."
"""A text that every model can embed. If a server rejects it too, the server is broken and not the text."""

_EARNED_PER_ANSWER = 0.25


async def probe(embedder: Embedder) -> int:
    """Embed one text to see that the embedder works. Return the dimensions of its vectors.

    Raises:
        EmbeddingError: it does not work. Never TextRejected: a server that rejects this text is itself broken.
    """
    try:
        return int(checked(await embedder.embed([PROBE_TEXT]), [PROBE_TEXT], None).shape[1])
    except TextRejected as error:
        raise EmbedderUnavailable(
            f"The model {embedder.model!r} refuses even the plain sentence {PROBE_TEXT!r}, so the server is broken and "
            f"no text is to blame: {error} Its log says more."
        ) from error


class ServerHealth:
    """Counts answers and failures, and stops the workers of one event loop while the server is in doubt."""

    def __init__(self, embedder: Embedder, workers: int, retry_policy: RetryPolicy) -> None:
        self._embedder = embedder
        self._workers = workers
        self._retry_policy = retry_policy
        self._served = 0
        self._failures_in_a_row = 0
        self._retry_budget = MAX_RETRY_BUDGET
        self._is_open = asyncio.Event()
        self._is_open.set()

    def state(self, waiting: int) -> ServerState:
        """Return the state for the policy.

        Args:
            waiting: the number of sub-batches that wait for their retry.
        """
        return ServerState(
            workers=self._workers,
            served=self._served,
            failures_in_a_row=self._failures_in_a_row,
            retry_budget=self._retry_budget,
            waiting=waiting,
        )

    def count_answer(self) -> None:
        """Count a request that was answered with vectors."""
        self._served += 1
        self._failures_in_a_row = 0
        self._retry_budget = min(self._retry_budget + _EARNED_PER_ANSWER, MAX_RETRY_BUDGET)

    def count_failure(self) -> None:
        """Count a request that failed with a transient error."""
        self._failures_in_a_row += 1

    def spend_retry(self) -> None:
        """Take one retry off the budget."""
        self._retry_budget -= 1

    async def wait_until_open(self) -> None:
        """Wait while another worker probes the server."""
        await self._is_open.wait()

    async def probe(self) -> None:
        """Probe the server, with retries, while the other workers go on.

        Raises:
            EmbeddingError: the server did not answer.
        """
        await retry_async(partial(probe, self._embedder), self._retry_policy)

    async def prove(self, error: EmbeddingError, on_retry: OnRetry) -> None:
        """Stop all workers until the server has proved to be healthy.

        Several workers may call this at once: the first one probes, the others wait.

        Args:
            error: what casts doubt on the server. If it is a rate limit, the first probe is delayed.
            on_retry: called before each retry of the probe.

        Raises:
            EmbeddingError: the server did not answer. Then the workers stay stopped.
        """
        if not self._is_open.is_set():
            await self._is_open.wait()
            return
        self._is_open.clear()
        if isinstance(error, RateLimited):
            await asyncio.sleep(retry_delay(1, self._retry_policy.initial_delay, error.retry_after))
        await retry_async(partial(probe, self._embedder), self._retry_policy, on_retry)
        self._failures_in_a_row = 0
        self._is_open.set()
