"""Connections to the database: one way to open them, and errors that tell their reader what to do."""

from typing import Any, Literal, TypeAlias
from urllib.parse import quote

import psycopg
from pgvector.psycopg.vector import register_vector_info
from psycopg import conninfo
from psycopg.types import TypeInfo

from bbj_assets.errors import DatabaseError, DatabaseUnavailable

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
AsyncConnection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

SESSION_OPTIONS: dict[str, Any] = {
    "autocommit": True,  # a transaction is always opened on purpose, with `with conn.transaction()`
    "application_name": "bbj-assets",
    "connect_timeout": 10,
    "keepalives_idle": 30,
}

CANCEL_SECONDS = 2.0
"""How long a request to cancel a statement may take."""

_UNREADABLE = (
    "BBJ_ASSETS_DATABASE_URL cannot be read as a connection URL. Write it as "
    "postgresql://user:password@host:5432/database, with special characters of the password as % and their code: "
    "%40 for @, %2F for /, %3A for :, %25 for %."
)
"""Without the URL and without PostgreSQL's reason, because a password may be anywhere in them."""

_MAY_IDLE_SINCE = 140_000
"""The version of PostgreSQL that brought idle_session_timeout. Sessions of ours idle on purpose: while a file is parsed
or a model works, with a lock or a list of what is to do that must not be lost."""


def connect(url: str) -> Connection:
    """Open a connection in autocommit mode.

    Raises:
        DatabaseUnavailable: PostgreSQL cannot be reached there, or refuses; the message names no password.
        DatabaseError: the URL cannot be read.
    """
    if _parts(url) is None:
        raise DatabaseError(_UNREADABLE)
    try:
        conn = psycopg.connect(url, **SESSION_OPTIONS)
        try:
            conn.execute(_session_setup(conn, synchronous_commit="off"))
        except BaseException:
            conn.close()
            raise
    except psycopg.Error as error:
        raise unreachable(url, error) from error
    return conn


def _session_setup(conn: Connection | AsyncConnection, synchronous_commit: Literal["on", "off"]) -> bytes:
    """How every session of ours is set up.

    When commits do not wait for the disk, a crash of the machine can lose the last documents, never half of one: what
    was lost is not there, so the next run writes it. Measured: 2,000 documents 1.9 s instead of 5.6 s.
    """
    setup = f"SET synchronous_commit = {synchronous_commit}; SET jit = off"
    if conn.info.server_version >= _MAY_IDLE_SINCE:
        setup += "; SET idle_session_timeout = 0"
    return setup.encode()


def connect_like(conn: Connection) -> Connection:
    """Open another connection to the same database.

    Raises:
        DatabaseUnavailable: it cannot be reached any more.
    """
    return connect(url_of(conn))


def url_of(conn: Connection) -> str:
    """What opens another connection to the same database, also when this one is lost; it may hold a password."""
    return conninfo.make_conninfo(conn.info.dsn, password=conn.info.password or None)


async def configure(conn: AsyncConnection) -> None:
    """Give a connection of an asynchronous pool a session for storing vectors, and the vector type."""
    # A vector is expensive to make again: a crash of the server must not lose it.
    await conn.execute(_session_setup(conn, synchronous_commit="on"))
    register_vector_info(conn, await TypeInfo.fetch(conn, "vector"))


def unreachable(url: str, error: psycopg.Error) -> DatabaseError:
    """The error that a reader gets when a connection cannot be opened.

    A server that is starting, or has no room for one more, says so in words only: libpq gives no SQLSTATE for it.
    """
    if _parts(url) is None:
        return DatabaseError(_UNREADABLE)
    reason = " ".join(str(error).split())
    return DatabaseUnavailable(
        f"Cannot connect to PostgreSQL at {without_password(url)}: {reason}. Start the server and check "
        "BBJ_ASSETS_DATABASE_URL, or unset it to use the embedded database; if it has too many connections, end some "
        "or raise max_connections."
    )


def without_password(url: str) -> str:
    """The URL as it may be shown in messages, logs and metadata."""
    parts = _parts(url)
    if parts is None:
        return "an unreadable URL"
    user = f"{quote(str(parts['user']), safe='')}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    host = str(parts.get("host") or "")
    if host.startswith("/"):
        return f"postgresql://{user}/{parts.get('dbname') or ''}?host={host}"
    if ":" in host:  # IPv6
        host = f"[{host}]"
    return f"postgresql://{user}{host}{port}/{parts.get('dbname') or ''}"


def _parts(url: str) -> dict[str, str] | None:
    """What a URL says, or None if it cannot be read, or only in a way that takes part of a password for an address."""
    try:
        parts = {key: str(value) for key, value in conninfo.conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        return None
    ports = parts.get("port", "").replace(",", "")
    misplaced = "@" in parts.get("host", "") + parts.get("dbname", "") or not (ports == "" or ports.isdecimal())
    return None if misplaced else parts
