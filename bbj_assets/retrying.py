"""Retries of failed calls. No other module sets tenacity up.

The class of an error (`errors`) decides whether a call is retried. This module decides when: after an exponential
backoff with jitter, and never sooner than the server asked for (Retry-After).
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    stop_never,
)

MAX_DELAY = 60.0
"""Seconds. If a server asks for a longer delay, the retry policy of the whole run applies."""

_JITTER = 0.25

_Result = TypeVar("_Result")

OnRetry = Callable[[int, BaseException], None]
"""Called before each retry with the number of tries so far and the error. An exception from it ends the retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Which errors of a call are retried, and when.

    Attributes:
        retry_on: the classes of the errors that are retried; every other error is raised at once.
        retries: the maximum number of retries; None for no limit.
        initial_delay: seconds before the first retry, doubled each time, with jitter.
        max_delay: seconds, the longest delay.
        max_retry_after: seconds; a longer Retry-After (an error's `retry_after`) is cut to this.
        max_seconds: seconds after the first try, after which no retry begins; None for no limit.
    """

    retry_on: type[BaseException] | tuple[type[BaseException], ...]
    retries: int | None = None
    initial_delay: float = 1.0
    max_delay: float = MAX_DELAY
    max_retry_after: float = MAX_DELAY
    max_seconds: float | None = None

    def delay(self, attempt: int, error: BaseException | None) -> float:
        """Return the seconds between the try number `attempt` (from 1), which ended with `error`, and the next one."""
        retry_after = getattr(error, "retry_after", None) or 0.0
        return max(
            min(retry_delay(attempt, self.initial_delay, None), self.max_delay), min(retry_after, self.max_retry_after)
        )


def retry(call: Callable[[], _Result], policy: RetryPolicy, on_retry: OnRetry | None = None) -> _Result:
    """Return what `call` returns, after at most the retries that the policy allows.

    Raises:
        BaseException: the last error, or the first one that the policy does not retry.
    """
    return Retrying(**_options(policy, on_retry))(call)


async def retry_async(
    call: Callable[[], Awaitable[_Result]], policy: RetryPolicy, on_retry: OnRetry | None = None
) -> _Result:
    """Do the same as `retry` with an asynchronous call.

    Raises:
        BaseException: the last error, or the first one that the policy does not retry.
    """
    return await AsyncRetrying(**_options(policy, on_retry))(call)


def retry_delay(attempt: int, initial_delay: float, retry_after: float | None) -> float:
    """Return the seconds to wait after a failed try: exponential backoff with jitter, or Retry-After if that is longer.

    The longer of the two, because `Retry-After: 0` would use up all retries at once. Never more than `MAX_DELAY`.

    Args:
        attempt: the number of tries so far, from 1.
        initial_delay: seconds after the first try.
        retry_after: seconds that the server asked for; None if it did not.
    """
    jitter = random.uniform(1, 1 + _JITTER)  # noqa: S311 - so that workers that failed together do not retry together
    return min(max(initial_delay * 2.0 ** (attempt - 1) * jitter, retry_after or 0.0), MAX_DELAY)


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date (RFC 9110, section 10.2.3)."""
    if header is None:
        return None
    text = header.strip()
    # The RFC allows whole seconds only, but OpenAI and compatible servers also send fractions.
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError for numbers beyond those of C
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _options(policy: RetryPolicy, on_retry: OnRetry | None) -> dict[str, Any]:
    def before_sleep(state: RetryCallState) -> None:
        error = _error_of(state)
        if on_retry is not None and error is not None:
            on_retry(state.attempt_number, error)

    stop: Any = stop_never if policy.retries is None else stop_after_attempt(1 + policy.retries)
    if policy.max_seconds is not None:
        stop |= stop_before_delay(policy.max_seconds)
    return {
        "retry": retry_if_exception_type(policy.retry_on),
        "stop": stop,
        "wait": lambda state: policy.delay(state.attempt_number, _error_of(state)),
        "before_sleep": before_sleep,
        "reraise": True,
    }


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
