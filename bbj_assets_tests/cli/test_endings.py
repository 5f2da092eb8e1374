"""However `bbj-ingest-all` ends, nothing of it is left over, and what it stored is whole."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bbj_assets_tests.cli.conftest import Desk

INGEST = "bbj-ingest-all"
PAGES = 100


@pytest.mark.parametrize(
    ("ending", "code"),
    [(None, 0), (signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)],
    ids=["by itself", "SIGINT", "SIGTERM", "SIGKILL"],
)
def test_no_process_and_no_shared_memory_outlives_it(desk: Desk, ending: signal.Signals | None, code: int) -> None:
    for number in range(PAGES):
        desk.write(f"guide/{number}.md", f"# Page {number}\n\n" + f"Sentence {number} about grids. " * 100)
    desk.environment |= {"BBJ_ASSETS_PARSE_WORKERS": "2"}
    before = forgotten_memory()
    process = desk.start(INGEST, "--sequential")
    started = parsers(process)
    if ending is not None:
        process.send_signal(ending)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == code, errors
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert not lasting(lambda: forgotten_memory() - before)
    if ending in (signal.SIGINT, signal.SIGTERM):
        [left] = re.findall(r"^Left: (\d+) files to read, 1 sources to begin with \(notes\)", output, re.MULTILINE)
        assert desk.query("SELECT count(*) FROM documents") == [(PAGES + 2 - int(left),)]
        assert "`bbj-ingest-all --resume` does the rest" in output
        assert "Traceback" not in output + errors

    resumed = desk.call(INGEST, "--resume")

    assert resumed.exit_code == 0, resumed.output
    assert len(desk.rows()["documents"]) == PAGES + 3
    assert desk.query("SELECT count(*) FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL") == [
        (0,)
    ]


def parsers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Its parsers, as soon as there are both."""
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


def lasting(look: Callable[[], set[str]]) -> set[str]:
    """What is there at every look for two seconds: other programs make theirs a moment before they use it."""
    left = look()
    end = time.monotonic() + 2
    while left and time.monotonic() < end:
        time.sleep(0.1)
        left &= look()
    return left


def forgotten_memory() -> set[str]:
    """What Python programs have left in shared memory, so that no process uses it; PostgreSQL has its own there."""
    folder = Path("/dev/shm")  # noqa: S108 - read only
    left = {path.name for path in folder.iterdir() if path.name.startswith(("psm_", "sem."))}
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):  # a process that has just ended
            used = maps.read_text(errors="replace")
            left = {name for name in left if f"{folder}/{name}" not in used}
    return left
