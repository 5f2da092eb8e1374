"""Asking a model server again after what may heal."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from bbj_assets.errors import TransientEmbeddingError
from bbj_assets.retrying import retry_delay

_T = TypeVar("_T")


async def patiently(
    call: Callable[[], Awaitable[_T]],
    *,
    retries: int,
    initial_delay: float,
    on_retry: Callable[[int, TransientEmbeddingError], None] = lambda _try, _error: None,
) -> _T:
    """What `call` gives, tried again after transient errors; `on_retry` hears of each further try, from 1.

    Raises:
        EmbeddingError: the last transient error, or the first one of another kind.
    """

    def wait(state: RetryCallState) -> float:
        return retry_delay(state.attempt_number, initial_delay, _error_of(state).retry_after)

    attempts = AsyncRetrying(
        retry=retry_if_exception_type(TransientEmbeddingError),
        stop=stop_after_attempt(1 + retries),
        wait=wait,
        before_sleep=lambda state: on_retry(state.attempt_number, _error_of(state)),
        reraise=True,
    )
    return await attempts(call)


def _error_of(state: RetryCallState) -> TransientEmbeddingError:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, TransientEmbeddingError) else TransientEmbeddingError("")
