"""The faults of PostgreSQL: how each one is injected into a run, and the message that the user sees."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from psycopg import sql

from bbj_assets.store.connection import Connection
from bbj_assets.store.outages import RETRIES

ROLE = "visitor"
"""The role that runs: no superuser, because those are never refused a connection."""


@dataclass(frozen=True)
class Fault:
    """A fault of PostgreSQL.

    Attributes:
        inject: takes a superuser's connection and the table that is written to; the fault lasts as long as the context.
        says: a pattern of the message: PostgreSQL's reason, and the remedy.
        tries: the number of retries of an ingest before it fails; all of them if a retry may help.
        under_way: whether something is stored before the fault begins.
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
    """Run this statement of PL/pgSQL before each INSERT into the table."""
    conn.execute(f"CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {statement}; END'".encode())
    conn.execute(f"CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION strike()".encode())
    yield
    conn.execute("DROP FUNCTION strike CASCADE")


def failing(code: str, words: str) -> Callable[[Connection, str], AbstractContextManager[None]]:
    """Inject PostgreSQL's error with this SQLSTATE."""
    return lambda conn, table: raising(conn, table, f"RAISE EXCEPTION ''{words}'' USING ERRCODE = ''{code}''")


@contextmanager
def configured(conn: Connection, name: str, value: str) -> Iterator[None]:
    """Change a setting of the role, and end its sessions, so that new ones have the setting."""
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
    """Drop every connection when it writes."""
    with raising(conn, table, "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)"):
        end_sessions(conn)
        yield


@contextmanager
def full_of_clients(conn: Connection, _table: str) -> Iterator[None]:
    """Refuse new connections with SQLSTATE 53300, as when max_connections is reached."""
    conn.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 1".encode())
    end_sessions(conn, but="%pending%")  # also idle ones of a pool, but not the one with the list of pending texts
    yield
    conn.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1".encode())


def end_sessions(conn: Connection, but: str = "") -> None:
    """End the role's sessions, except those whose last statement matches `but`."""
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
    """Begins a fault at the right moment of a run, and ends it on `heal`, or when it was seen."""

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

    def on_outage(self, message: object) -> None:
        self.outages.append(str(message))
        if self.heals_when_seen and re.search(self._fault.says, str(message)):
            self.heal()

    def heal(self) -> None:
        if self._state == "on":
            self._state = "over"
            self._injected.__exit__(None, None, None)
