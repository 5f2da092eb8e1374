"""Databases of the tests' own on one server: each is copied from a template and dropped after its test."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

from psycopg import sql

from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.migrate import migrate

Content = Literal["empty", "migrated"]
_CONTENTS: tuple[Content, ...] = ("empty", "migrated")

_HAS_STRATEGY = 150_000
_HAS_BUILTIN_LOCALE = 170_000
"""The versions of PostgreSQL from which on there is a copying strategy, and the collation of the embedded server."""

_numbers = itertools.count(1)


@contextmanager
def database_templates(server_url: str) -> Iterator[None]:
    """Have a template of each content on a server, for `temporary_database`.

    Their names hold the process id, because several test processes may share a server. A leftover of an earlier process
    with the same id is replaced.
    """
    with connect(server_url) as conn:
        for content in _CONTENTS:
            _drop(conn, _template(content))
            statement = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' "
            if conn.info.server_version >= _HAS_BUILTIN_LOCALE:
                statement += "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
            conn.execute(sql.SQL(statement).format(sql.Identifier(_template(content))))
    try:
        with connect(of_database(server_url, _template("migrated"))) as conn:
            migrate(conn)
        yield
    finally:
        with connect(server_url) as conn:
            for content in _CONTENTS:
                _drop(conn, _template(content))


@contextmanager
def temporary_database(server_url: str, content: Content = "migrated") -> Iterator[str]:
    """Create a database, yield its URL, and drop it with everything that is still connected to it."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with connect(server_url) as conn:
        strategy = "STRATEGY file_copy" if conn.info.server_version >= _HAS_STRATEGY else ""
        statement = f"CREATE DATABASE {{}} TEMPLATE {{}} {strategy}"
        conn.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(_template(content))))
    try:
        yield of_database(server_url, name)
    finally:
        with connect(server_url) as conn:
            _drop(conn, name)


def of_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _template(content: Content) -> str:
    return f"template_{content}_{os.getpid()}"


def _drop(conn: Connection, name: str) -> None:
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
