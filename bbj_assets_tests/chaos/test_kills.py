"""Ingests are killed with SIGKILL at random moments, PostgreSQL too, and nothing is lost, torn or done twice.

BBJ_ASSETS_CHAOS_SEED repeats a life that went wrong; BBJ_ASSETS_CHAOS_KILLS makes it longer.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.migrate import migrate
from bbj_assets_tests.chaos.guide import Guide
from bbj_assets_tests.chaos.ingest_once import BATCH_SIZE, WORKERS
from bbj_assets_tests.chaos.witnesses import Ledger, Reader, rows
from bbj_assets_tests.conftest import _of_database
from bbj_assets_tests.fakes.ollama_server import FakeOllama

KILLS = int(os.environ.get("BBJ_ASSETS_CHAOS_KILLS", "30"))
PAGES = 300
IN_FLIGHT = 6 * WORKERS * BATCH_SIZE
"""Texts that may be embedded and not yet stored: two batches with each worker, and twice as many batches as there are
workers before the storer and in it."""


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with TemporaryDirectory(prefix="bbj-assets-chaos-") as home:
        server = EmbeddedServer(Path(home))
        with connect(server.keep()) as conn:
            conn.execute("ALTER SYSTEM SET fsync = off")  # its data need not survive the machine, only a kill
            conn.execute("SELECT pg_reload_conf()")
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with FakeOllama(dimensions=16, latency=0.01) as model_server:
        yield model_server


@pytest.mark.timeout(600)
def test_an_ingest_that_is_killed_at_any_moment_loses_nothing_and_does_nothing_twice(
    server: EmbeddedServer, ollama: FakeOllama, tmp_path: Path
) -> None:
    seed = int(os.environ.get("BBJ_ASSETS_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"BBJ_ASSETS_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    guide = Guide(tmp_path / "guide", PAGES, seed)
    with connect(server.url) as conn:
        migrate(conn)
    reader = Reader(server.url)
    killed = 0
    try:
        assert start_ingest(server.url, guide.folder, ollama).wait(120) == 0
        guide.live()
        started = time.monotonic()
        assert start_ingest(server.url, guide.folder, ollama).wait(120) == 0
        unharmed = time.monotonic() - started
        ledger = Ledger(server.url, ollama)
        for attempt in range(10 * KILLS):
            if killed == KILLS:
                break
            kills_database = attempt % 4 == 3
            guide.live()
            ingest = start_ingest(server.url, guide.folder, ollama)
            started = time.monotonic()
            try:
                ingest.wait(chance.uniform(0.3, 1.0) * unharmed)
                unharmed = min(unharmed, time.monotonic() - started)  # others were busy when it was measured
            except subprocess.TimeoutExpired:
                killed += 1
            if kills_database:
                kill_database(server, chance)
            end(ingest)
            if kills_database:
                server.keep()
            lost = ledger.lost()
            assert lost <= IN_FLIGHT, f"seed {seed}, attempt {attempt}: {lost} texts embedded and not stored"
        last = start_ingest(server.url, guide.folder, ollama)
        assert last.wait(60) == 0, f"seed {seed}"
    finally:
        reader.end()
    print(f"{unharmed:.1f} s a run, {attempt} attempts, {reader.looks} looks, {asked_again(ollama)} texts asked again")
    assert killed == KILLS, f"seed {seed}: most runs ended before they were killed"
    assert not reader.complaints, f"seed {seed}: {reader.complaints[:5]}"
    assert reader.looks > KILLS
    assert reader.answers > 0
    assert asked_again(ollama) <= KILLS * IN_FLIGHT, f"seed {seed}"
    assert rows(server.url) == clean_rows(server, guide.folder, ollama), f"seed {seed}"


def start_ingest(url: str, folder: Path, ollama: FakeOllama) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bbj_assets_tests.chaos.ingest_once", url, str(folder), ollama.url]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)


def end(ingest: subprocess.Popen[bytes]) -> None:
    """Kill it alone, and see that its parsers end by themselves."""
    children = psutil.Process(ingest.pid).children(recursive=True) if ingest.poll() is None else []
    ingest.kill()
    ingest.wait(10)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "a parser outlived its parent"


def kill_database(server: EmbeddedServer, chance: random.Random) -> None:
    """Stop PostgreSQL as a crash does: the whole of it at once, or its postmaster alone."""
    pid = int((server._data / "postmaster.pid").read_text().split("\n", 1)[0])
    postmaster = psutil.Process(pid)
    children = postmaster.children(recursive=True)
    os.kill(pid, chance.choice([signal.SIGKILL, signal.SIGQUIT]))
    psutil.wait_procs([postmaster, *children], timeout=20)


def asked_again(ollama: FakeOllama) -> int:
    """How often a text was embedded that had been embedded before."""
    return sum(count - 1 for text, count in ollama.embedded.items() if "page-" in text)


def clean_rows(server: EmbeddedServer, folder: Path, ollama: FakeOllama) -> dict[str, list[tuple[object, ...]]]:
    with connect(server.url) as conn:
        conn.execute("CREATE DATABASE clean")
    url = _of_database(server.url, "clean")
    with connect(url) as conn:
        migrate(conn)
    assert start_ingest(url, folder, ollama).wait(60) == 0
    return rows(url)
