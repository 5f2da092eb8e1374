"""Connections: errors that name the server and never a password."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from bbj_assets.errors import DatabaseError
from bbj_assets.store.connection import Connection, configure, connect, connect_like, without_password


def message(url: str) -> str:
    with pytest.raises(DatabaseError) as caught:
        connect(url)
    return str(caught.value)


def test_an_address_without_a_server_is_an_error_with_the_address_and_the_remedy() -> None:
    text = message("postgresql://bbj:sesame@127.0.0.1:1/index")

    assert "postgresql://bbj@127.0.0.1:1/index" in text
    assert "refused" in text
    assert "BBJ_ASSETS_DATABASE_URL" in text
    assert "sesame" not in text


def test_a_missing_database_is_named(database_url: str) -> None:
    assert '"no_such_index" does not exist' in message(conninfo.make_conninfo(database_url, dbname="no_such_index"))


@pytest.fixture
def guarded_role(embedded_server_url: str) -> Iterator[str]:
    """A role of the test server that needs the password `sesame`."""
    with connect(embedded_server_url) as conn:
        conn.execute("CREATE ROLE guarded LOGIN PASSWORD 'sesame'")
        row = conn.execute("SHOW hba_file").fetchone()
        assert row is not None
        rules = Path(row[0])
        before = rules.read_text()
        rules.write_text("local all guarded scram-sha-256\n" + before)
        conn.execute("SELECT pg_reload_conf()")
        yield "guarded"
        rules.write_text(before)
        conn.execute("SELECT pg_reload_conf()")
        conn.execute("DROP ROLE guarded")


def test_a_wrong_password_is_an_error_without_the_password(embedded_server_url: str, guarded_role: str) -> None:
    wrong = conninfo.make_conninfo(embedded_server_url, user=guarded_role, password="open-barley")  # noqa: S106 - wrong on purpose
    refused = False
    while not refused:  # until the server has read its new rules
        try:
            psycopg.connect(wrong).close()
        except psycopg.OperationalError:
            refused = True

    text = message(wrong)

    assert "guarded" in text
    assert "password authentication failed" in text
    assert "barley" not in text
    right = conninfo.make_conninfo(embedded_server_url, user=guarded_role, password="sesame")  # noqa: S106 - of the test's own role
    with connect(right) as conn, connect_like(conn) as other:
        assert other.execute("SELECT current_user").fetchone() == ("guarded",)


@pytest.mark.parametrize(
    "url",
    [
        "postgres//bbj:open-sesame@127.0.0.1/index",
        "postgresql://bbj:open%ZZsesame@127.0.0.1/index",
        "postgresql://bbj:open/sesame@127.0.0.1/index",
        "postgresql://bbj:123/sesame@127.0.0.1/index",
        "postgresql://bbj:open@sesame@127.0.0.1/index",
        "postgresql://bbj:open sesame@127.0.0.1/index",
        "mysql://bbj:sesame@127.0.0.1/index",
        "open-sesame",
    ],
)
def test_an_url_that_cannot_be_read_is_not_repeated_because_a_password_may_be_anywhere_in_it(url: str) -> None:
    text = message(url)

    assert "BBJ_ASSETS_DATABASE_URL" in text
    assert "postgresql://user:password@host:5432/database" in text
    assert "%40" in text
    assert "sesame" not in text
    assert "sesame" not in without_password(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://bbj:sesame@db.example.com:5433/index", "postgresql://bbj@db.example.com:5433/index"),
        ("postgresql://db.example.com/index?password=sesame", "postgresql://db.example.com/index"),
        ("host=db.example.com user=bbj password=sesame", "postgresql://bbj@db.example.com/"),
        ("postgresql://a%40b:se%40same@db/index", "postgresql://a%40b@db/index"),
        ("postgresql://bbj:sesame@/index?host=/var/run", "postgresql://bbj@/index?host=/var/run"),
        ("postgresql://one,two:5433/index", "postgresql://one,two:,5433/index"),
        ("postgresql://bbj:sesame@[::1]:5432/index", "postgresql://bbj@[::1]:5432/index"),
        ("postgresql:///", "postgresql:///"),
    ],
)
def test_an_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_statement_is_a_transaction_of_its_own(conn: Connection, database_url: str) -> None:
    conn.execute("CREATE TABLE seen (x int)")

    with connect(database_url) as other:
        assert other.execute("SELECT count(*) FROM seen").fetchone() == (0,)


async def _session_of_pool(url: str) -> tuple[object, ...] | None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await configure(conn)
        return await (await conn.execute(_SETTINGS.encode())).fetchone()


_SETTINGS = "SELECT current_setting('idle_session_timeout'), current_setting('synchronous_commit')"


def test_no_session_is_ended_while_it_waits_for_a_parser_or_a_model(conn: Connection, database_url: str) -> None:
    conn.execute(f"ALTER DATABASE {conn.info.dbname} SET idle_session_timeout = '30s'".encode())

    with connect(database_url) as own:
        assert own.execute(_SETTINGS.encode()).fetchone() == ("0", "off")
    assert asyncio.run(_session_of_pool(database_url)) == ("0", "on")


def test_connect_like_opens_the_same_database_and_schema(database_url: str) -> None:
    url = conninfo.make_conninfo(database_url, options="-c search_path=elsewhere")
    query = "SELECT current_database(), current_setting('search_path')"

    with connect(url) as conn, connect_like(conn) as other:
        assert other.execute(query).fetchone() == conn.execute(query).fetchone()
