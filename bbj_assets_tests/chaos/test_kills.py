"""`bbj-ingest-all` and PostgreSQL are killed at random moments: nothing is lost, mixed or embedded twice.

BBJ_ASSETS_CHAOS_SEED repeats a history that went wrong; BBJ_ASSETS_CHAOS_KILLS makes the soak test longer. They are
read when this module is imported, because no test sees the developer's environment.
"""

import os
import random
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

import psutil
import pytest

from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.migrate import migrate
from bbj_assets_tests.chaos.observers import ConcurrentReader, EmbeddingLedger, stored_rows
from bbj_assets_tests.chaos.random_pages import RandomPages
from bbj_assets_tests.cli.processes import wait_until
from bbj_assets_tests.cli.project import MarkdownProject
from bbj_assets_tests.databases import of_database

INGEST = "bbj-ingest-all"
SEED = int(os.environ["BBJ_ASSETS_CHAOS_SEED"]) if "BBJ_ASSETS_CHAOS_SEED" in os.environ else None
SOAK_KILLS = int(os.environ.get("BBJ_ASSETS_CHAOS_KILLS", "30"))
PAGES = 300
WORKERS, BATCH_SIZE = 2, 4
IN_FLIGHT = 2 * WORKERS * BATCH_SIZE
"""The most texts in flight: of each worker, a batch that is asked for, and one that is read and stored."""
WAITS_FOR_RESTART, GIVES_UP_AT_ONCE = "0.3", "0.001"
"""Seconds before the first retry when PostgreSQL is away."""

Fault: TypeAlias = Literal["killed", "both killed", "database restarted", "database stopped"]


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """An embedded server of its own, to be killed; also when the suite runs on another server."""
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
def project(project: MarkdownProject, server: EmbeddedServer) -> MarkdownProject:
    """A project on that server, with one source."""
    project.write_table("manual")
    project.environment |= {
        "BBJ_ASSETS_DATABASE_URL": server.url,
        "BBJ_ASSETS_EMBEDDING_BATCH_SIZE": str(BATCH_SIZE),
        "BBJ_ASSETS_EMBEDDING_WORKERS": str(WORKERS),
    }
    project.ollama.latency = 0.02
    return project


@pytest.mark.parametrize(
    "kills", [pytest.param(5, marks=pytest.mark.long), pytest.param(SOAK_KILLS, marks=pytest.mark.soak)]
)
@pytest.mark.timeout(600)
def test_an_ingest_that_is_killed_at_any_moment_loses_nothing_and_embeds_nothing_twice(
    server: EmbeddedServer, project: MarkdownProject, kills: int, record_property: Callable[[str, object], None]
) -> None:
    seed = SEED if SEED is not None else random.SystemRandom().randrange(10**6)
    record_property("BBJ_ASSETS_CHAOS_SEED", seed)
    chance = random.Random(seed)
    pages = RandomPages(project.folder / "manual", PAGES, seed)
    reader = ConcurrentReader(server.url)
    pending = deque(faults(kills, chance))
    expected_faults = len(pending)
    in_flight = []
    try:
        assert project.call(INGEST).exit_code == 0
        pages.change()
        undisturbed = seconds_undisturbed(project)
        ledger = EmbeddingLedger(server.url, project.ollama)
        for attempt in range(10 * expected_faults):
            if not pending:
                break
            pages.change()
            fault = pending.popleft()
            if fault == "database restarted":
                restart_database(project, server, chance)
            elif fault == "database stopped":
                stop_database(project, server, chance)
            else:
                seconds = chance.uniform(0.3, 1.0) * undisturbed
                if not kill_at_work(project, server, chance, seconds, with_database=fault == "both killed"):
                    undisturbed = min(undisturbed, seconds)  # the machine was busier when it was measured
                    pending.append(fault)
            in_flight.append(ledger.lost())
            most = 0 if fault == "database restarted" else IN_FLIGHT
            assert in_flight[-1] <= most, f"seed {seed}, attempt {attempt}, {fault}: {in_flight[-1]} texts were lost"
        resumed = project.call(INGEST, "--resume")
        assert resumed.exit_code == 0, f"seed {seed}: {resumed.output}"
    finally:
        reader.end()
    again = ledger.asked_again()
    print(
        f"{undisturbed:.1f} s a run, {attempt} attempts, {reader.reads} reads, in flight {in_flight}, "
        f"{again} asked again"
    )
    assert not pending, f"seed {seed}: most runs ended before they were hit"
    assert not reader.errors, f"seed {seed}: {reader.errors[:5]}"
    assert reader.reads > kills
    assert reader.answers > 0
    assert again <= sum(in_flight), f"seed {seed}: more than what was in flight at each kill"
    assert stored_rows(server.url) == rows_of_clean_ingest(server, project), f"seed {seed}"


def faults(kills: int, chance: random.Random) -> list[Fault]:
    """Return the kills, a sixth of them with PostgreSQL, and a few faults of PostgreSQL alone, in random order."""
    both, alone = max(kills // 6, 1), max(kills // 15, 1)
    counts: dict[Fault, int] = {
        "killed": kills - both,
        "both killed": both,
        "database restarted": alone,
        "database stopped": alone,
    }
    shuffled = [fault for fault, count in counts.items() for _ in range(count)]
    chance.shuffle(shuffled)
    return shuffled


def seconds_undisturbed(project: MarkdownProject) -> float:
    """Return how long the command works when it is not killed."""
    process = begin(project)
    started = time.monotonic()
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    return time.monotonic() - started


def kill_at_work(
    project: MarkdownProject, server: EmbeddedServer, chance: random.Random, seconds: float, *, with_database: bool
) -> bool:
    """Kill the command, or it and PostgreSQL, after some seconds of work. Return False if it had ended before."""
    process = begin(project)
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


def restart_database(project: MarkdownProject, server: EmbeddedServer, chance: random.Random) -> None:
    """Kill PostgreSQL while texts are embedded and start it again: the command waits for it and succeeds."""
    before = len(project.ollama.requests)
    process = begin(project, retry_seconds=WAITS_FOR_RESTART)
    wait_until(lambda: len(project.ollama.requests) > before + 1, process)  # the first one is the validation's
    time.sleep(chance.uniform(0.0, 0.2))
    kill_database(server, chance)
    time.sleep(chance.uniform(0.0, 1.0))
    assert process.poll() is None, "it waits for PostgreSQL"
    server.keep()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, output + errors


def stop_database(project: MarkdownProject, server: EmbeddedServer, chance: random.Random) -> None:
    """Kill PostgreSQL before anything is stored and keep it down: the command reports that and fails."""
    process = begin(project)
    kill_database(server, chance)
    output, errors = process.communicate(timeout=60)
    server.keep()
    assert process.returncode == 1, output + errors
    assert "PostgreSQL at " in output + errors
    assert "Traceback" not in output + errors


def begin(project: MarkdownProject, retry_seconds: str = GIVES_UP_AT_ONCE) -> subprocess.Popen[str]:
    """Start the command, and return it when it begins its work."""
    project.environment["BBJ_ASSETS_EMBEDDING_RETRY_SECONDS"] = retry_seconds
    process = project.start(INGEST)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Validation OK")
    return process


def kill_database(server: EmbeddedServer, chance: random.Random) -> None:
    """Stop PostgreSQL as a crash does: all its processes at once, or its postmaster alone."""
    pid = int((server._data / "postmaster.pid").read_text().split("\n", 1)[0])
    postmaster = psutil.Process(pid)
    children = postmaster.children(recursive=True)
    os.kill(pid, chance.choice([signal.SIGKILL, signal.SIGQUIT]))
    psutil.wait_procs([postmaster, *children], timeout=20)


def rows_of_clean_ingest(server: EmbeddedServer, project: MarkdownProject) -> dict[str, list[tuple[object, ...]]]:
    with connect(server.url) as conn:
        conn.execute("CREATE DATABASE clean")
    url = of_database(server.url, "clean")
    with connect(url) as conn:
        migrate(conn)
    project.environment["BBJ_ASSETS_DATABASE_URL"] = url
    assert project.call(INGEST).exit_code == 0
    return stored_rows(url)
