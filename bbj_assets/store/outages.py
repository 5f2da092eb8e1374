"""What PostgreSQL says when it cannot: in words for whoever has to help it, and whether waiting helps.

A connection that drops, a restart, a lock that somebody holds: these pass, so the work is tried again, which is safe
because all of it is done in transactions that can be repeated. A disk that is full does not empty itself. Anything else
that PostgreSQL complains of is a fault of ours, and stays the exception that it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout
from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt

from bbj_assets.errors import DatabaseError, DatabaseUnavailable
from bbj_assets.retrying import retry_delay
from bbj_assets.store.connection import connect, without_password

RETRIES = 4
"""After 1, 2, 4 and 8 seconds: most restarts are over by then."""

_REMEDIES: tuple[tuple[type[psycopg.Error], type[DatabaseError], str], ...] = (
    (errors.DiskFull, DatabaseError, "Make room on the server's disk."),
    (
        errors.ReadOnlySqlTransaction,
        DatabaseError,
        "It is a standby or set to default_transaction_read_only: BBJ_ASSETS_DATABASE_URL must name one that is not.",
    ),
    (
        errors.QueryCanceled,
        DatabaseUnavailable,
        "If nobody cancelled it, raise statement_timeout: ALTER ROLE ... SET statement_timeout = 0.",
    ),
    (
        errors.LockNotAvailable,
        DatabaseUnavailable,
        "Another session holds a lock for longer than lock_timeout: pg_locks and pg_stat_activity say which.",
    ),
    (
        PoolTimeout,
        DatabaseUnavailable,
        "See that the server is up and has room: end other programs that use it, or raise max_connections.",
    ),
    # The root of those that come from outside, with and without a SQLSTATE: restarts, resets, deadlocks, memory.
    (psycopg.OperationalError, DatabaseUnavailable, "See that the server is up; its log says more."),
)


@contextmanager
def explaining(doing: str, url: str) -> Iterator[None]:
    """Have PostgreSQL's own failures told with what was done, where, and the remedy.

    Args:
        doing: what cannot be done then, as in `Cannot ... `.

    Raises:
        DatabaseUnavailable: the same may succeed later.
        DatabaseError: it will not, until somebody helps.
    """
    try:
        yield
    except psycopg.Error as error:
        for kind, told_as, remedy in _REMEDIES:
            if isinstance(error, kind):
                raise told_as(
                    f"Cannot {doing}: PostgreSQL at {without_password(url)} says: {_reason(error, url)}. {remedy} What "
                    "was stored stays, nothing is half-written, and the next run does the rest."
                ) from error
        raise


def patience(
    initial_delay: float, on_retry: Callable[[str], None] = lambda _said: None, retries: int = RETRIES
) -> dict[str, Any]:
    """The arguments of tenacity's `Retrying` or `AsyncRetrying` for work that is worth trying again.

    Args:
        initial_delay: seconds; doubled each time, with jitter.
        on_retry: told before each further try why there is one; what it raises ends the work.
    """

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        on_retry(f"{error} Trying again ({state.attempt_number}/{retries}).")

    return {
        "retry": retry_if_exception_type(DatabaseUnavailable),
        "stop": stop_after_attempt(1 + retries),
        "wait": lambda state: retry_delay(state.attempt_number, initial_delay, None),
        "before_sleep": tell,
        "reraise": True,
    }


def _reason(error: psycopg.Error, url: str) -> str:
    if isinstance(error, PoolTimeout):  # it tells how long it tried, and not why it failed
        try:
            connect(url).close()
        except DatabaseError as refused:
            error = refused.__cause__ if isinstance(refused.__cause__, psycopg.Error) else error
    return (error.diag.message_primary or " ".join(str(error).split())).rstrip(".")
