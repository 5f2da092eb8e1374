"""Advisory locks: they keep two runs from writing the same thing at once.

A lock belongs to a session of PostgreSQL, so a killed process leaves none behind.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bbj_assets.store.connection import AsyncConnection, Connection

SCHEMA_LOCK = 0x62626A00
"""Held while the schema is migrated."""

INDEX_LOCK = 0x62626A01
"""Held while the vector index is built or orphans are collected."""

INGEST_LOCK = 0x62626A02
"""Held by a command that ingests all sources, as long as it runs."""

_SOURCE_LOCKS = 0x62626A
_EMBEDDING_LOCKS = 0x62626B

_NO_TIMEOUTS = b"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"


@dataclass(frozen=True, slots=True)
class Holder:
    """The session that holds a lock.

    Attributes:
        name: its application name; None if this user may not see it, or if the session has just ended.
        since: when the session began.
    """

    name: str | None
    since: datetime | None


@contextmanager
def ingest_lock(conn: Connection, name: str, on_wait: Callable[[Holder], None]) -> Iterator[None]:
    """Hold the lock of a command that ingests all sources. A second command waits here.

    A restart of the server frees the lock while its holder goes on. So the holder has to check between two sources
    that it still has the lock. Until then only the lock of each source keeps two commands apart.

    Args:
        conn: in autocommit mode, and used for nothing else.
        name: the application name that a waiting command shows, at most 63 bytes.
        on_wait: called once with the holder if the lock is taken.
    """
    conn.execute("SELECT set_config('application_name', %s, false)", [name])
    if not _value(conn, "SELECT pg_try_advisory_lock(%s)", [INGEST_LOCK]):
        on_wait(_holder(conn, INGEST_LOCK))
        _wait(conn, "SELECT pg_advisory_lock(%s)", [INGEST_LOCK])
    yield  # the lock ends with its connection


def _holder(conn: Connection, key: int) -> Holder:
    row = conn.execute(
        """
        SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND objsubid = 1
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """,
        [key],
    ).fetchone()
    return Holder(row[0] or None, row[1]) if row else Holder(None, None)


@contextmanager
def source_lock(conn: Connection, source: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of a source, without which its documents are not changed.

    A second run over the same source calls `on_wait` once and waits here. It then finds nothing left to do.
    """
    key = [_SOURCE_LOCKS, _number(source)]
    if not _value(conn, "SELECT pg_try_advisory_lock(%s, %s)", key):
        on_wait()
        _wait(conn, "SELECT pg_advisory_lock(%s, %s)", key)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s, %s)", key)


async def take_embedding_lock(conn: AsyncConnection, model: str, source: str, on_wait: Callable[[], None]) -> None:
    """Take the lock of a source and a model, without which no vectors are stored. It ends with the session.

    A second run calls `on_wait` once and waits here. It then finds nothing left to do.
    """
    key = [_EMBEDDING_LOCKS, _number(f"{source}\n{model}")]
    row = await (await conn.execute("SELECT pg_try_advisory_lock(%s, %s)", key)).fetchone()
    if row and not row[0]:
        on_wait()
        async with conn.transaction():
            await conn.execute(_NO_TIMEOUTS)
            await conn.execute("SELECT pg_advisory_lock(%s, %s)", key)


@contextmanager
def index_lock(conn: Connection) -> Iterator[None]:
    """Hold the lock of the vector index, without which it is not built, dropped or cleaned."""
    _wait(conn, "SELECT pg_advisory_lock(%s)", [INDEX_LOCK])
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", [INDEX_LOCK])


def _wait(conn: Connection, query: str, parameters: list[int]) -> None:
    """Wait for a lock without the timeouts of the role, because another run may rightly take long."""
    with conn.transaction():
        conn.execute(_NO_TIMEOUTS)
        conn.execute(query.encode(), parameters)


def _number(name: str) -> int:
    """Return a 32-bit hash of a name. Two names with the same hash wait for each other without need."""
    return zlib.crc32(name.encode()) - 2**31


def _value(conn: Connection, query: str, parameters: list[int]) -> object:
    row = conn.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None
