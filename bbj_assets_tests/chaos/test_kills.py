"""The real `bbj-ingest-all` is killed with SIGKILL at random moments, PostgreSQL too: nothing lost, torn or done twice.

BBJ_ASSETS_CHAOS_SEED repeats a life that went wrong; BBJ_ASSETS_CHAOS_KILLS makes it longer.
"""

import os
import random
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.migrate import migrate
from bbj_assets_tests.chaos.guide import Guide
from bbj_assets_tests.chaos.witnesses import Ledger, Reader, rows
from bbj_assets_tests.cli.conftest import Desk
from bbj_assets_tests.cli.test_resume import wait_until
from bbj_assets_tests.conftest import _of_database

INGEST = "bbj-ingest-all"
KILLS = int(os.environ.get("BBJ_ASSETS_CHAOS_KILLS", "30"))
PAGES = 300
WORKERS, BATCH_SIZE = 2, 4
IN_FLIGHT = 2 * WORKERS * BATCH_SIZE
"""The most texts that may be in flight: of each worker, a batch that is asked for, and one that is read and stored."""
PATIENT, IMPATIENT = "0.3", "0.001"
"""Seconds of the first wait for a database that is away: long enough for a restart, and as good as none."""


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with TemporaryDirectory(prefix="bbj-assets-chaos-") as home:
        server = EmbeddedServer(Path(home))
        with connect(server.keep()) as conn:
            conn.execute("ALTER SYSTEM SET fsync = off")  # its data need not survive the machine, only a kill
            conn.execute("SELECT pg_reload_conf()")
            migrate(conn)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def desk(desk: Desk, server: EmbeddedServer) -> Desk:
    """On that server, with a folder of its own as its only source."""
    desk.sources("manual")
    desk.environment |= {
        "BBJ_ASSETS_DATABASE_URL": server.url,
        "BBJ_ASSETS_EMBEDDING_BATCH_SIZE": str(BATCH_SIZE),
        "BBJ_ASSETS_EMBEDDING_WORKERS": str(WORKERS),
    }
    desk.ollama.latency = 0.02
    return desk


@pytest.mark.timeout(600)
def test_an_ingest_that_is_killed_at_any_moment_loses_nothing_and_does_nothing_twice(
    server: EmbeddedServer, desk: Desk
) -> None:
    seed = int(os.environ.get("BBJ_ASSETS_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"BBJ_ASSETS_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    guide = Guide(desk.folder / "manual", PAGES, seed)
    reader = Reader(server.url)
    fates = ["killed"] * (KILLS - KILLS // 6) + ["both killed"] * (KILLS // 6) + ["restarted"] * 2 + ["stopped"] * 2
    chance.shuffle(fates)
    ahead = deque(fates)
    in_flight = []
    try:
        assert desk.call(INGEST).exit_code == 0
        guide.live()
        unharmed = seconds_unharmed(desk)
        ledger = Ledger(server.url, desk.ollama)
        for attempt in range(10 * len(fates)):
            if not ahead:
                break
            guide.live()
            fate = ahead.popleft()
            if fate == "restarted":
                restart_database(desk, server, chance)
            elif fate == "stopped":
                stop_database(desk, server, chance)
            else:
                seconds = chance.uniform(0.3, 1.0) * unharmed
                if not kill_at_work(desk, server, chance, seconds, with_database=fate == "both killed"):
                    unharmed = min(unharmed, seconds)  # others were busy when it was measured
                    ahead.append(fate)
            in_flight.append(ledger.lost())
            most = 0 if fate == "restarted" else IN_FLIGHT
            assert in_flight[-1] <= most, f"seed {seed}, attempt {attempt}, {fate}: {in_flight[-1]} texts were lost"
        resumed = desk.call(INGEST, "--resume")
        assert resumed.exit_code == 0, f"seed {seed}: {resumed.output}"
    finally:
        reader.end()
    again = ledger.asked_again()
    print(
        f"{unharmed:.1f} s a run, {attempt} attempts, {reader.looks} looks, in flight {in_flight}, {again} asked again"
    )
    assert not ahead, f"seed {seed}: most runs ended before they were hit"
    assert not reader.complaints, f"seed {seed}: {reader.complaints[:5]}"
    assert reader.looks > KILLS
    assert reader.answers > 0
    assert again <= sum(in_flight), f"seed {seed}: more than what was in flight at each kill"
    assert rows(server.url) == clean_rows(server, desk), f"seed {seed}"


def seconds_unharmed(desk: Desk) -> float:
    """How long the command is at work when nobody kills it."""
    process = begin(desk)
    started = time.monotonic()
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    return time.monotonic() - started


def kill_at_work(
    desk: Desk, server: EmbeddedServer, chance: random.Random, seconds: float, *, with_database: bool
) -> bool:
    """Kill the command so long after it began its work, or it and PostgreSQL; gives whether it was still at it."""
    process = begin(desk)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        if with_database:
            kill_database(server, chance)
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, "a parser outlived its parent"
        server.keep()
        return True
    process.communicate()
    return False


def restart_database(desk: Desk, server: EmbeddedServer, chance: random.Random) -> None:
    """Stop PostgreSQL hard while texts are embedded, and start it again: the command waits for it, and all is well."""
    before = len(desk.ollama.requests)
    process = begin(desk, patience=PATIENT)
    wait_until(lambda: len(desk.ollama.requests) > before + 1, process)  # the first one is the validation's
    time.sleep(chance.uniform(0.0, 0.2))
    kill_database(server, chance)
    time.sleep(chance.uniform(0.0, 1.0))
    assert process.poll() is None, "it is still at it"
    server.keep()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, output + errors


def stop_database(desk: Desk, server: EmbeddedServer, chance: random.Random) -> None:
    """Stop PostgreSQL hard before anything is stored, for longer than anybody waits for it: the command says so."""
    process = begin(desk)
    kill_database(server, chance)
    output, errors = process.communicate(timeout=60)
    server.keep()
    assert process.returncode == 1, output + errors
    assert "PostgreSQL at " in output + errors
    assert "Traceback" not in output + errors


def begin(desk: Desk, patience: str = IMPATIENT) -> subprocess.Popen[str]:
    """The command, from the moment on at which it begins its work."""
    desk.environment["BBJ_ASSETS_EMBEDDING_RETRY_SECONDS"] = patience
    process = desk.start(INGEST)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Validation OK")
    return process


def kill_database(server: EmbeddedServer, chance: random.Random) -> None:
    """Stop PostgreSQL as a crash does: the whole of it at once, or its postmaster alone."""
    pid = int((server._data / "postmaster.pid").read_text().split("\n", 1)[0])
    postmaster = psutil.Process(pid)
    children = postmaster.children(recursive=True)
    os.kill(pid, chance.choice([signal.SIGKILL, signal.SIGQUIT]))
    psutil.wait_procs([postmaster, *children], timeout=20)


def clean_rows(server: EmbeddedServer, desk: Desk) -> dict[str, list[tuple[object, ...]]]:
    with connect(server.url) as conn:
        conn.execute("CREATE DATABASE clean")
    url = _of_database(server.url, "clean")
    with connect(url) as conn:
        migrate(conn)
    desk.environment["BBJ_ASSETS_DATABASE_URL"] = url
    assert desk.call(INGEST).exit_code == 0
    return rows(url)
