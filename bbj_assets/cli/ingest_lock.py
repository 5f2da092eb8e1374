"""One `bbj-ingest-all` at a time over an index, from whatever machine; the next one waits, and says for whom.

The turn is a lock of a database session, so a killed command holds up nobody. But a restart of the database ends the
session, too, while its command goes on: whoever waits gets the turn then, and the first has to wait for it in turn.
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


class Turn:
    """The turn of this command, for the length of a `with`; may be asked for from several threads."""

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._url = url
        self._say = say
        self._taking = threading.Lock()
        self._conn: Connection | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        self.take(self._say)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def take(self, on_outage: Callable[[str], None]) -> None:
        """Have the turn: at once if it was not lost, else after all who got it meanwhile.

        Args:
            on_outage: told why it is tried again when the database fails; what it raises ends the wait.

        Raises:
            DatabaseError: the database failed and trying again did not help.
        """
        with self._taking:
            if not self._is_held():
                self._held.close()
                retry_outages(self._wait, 1.0, on_outage)

    def give_up(self) -> None:
        """End the wait of another thread."""
        if self._conn is not None:
            self._conn.cancel_safe(timeout=CANCEL_SECONDS)

    def _is_held(self) -> bool:
        if self._conn is None or self._conn.closed:
            return False
        try:
            self._conn.execute("SELECT")  # that a session has ended shows when it is used
        except psycopg.OperationalError:
            return False
        return True

    def _wait(self) -> None:
        name = f"bbj-ingest-all, process {os.getpid()} on {socket.gethostname()}"
        with explaining("see whether another ingest is running", self._url), ExitStack() as stack:
            self._conn = stack.enter_context(connect(self._url))
            stack.enter_context(
                ingest_lock(self._conn, name.encode()[:63].decode(errors="ignore"), self._say_who_is_at_it)
            )
            self._held = stack.pop_all()

    def _say_who_is_at_it(self, holder: Holder) -> None:
        since = f" since {holder.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if holder.since else ""
        self._say(
            f"Another ingest is running: {holder.name or 'of another user'}{since}. Waiting for its end; Ctrl-C gives "
            "up."
        )
