"""The faults of PostgreSQL: how each is injected into a run, and what the user then sees."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from psycopg import sql

from bbj_assets.store.connection import Connection
from bbj_assets.store.outages import RETRIES

ROLE = "visitor"
"""Who runs: no superuser, because those are never refused a connection."""


@dataclass(frozen=True)
class Fault:
    """`inject` is given a superuser's connection and the table that is written to, and lasts for its `with`.

    Attributes:
        under_way: whether something was stored before it strikes.
        says: what the user sees of it: PostgreSQL's reason, and the remedy.
        tries: how often an ingest tries again before it gives up; all of them where that may help.
    """

    inject: Callable[[Connection, str], AbstractContextManager[None]]
    says: str
    tries: int = RETRIES
    under_way: bool = True

    @property
    def passes(self) -> bool:
        return self.tries == RETRIES


@contextmanager
def raising(conn: Connection, table: str, statement: str) -> Iterator[None]:
    """Whoever writes to the table meets this statement of PL/pgSQL first."""
    conn.execute(f"CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {statement}; END'".encode())
    conn.execute(f"CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION strike()".encode())
    yield
    conn.execute("DROP FUNCTION strike CASCADE")


def failing(code: str, words: str) -> Callable[[Connection, str], AbstractContextManager[None]]:
    """PostgreSQL's own error of this SQLSTATE."""
    return lambda conn, table: raising(conn, table, f"RAISE EXCEPTION ''{words}'' USING ERRCODE = ''{code}''")


@contextmanager
def configured(conn: Connection, name: str, value: str) -> Iterator[None]:
    """A setting of the role, for the connections that it opens from now on; those that are open end."""
    conn.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(ROLE), sql.Identifier(name), value))
    end_sessions(conn)
    yield
    conn.execute(sql.SQL("ALTER ROLE {} RESET {}").format(sql.Identifier(ROLE), sql.Identifier(name)))
    end_sessions(conn)


@contextmanager
def taking_too_long(conn: Connection, table: str) -> Iterator[None]:
    with configured(conn, "statement_timeout", "200ms"), raising(conn, table, "PERFORM pg_sleep(60)"):
        yield


@contextmanager
def locked_by_others(conn: Connection, table: str) -> Iterator[None]:
    with configured(conn, "lock_timeout", "100ms"), conn.transaction():
        conn.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield


@contextmanager
def dropped(conn: Connection, table: str) -> Iterator[None]:
    """Every connection, whenever it writes."""
    with raising(conn, table, "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)"):
        end_sessions(conn)
        yield


@contextmanager
def full_of_clients(conn: Connection, _table: str) -> Iterator[None]:
    """No room for one more: with SQLSTATE 53300, as when max_connections is reached."""
    conn.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 1".encode())
    end_sessions(conn, but="%pending%")  # also what a pool has in reserve, but not what holds the reader's list
    yield
    conn.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1".encode())


def end_sessions(conn: Connection, but: str = "") -> None:
    """End the role's sessions, but for those whose last statement was like this."""
    conn.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s AND query NOT LIKE %s",
        [ROLE, but],
    )


FAULTS = {
    "a connection that drops": Fault(dropped, "(connection|data to server).*See that the server is up"),
    "too many clients": Fault(full_of_clients, "too many connections .*raise max_connections", under_way=False),
    "a statement time-out": Fault(taking_too_long, "canceling statement due to .*raise statement_timeout"),
    "a lock time-out": Fault(locked_by_others, "canceling statement due to lock timeout.* pg_locks"),
    "a deadlock": Fault(failing("40P01", "deadlock detected"), "deadlock detected"),
    "no memory": Fault(failing("53200", "out of memory"), "out of memory.* its log says more"),
    "a full disk": Fault(
        failing("53100", "could not extend file: No space left on device"),
        r"No space left on device\. Make room on the server's disk",
        tries=0,
    ),
    "a read-only server": Fault(
        lambda conn, _table: configured(conn, "default_transaction_read_only", "on"),
        "read-only transaction.* It is a standby .*BBJ_ASSETS_DATABASE_URL",
        tries=1,  # for its connections, which end when a server becomes a standby
    ),
}
PASSING = [name for name, fault in FAULTS.items() if fault.passes]


class Striking:
    """Lets a fault begin at the right moment of a run, and end it when it is told to."""

    def __init__(self, fault: Fault, conn: Connection, table: str) -> None:
        self.outages: list[str] = []
        self.heals_when_seen = False
        self._fault = fault
        self._injected = fault.inject(conn, table)
        self._state = "waiting"

    def on_progress(self, done: int, _total: int) -> None:
        if self._state == "waiting" and (done > 0) == self._fault.under_way:
            self._state = "on"
            self._injected.__enter__()

    def on_outage(self, said: object) -> None:
        self.outages.append(str(said))
        if self.heals_when_seen and re.search(self._fault.says, str(said)):
            self.heal()

    def heal(self) -> None:
        if self._state == "on":
            self._state = "over"
            self._injected.__exit__(None, None, None)
