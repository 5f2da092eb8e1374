"""However `bbj-ingest-all` ends, it leaves no process and no memory behind, and every stored document is whole."""

import re
import signal
import subprocess
import time
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from bbj_assets.defs.run_errors import was_stopped
from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.locks import index_lock
from bbj_assets_tests.cli.processes import wait_until
from bbj_assets_tests.cli.project import MarkdownProject

INGEST = "bbj-ingest-all"
PAGES = 100
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - read only


@pytest.mark.parametrize(
    ("ending", "code"),
    [(None, 0), (signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)],
    ids=["by itself", "SIGINT", "SIGTERM", "SIGKILL"],
)
def test_no_process_and_no_shared_memory_outlives_an_ingest(
    project: MarkdownProject, ending: signal.Signals | None, code: int
) -> None:
    for number in range(PAGES):
        project.write(f"guide/{number}.md", f"# Page {number}\n\n" + f"Sentence {number} about grids. " * 100)
    project.environment |= {"BBJ_ASSETS_PARSE_WORKERS": "2"}
    process = project.start(INGEST, "--sequential")
    started = wait_for_parsers(process)
    shared = shared_memory_names([psutil.Process(process.pid), *started])
    if ending is not None:
        process.send_signal(ending)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == code, errors
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert not [name for name in shared if (SHARED_MEMORY / name).exists()]
    if ending in (signal.SIGINT, signal.SIGTERM):
        [left] = re.findall(r"^Left: .*1 sources to begin with \(notes\)", output, re.MULTILINE)
        files = re.search(r"(\d+) files to read", left)  # on a busy machine they may all have been read by then
        assert project.query("SELECT count(*) FROM documents") == [(PAGES + 2 - int(files[1] if files else 0),)]
        assert "`bbj-ingest-all --resume` does the rest" in output
        assert "Traceback" not in output + errors

    resumed = project.call(INGEST, "--resume")

    assert resumed.exit_code == 0, resumed.output
    assert len(project.rows()["documents"]) == PAGES + 3
    assert project.query(
        "SELECT count(*) FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL"
    ) == [(0,)]


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]],
    ids=["SIGINT", "SIGTERM", "SIGINT twice"],
)
def test_an_interruption_cancels_the_build_of_the_search_index(
    project: MarkdownProject, signals: list[signal.Signals]
) -> None:
    waits_for_index = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
    waits_for_index += "(SELECT oid FROM pg_database WHERE datname = current_database())"
    with connect(project.url) as other, index_lock(other):  # as during a build of minutes
        process = project.start(INGEST)
        wait_until(lambda: project.query(waits_for_index) == [(1,)], process)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.05)
        output, errors = process.communicate(timeout=30)

        assert project.query(waits_for_index) == [(0,)], "its statement is cancelled"
    assert process.returncode == 130, output + errors
    assert "Interrupted. What was done is stored" in output + errors
    assert "Error" not in output + errors
    assert "error ignored" not in errors
    if len(signals) == 1:
        assert re.search(r"^search index .* stopped *$", output, re.MULTILINE)
        assert "to begin with" not in output
        with DagsterInstance.from_config(str(project.home / "dagster")) as instance:
            [failed] = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
            events = [entry.dagster_event for entry in instance.all_logs(failed.run_id) if entry.dagster_event]
            assert was_stopped(events), "an interruption alerts no one"
    resumed = project.call(INGEST, "--resume")
    assert resumed.exit_code == 0, resumed.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([INGEST], "Interrupted. What was done is stored."),
        (
            ["bbj-assets", "models", "add", "nomic-embed-text"],
            "Interrupted. What was embedded is stored; adding the model again does the rest.",
        ),
    ],
    ids=["ingest", "models add"],
)
def test_an_interruption_before_the_runs_leaves_no_embedded_database(
    project: MarkdownProject, command: list[str], message: str, number: signal.Signals
) -> None:
    del project.environment["BBJ_ASSETS_DATABASE_URL"]
    project.ollama.latency = 30.0  # as of a model that is loaded
    process = project.start(*command)
    wait_until(lambda: bool(project.ollama.requests), process)
    server = EmbeddedServer(project.home)
    assert server.running
    try:
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)

        assert process.returncode == 130, output + errors
        assert errors.endswith(f"{message}\n")
        assert "Traceback" not in output + errors
        assert not server.running
    finally:
        server.stop()


def wait_for_parsers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait for both parsers of an ingest, and return them."""
    found: list[psutil.Process] = []
    while len(found) < 2:
        assert process.poll() is None, process.communicate()
        found = [child for child in psutil.Process(process.pid).children(recursive=True) if is_parser(child)]
    return found


def is_parser(process: psutil.Process) -> bool:
    try:
        return "ingest.workers" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def shared_memory_names(processes: list[psutil.Process]) -> set[str]:
    """Return the names of their shared memory, which outlives a process that does not unlink it."""
    names = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            paths = [Path(area.path.removesuffix(" (deleted)")) for area in process.memory_maps()]
            names |= {path.name for path in paths if path.parent == SHARED_MEMORY}
    return names


def test_shared_memory_of_a_process_is_found() -> None:
    memory = SharedMemory(create=True, size=1)
    try:
        assert memory.name in shared_memory_names([psutil.Process()])
    finally:
        memory.close()
        memory.unlink()
