"""How long to wait before a server, of models or of pages, is asked again."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_DELAY = 60.0
"""Seconds."""
_JITTER = 0.25


def retry_delay(attempt: int, initial_delay: float, asked: float | None) -> float:
    """The first wait, then twice that, and so on, with jitter; never sooner than the server asked (Retry-After).

    The longer of the two, because `Retry-After: 0` would use up all retries at once. Neither is longer than
    `MAX_DELAY`: whoever asks for more is left to the retry policy of the whole run.

    Args:
        attempt: how often it was tried, from 1.
    """
    jitter = random.uniform(1, 1 + _JITTER)  # noqa: S311 - workers that failed together should not return together
    return min(max(initial_delay * 2.0 ** (attempt - 1) * jitter, asked or 0.0), MAX_DELAY)


def parse_retry_after(retry_after: str | None) -> float | None:
    """Retry-After in seconds; it is either a number of them or a date (RFC 9110, section 10.2.3)."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    # The RFC has whole seconds only; OpenAI and its like also send fractions.
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter of numbers beyond those of C
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
