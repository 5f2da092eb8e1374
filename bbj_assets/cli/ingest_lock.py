"""One `bbj-ingest-all` at a time over an index, on all machines. The next one waits, and says which one it waits for.

The lock belongs to a database session, so that a killed command releases it. A restart of the database also ends the
session, while the command goes on: another command that waits gets the lock then, and the first one waits for it.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC
from typing import Self

import psycopg

from bbj_assets.store.connection import CANCEL_SECONDS, Connection, connect
from bbj_assets.store.locks import Holder, ingest_lock
from bbj_assets.store.outages import explaining, retry_outages


class IngestLock:
    """The lock of this command, held for the length of a `with`. It may be used from several threads."""

    def __init__(self, url: str, print_line: Callable[[str], None]) -> None:
        self._url = url
        self._print_line = print_line
        self._acquiring = threading.Lock()
        self._conn: Connection | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self.acquire(self._print_line)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def acquire(self, on_outage: Callable[[str], None]) -> None:
        """Acquire the lock. Returns at once if it is still held, or waits for those who got it meanwhile.

        Args:
            on_outage: called with the reason before each retry after a failure of the database; what it raises ends
                the wait.

        Raises:
            DatabaseError: the database failed, and the retries did not help.
        """
        with self._acquiring:
            if not self._is_held():
                self._held.close()
                retry_outages(self._wait, 1.0, on_outage)

    def cancel_wait(self) -> None:
        """End the wait of another thread."""
        if self._conn is not None:
            self._conn.cancel_safe(timeout=CANCEL_SECONDS)

    def _is_held(self) -> bool:
        if self._conn is None or self._conn.closed:
            return False
        try:
            self._conn.execute("SELECT")  # a session that has ended shows only when it is used
        except psycopg.OperationalError:
            return False
        return True

    def _wait(self) -> None:
        name = f"bbj-ingest-all, process {os.getpid()} on {socket.gethostname()}"
        with explaining("see whether another ingest is running", self._url), ExitStack() as stack:
            self._conn = stack.enter_context(connect(self._url))
            stack.enter_context(ingest_lock(self._conn, name.encode()[:63].decode(errors="ignore"), self._print_holder))
            self._held = stack.pop_all()

    def _print_holder(self, holder: Holder) -> None:
        since = f" since {holder.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if holder.since else ""
        name = holder.name or "of another user"
        self._print_line(f"Another ingest is running: {name}{since}. Waiting for its end; Ctrl-C gives up.")
