"""One run per source at a time. A killed run leaves no lock behind."""

import threading

import psycopg
import pytest

from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.locks import source_lock


def test_the_second_run_waits_until_the_first_is_done(database_url: str) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with connect(database_url) as own, source_lock(own, "docs", waiting.set):
            order.append("second")

    with connect(database_url) as conn:
        with source_lock(conn, "docs", lambda: order.append("waited")):
            thread = threading.Thread(target=second)
            thread.start()
            assert waiting.wait(60)
            order.append("first")
        thread.join()

    assert order == ["first", "second"]


def test_different_sources_do_not_wait(conn: Connection, database_url: str) -> None:
    waited: list[str] = []
    with (
        connect(database_url) as other,
        source_lock(conn, "docs"),
        source_lock(other, "more", lambda: waited.append("x")),
    ):
        pass

    assert waited == []


def test_the_lock_is_free_after_an_error_and_after_a_lost_connection(database_url: str) -> None:
    waited: list[str] = []
    with connect(database_url) as first, pytest.raises(LookupError), source_lock(first, "docs"):
        raise LookupError
    with connect(database_url) as lost, pytest.raises(psycopg.OperationalError), source_lock(lost, "docs"):
        lost.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with connect(database_url) as conn, source_lock(conn, "docs", lambda: waited.append("x")):
        pass
    assert waited == []
