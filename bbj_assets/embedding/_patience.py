"""How long to wait before a model server is asked again."""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from bbj_assets.errors import TransientEmbeddingError

LONGEST_WAIT = 60.0
_JITTER = 0.25
_T = TypeVar("_T")


async def patiently(
    call: Callable[[], Awaitable[_T]],
    *,
    retries: int,
    first_wait: float,
    on_retry: Callable[[int, TransientEmbeddingError], None] = lambda _try, _error: None,
) -> _T:
    """What `call` gives, tried again after transient errors; `on_retry` hears of each further try, from 1.

    Raises:
        EmbeddingError: the last transient error, or the first one of another kind.
    """

    def wait(state: RetryCallState) -> float:
        return seconds_before_retry(state.attempt_number, first_wait, _error_of(state).retry_after)

    attempts = AsyncRetrying(
        retry=retry_if_exception_type(TransientEmbeddingError),
        stop=stop_after_attempt(1 + retries),
        wait=wait,
        before_sleep=lambda state: on_retry(state.attempt_number, _error_of(state)),
        reraise=True,
    )
    return await attempts(call)


def seconds_before_retry(attempt: int, first_wait: float, asked: float | None) -> float:
    """The first wait, then twice that, and so on, with jitter; never sooner than the server asked (Retry-After).

    The longer of the two, because `Retry-After: 0` would use up all retries at once. Neither is longer than
    `LONGEST_WAIT`: whoever asks for more is left to the retry policy of the whole run.

    Args:
        attempt: how often it was tried, from 1.
    """
    jitter = random.uniform(1, 1 + _JITTER)  # noqa: S311 - workers that failed together should not return together
    return min(max(first_wait * 2.0 ** (attempt - 1) * jitter, asked or 0.0), LONGEST_WAIT)


def _error_of(state: RetryCallState) -> TransientEmbeddingError:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, TransientEmbeddingError) else TransientEmbeddingError("")
