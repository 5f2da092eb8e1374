"""Connections to the database: how they are opened and set up, and errors that name the remedy."""

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
"""Names neither the URL nor PostgreSQL's reason, because a password may be anywhere in them."""

_IDLE_TIMEOUT_SINCE = 140_000
"""The version of PostgreSQL that introduced idle_session_timeout. Our sessions are idle on purpose while a file is
parsed or a model works. They hold a lock or a list of pending texts, which must not be lost."""


def connect(url: str) -> Connection:
    """Open a connection in autocommit mode.

    Raises:
        DatabaseUnavailable: PostgreSQL cannot be reached or refuses; the message contains no password.
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
    """Return the statements that set up a session.

    If commits do not wait for the disk, a crash of the machine can lose the last documents, but never half of one. The
    next run finds them missing and writes them again. Measured: 2,000 documents in 1.9 s instead of 5.6 s.
    """
    setup = f"SET synchronous_commit = {synchronous_commit}; SET jit = off"
    if conn.info.server_version >= _IDLE_TIMEOUT_SINCE:
        setup += "; SET idle_session_timeout = 0"
    return setup.encode()


def connect_like(conn: Connection) -> Connection:
    """Open another connection to the same database.

    Raises:
        DatabaseUnavailable: the database cannot be reached any more.
    """
    return connect(url_of(conn))


def url_of(conn: Connection) -> str:
    """Return the URL of a connection, also of a lost one. It may contain a password."""
    return conninfo.make_conninfo(conn.info.dsn, password=conn.info.password or None)


async def configure(conn: AsyncConnection) -> None:
    """Set up a connection of an asynchronous pool for storing vectors."""
    # A vector is expensive to compute again, so a crash of the server must not lose it.
    await conn.execute(_session_setup(conn, synchronous_commit="on"))
    register_vector_info(conn, await TypeInfo.fetch(conn, "vector"))


def unreachable(url: str, error: psycopg.Error) -> DatabaseError:
    """Return the error for a connection that cannot be opened.

    A server that is starting, or has too many connections, reports it as text only: libpq has no SQLSTATE for it. So
    every error of a connection counts as one that may pass.
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
    """Return the URL without its password, for messages, logs and metadata."""
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
    """Return the parts of a URL; None if it cannot be read, or if part of a password would be read as an address."""
    try:
        parts = {key: str(value) for key, value in conninfo.conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        return None
    ports = parts.get("port", "").replace(",", "")
    misplaced = "@" in parts.get("host", "") + parts.get("dbname", "") or not (ports == "" or ports.isdecimal())
    return None if misplaced else parts
