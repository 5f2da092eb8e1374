"""Outages of the database: which errors of PostgreSQL may pass, their messages with remedies, and retries.

A dropped connection, a restart or a lock of another session may pass, so the work is retried. That is safe, because all
of it is done in transactions that can be repeated. A full disk does not empty itself, so it is not retried. Every other
error of PostgreSQL is a bug of this program, and stays the exception that it is.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from bbj_assets.errors import DatabaseError, DatabaseUnavailable
from bbj_assets.retrying import OnRetry, RetryPolicy, retry, retry_async
from bbj_assets.store.connection import connect, without_password

RETRIES = 4
"""After 1, 2, 4 and 8 seconds. Most restarts take less."""

_Result = TypeVar("_Result")

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
        "If no person cancelled the statement, raise statement_timeout: ALTER ROLE ... SET statement_timeout = 0.",
    ),
    (
        errors.LockNotAvailable,
        DatabaseUnavailable,
        "Another session holds a lock for longer than lock_timeout: pg_locks and pg_stat_activity show which one.",
    ),
    (
        PoolTimeout,
        DatabaseUnavailable,
        "See that the server is up and has room: end other programs that use it, or raise max_connections.",
    ),
    # The base class of errors from outside, with and without a SQLSTATE: restarts, resets, deadlocks, memory.
    (psycopg.OperationalError, DatabaseUnavailable, "See that the server is up; its log says more."),
)


@contextmanager
def explaining(doing: str, url: str) -> Iterator[None]:
    """Return a context that turns PostgreSQL's errors into messages with the action, the server and the remedy.

    Args:
        doing: the action, as in `Cannot {doing}: ...`.

    Raises:
        DatabaseUnavailable: the same may succeed later.
        DatabaseError: the same will fail until a person helps.
    """
    try:
        yield
    except psycopg.Error as error:
        for kind, raised, remedy in _REMEDIES:
            if isinstance(error, kind):
                raise raised(
                    f"Cannot {doing}: PostgreSQL at {without_password(url)} says: {_reason(error, url)}. {remedy} What "
                    "was stored stays, nothing is half-written, and the next run does the rest."
                ) from error
        raise


def retry_outages(
    call: Callable[[], _Result],
    initial_delay: float,
    on_outage: Callable[[str], None] | None = None,
    *,
    retries: int = RETRIES,
) -> _Result:
    """Return what `call` returns, after retries while the database is unavailable.

    Args:
        initial_delay: seconds before the first retry, doubled each time, with jitter.
        on_outage: called before each retry with a message for a person; what it raises ends the retries.

    Raises:
        DatabaseError: the database failed, and the retries did not help.
    """
    return retry(call, _policy(initial_delay, retries), _with_message(on_outage, retries))


async def retry_outages_async(
    call: Callable[[], Awaitable[_Result]],
    initial_delay: float,
    on_outage: Callable[[str], None] | None = None,
    *,
    retries: int = RETRIES,
) -> _Result:
    """Do the same as `retry_outages` with an asynchronous call.

    Raises:
        DatabaseError: the database failed, and the retries did not help.
    """
    return await retry_async(call, _policy(initial_delay, retries), _with_message(on_outage, retries))


def _policy(initial_delay: float, retries: int) -> RetryPolicy:
    return RetryPolicy(retry_on=DatabaseUnavailable, retries=retries, initial_delay=initial_delay)


def _with_message(on_outage: Callable[[str], None] | None, retries: int) -> OnRetry | None:
    if on_outage is None:
        return None
    return lambda attempt, error: on_outage(f"{error} Trying again ({attempt}/{retries}).")


def _reason(error: psycopg.Error, url: str) -> str:
    if isinstance(error, PoolTimeout):  # its message has the seconds, but not the reason
        try:
            connect(url).close()
        except DatabaseError as refused:
            error = refused.__cause__ if isinstance(refused.__cause__, psycopg.Error) else error
    return (error.diag.message_primary or " ".join(str(error).split())).rstrip(".")
