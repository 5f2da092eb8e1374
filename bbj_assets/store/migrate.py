"""Migrations of the schema: numbered .sql files, each applied once, under an advisory lock.

The lock keeps two programs that start together from both creating the tables. An older program refuses to write to a
schema that is newer than it.
"""

import re
from importlib import resources

import psycopg

from bbj_assets.errors import DatabaseError
from bbj_assets.store.connection import Connection
from bbj_assets.store.locks import SCHEMA_LOCK

_LEAST_PGVECTOR = (0, 8)


def migrate(conn: Connection) -> None:
    """Bring the schema to this program's version, if it is older.

    The tables are in the first schema of the connection's search path.

    Raises:
        DatabaseError: pgvector is missing or too old, or the schema is newer than this program.
    """
    known = _migrations()
    latest = max(known)
    if _version(conn) == latest:
        return
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
        version = _version(conn)
        if version > latest:
            raise DatabaseError(
                f"The database has schema version {version}, and this program knows {latest}. "
                "Update bbj-assets to the version that last wrote to it."
            )
        _require_pgvector(conn)
        conn.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        for number in sorted(known):
            if number > version:
                conn.execute(known[number])
                conn.execute("INSERT INTO schema_migrations (version) VALUES (%s)", [number])


def _migrations() -> dict[int, bytes]:
    folder = resources.files("bbj_assets.store") / "migrations"
    return {
        int(match[1]): file.read_bytes()
        for file in folder.iterdir()
        if (match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name))
    }


def _version(conn: Connection) -> int:
    # Not to_regclass: in a transaction that has waited for the lock, it still returns what it returned before.
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'schema_migrations' AND relnamespace = %s::regnamespace)",
        [_schema(conn)],
    ).fetchone()
    if row is None or not row[0]:
        return 0
    row = conn.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    return int(row[0]) if row else 0


def _schema(conn: Connection) -> str:
    row = conn.execute("SELECT quote_ident(current_schema())").fetchone()
    if row is None or row[0] is None:
        raise DatabaseError(
            "None of the schemas in the connection's search_path exists. Create one with CREATE SCHEMA, or correct "
            "`options` in BBJ_ASSETS_DATABASE_URL."
        )
    return str(row[0])


def _require_pgvector(conn: Connection) -> None:
    row = conn.execute(
        "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'"
    ).fetchone()
    version = (row[1] or row[0]) if row else None
    if version is None:
        raise DatabaseError("This PostgreSQL has no pgvector. Install pgvector 0.8 or newer on the server.")
    if tuple(int(part) for part in version.split(".")[:2]) < _LEAST_PGVECTOR:
        raise DatabaseError(
            f"This PostgreSQL has pgvector {version}, but 0.8 or newer is needed (iterative index scans). "
            "Update it on the server, then run ALTER EXTENSION vector UPDATE."
        )
    try:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            "The database has no extension `vector`, and this user may not create it. "
            "Let an administrator run: CREATE EXTENSION vector;"
        ) from error
    row = conn.execute(
        "SELECT extnamespace::regnamespace, to_regtype('vector') FROM pg_extension WHERE extname = 'vector'"
    ).fetchone()
    if row is not None and row[1] is None:
        raise DatabaseError(
            f"The extension `vector` is in schema {row[0]}, which is not in the connection's search_path. Add it there "
            f"(options=-csearch_path=...,{row[0]} in BBJ_ASSETS_DATABASE_URL)."
        )
