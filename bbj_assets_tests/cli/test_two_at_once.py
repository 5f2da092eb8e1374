"""Two `bbj-ingest-all` at the same time: the second says for whom it waits, and never interleaves."""

import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from bbj_assets_tests.cli.conftest import Desk
from bbj_assets_tests.cli.test_resume import wait_until

PAGES = 12


@pytest.fixture
def first(desk: Desk) -> Iterator[subprocess.Popen[str]]:
    """In the middle of its work, and slow."""
    for number in range(PAGES):
        desk.write(f"guide/{number}.md", f"# Page {number}\n\nText of page {number}.")
    desk.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    desk.ollama.latency = 1.0
    process = desk.start("bbj-ingest-all", "--source", "guide")
    wait_until(lambda: any("Text of page" in text for text in desk.ollama.embedded), process)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def waiting_line(second: subprocess.Popen[str]) -> str:
    assert second.stdout is not None
    watchdog = threading.Timer(60, second.kill)
    watchdog.start()
    line = second.stdout.readline()
    watchdog.cancel()
    return line


def test_the_second_says_for_whom_it_waits_and_then_finds_nothing_to_do(
    desk: Desk, first: subprocess.Popen[str]
) -> None:
    second = desk.start("bbj-ingest-all", "--source", "guide")
    line = waiting_line(second)

    assert f"bbj-ingest-all, process {first.pid} on {socket.gethostname()} since 20" in line
    assert first.poll() is None, "the first one is still at work"
    its_session = f"bbj-ingest-all, process {second.pid} on %"
    desk.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s", its_session)
    assert "Trying again (1/4)" in waiting_line(second), "as after a restart of the database"
    memory = json.loads((desk.home / "last_ingest.json").read_text())
    desk.ollama.latency = 0
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors
    assert f"{PAGES + 2} embedded" in output
    output, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    assert f"guide: {PAGES + 2} files (unchanged), {PAGES + 2} chunks, 0 embedded" in output
    assert json.loads((desk.home / "last_ingest.json").read_text())["id"] != memory["id"]
    assert {times for text, times in desk.ollama.embedded.items() if "Text of page" in text} == {1}


@pytest.fixture
def only() -> tuple[str, ...]:
    """Which sources the two are over; all by default."""
    return ()


@pytest.fixture
def robbed(desk: Desk, only: tuple[str, ...]) -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    """Two of them: the first lost its turn to the second in the middle of its first source, as by a restart."""
    for number in range(PAGES):
        desk.write(f"guide/{number}.md", f"# Page {number}\n\nText of page {number}.")
        desk.write(f"notes/{number}.md", f"# Note {number}\n\nText of note {number}.")
    desk.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    desk.ollama.latency = 0.6
    first = desk.start("bbj-ingest-all", "--sequential", *only)
    wait_until(lambda: any("Text of page" in text for text in desk.ollama.embedded), first)
    second = desk.start("bbj-ingest-all", "--sequential", *only)
    assert f"process {first.pid} " in waiting_line(second)
    its_session = f"bbj-ingest-all, process {first.pid} on %"
    desk.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s", its_session)
    yield first, second
    for process in (first, second):
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_first_that_lost_its_turn_waits_for_the_second_before_it_begins_its_next_source(
    desk: Desk, robbed: tuple[subprocess.Popen[str], subprocess.Popen[str]]
) -> None:
    first, second = robbed
    output, errors = first.communicate(timeout=90)

    assert first.returncode == 0, output + errors
    waits = rf"^guide: {PAGES + 2} files .*\nAnother ingest is running: .*process {second.pid} "
    assert re.search(waits, output, re.MULTILINE)
    assert second.wait(0.1) == 0, "it has ended before"
    assert f"notes: {PAGES + 1} files (unchanged), {PAGES + 1} chunks, 0 embedded" in output
    assert {times for text, times in desk.ollama.embedded.items() if "Text of note" in text} == {1}


@pytest.mark.parametrize("only", [("--source", "guide")], ids=["guide alone"])
def test_a_first_that_lost_its_turn_in_its_last_source_waits_for_the_second_before_it_builds_the_index(
    robbed: tuple[subprocess.Popen[str], subprocess.Popen[str]],
) -> None:
    first, second = robbed
    output, errors = first.communicate(timeout=90)

    assert first.returncode == 0, output + errors
    waits = rf"^guide: {PAGES + 2} files .*\nAnother ingest is running: .*process {second.pid} "
    assert re.search(waits, output, re.MULTILINE)
    assert second.wait(0.1) == 0, "it has ended before"


def test_whoever_waits_for_the_turn_that_was_lost_gives_up_with_ctrl_c(
    robbed: tuple[subprocess.Popen[str], subprocess.Popen[str]],
) -> None:
    first, _ = robbed
    while "Another ingest is running" not in (line := waiting_line(first)):
        assert line, "it has ended"
    first.send_signal(signal.SIGINT)
    output, errors = first.communicate(timeout=30)

    assert first.returncode == 130, output + errors
    assert "1 sources to begin with (notes)" in output


def test_when_the_first_is_killed_the_second_does_the_rest(desk: Desk, first: subprocess.Popen[str]) -> None:
    second = desk.start("bbj-ingest-all", "--source", "guide")
    assert f"process {first.pid} " in waiting_line(second)
    first.kill()
    first.wait(10)
    desk.ollama.latency = 0

    _, errors = second.communicate(timeout=60)

    assert second.returncode == 0, errors
    assert desk.query("SELECT count(*) FROM chunks JOIN embeddings USING (content_hash)") == [(PAGES + 2,)]
    rows = desk.rows()
    assert desk.call("bbj-ingest-all", "--source", "guide", "--clean").exit_code == 0
    assert desk.rows() == rows


def test_whoever_does_not_want_to_wait_gives_up_with_ctrl_c_and_disturbs_nothing(
    desk: Desk, first: subprocess.Popen[str]
) -> None:
    second = desk.start("bbj-ingest-all", "--source", "guide")
    waiting_line(second)
    memory = (desk.home / "last_ingest.json").read_text()

    second.send_signal(signal.SIGINT)
    output, errors = second.communicate(timeout=30)

    assert second.returncode == 130
    assert "Traceback" not in output + errors
    assert "Interrupted" in errors
    assert (desk.home / "last_ingest.json").read_text() == memory
    desk.ollama.latency = 0
    first.communicate(timeout=60)
    assert first.returncode == 0
