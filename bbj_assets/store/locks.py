"""Advisory locks: who may write what at a time.

They belong to a session, so a killed process leaves none behind.
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
"""Held by a command that ingests all, for as long as it runs."""

_SOURCE_LOCKS = 0x62626A
_EMBEDDING_LOCKS = 0x62626B

_NO_TIMEOUTS = b"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock.

    Attributes:
        name: as it called itself; None if this user may not know, or it has just gone.
        since: when it came.
    """

    name: str | None
    since: datetime | None


@contextmanager
def ingest_lock(conn: Connection, name: str, on_wait: Callable[[Holder], None]) -> Iterator[None]:
    """Hold the lock under which everything is ingested; a second one waits here, told who is at it.

    A restart of the server frees it while its holder goes on. So the holder has to see to it, between two sources, that
    it still has it; until then only the lock of each source keeps two apart.

    Args:
        conn: in autocommit mode, for nothing else.
        name: what others are told, at most 63 bytes.
    """
    conn.execute("SELECT set_config('application_name', %s, false)", [name])
    if not _value(conn, "SELECT pg_try_advisory_lock(%s)", [INGEST_LOCK]):
        on_wait(_holder(conn, INGEST_LOCK))
        _wait(conn, "SELECT pg_advisory_lock(%s)", [INGEST_LOCK])
    yield  # the lock goes with its connection


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
    """Hold the one lock under which a source's documents change.

    A second run over the same source waits here (after `on_wait` is called once), then finds nothing left to do.
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
    """Take the one lock under which a source's texts get their vectors of a model; it goes with its session.

    A second run waits here (after `on_wait` is called once), then finds nothing left to do.
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
    """Hold the lock under which the vector index is built, dropped or cleaned."""
    _wait(conn, "SELECT pg_advisory_lock(%s)", [INDEX_LOCK])
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", [INDEX_LOCK])


def _wait(conn: Connection, query: str, parameters: list[int]) -> None:
    """Wait for a lock as long as it takes: that another run is long is no fault, whatever time-outs the role has."""
    with conn.transaction():
        conn.execute(_NO_TIMEOUTS)
        conn.execute(query.encode(), parameters)


def _number(name: str) -> int:
    """For a key of two numbers; two names that share one wait for each other without need."""
    return zlib.crc32(name.encode()) - 2**31


def _value(conn: Connection, query: str, parameters: list[int]) -> object:
    row = conn.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None
