"""Two `bbj-ingest-all` at the same time: the second names the process that it waits for, and never interleaves."""

import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from bbj_assets_tests.cli.processes import wait_until
from bbj_assets_tests.cli.project import MarkdownProject

PAGES = 12


@pytest.fixture
def first(project: MarkdownProject) -> Iterator[subprocess.Popen[str]]:
    """A slow ingest in the middle of its embeddings."""
    for number in range(PAGES):
        project.write(f"guide/{number}.md", f"# Page {number}\n\nText of page {number}.")
    project.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    project.ollama.latency = 1.0
    process = project.start("bbj-ingest-all", "--source", "guide")
    wait_until(lambda: any("Text of page" in text for text in project.ollama.embedded), process)
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


def test_the_second_names_the_process_that_it_waits_for_and_then_finds_nothing_to_do(
    project: MarkdownProject, first: subprocess.Popen[str]
) -> None:
    second = project.start("bbj-ingest-all", "--source", "guide")
    line = waiting_line(second)

    assert f"bbj-ingest-all, process {first.pid} on {socket.gethostname()} since 20" in line
    assert first.poll() is None, "the first one is still at work"
    its_session = f"bbj-ingest-all, process {second.pid} on %"
    project.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s", its_session)
    assert "Trying again (1/4)" in waiting_line(second), "as after a restart of the database"
    memory = json.loads((project.home / "last_ingest.json").read_text())
    project.ollama.latency = 0
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors
    assert f"{PAGES + 2} embedded" in output
    output, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    assert f"guide: {PAGES + 2} files (unchanged), {PAGES + 2} chunks, 0 embedded" in output
    assert json.loads((project.home / "last_ingest.json").read_text())["id"] != memory["id"]
    assert {times for text, times in project.ollama.embedded.items() if "Text of page" in text} == {1}


@pytest.fixture
def source_options() -> tuple[str, ...]:
    """The options that choose the sources of both ingests; none means all sources."""
    return ()


@pytest.fixture
def two_ingests(
    project: MarkdownProject, source_options: tuple[str, ...]
) -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    """Two ingests: the first lost its lock to the second in the middle of its first source, as by a restart."""
    for number in range(PAGES):
        project.write(f"guide/{number}.md", f"# Page {number}\n\nText of page {number}.")
        project.write(f"notes/{number}.md", f"# Note {number}\n\nText of note {number}.")
    project.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    project.ollama.latency = 0.6
    first = project.start("bbj-ingest-all", "--sequential", *source_options)
    wait_until(lambda: any("Text of page" in text for text in project.ollama.embedded), first)
    second = project.start("bbj-ingest-all", "--sequential", *source_options)
    assert f"process {first.pid} " in waiting_line(second)
    its_session = f"bbj-ingest-all, process {first.pid} on %"
    project.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s", its_session)
    yield first, second
    for process in (first, second):
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_an_ingest_that_lost_its_lock_waits_for_the_second_before_its_next_source(
    project: MarkdownProject, two_ingests: tuple[subprocess.Popen[str], subprocess.Popen[str]]
) -> None:
    first, second = two_ingests
    output, errors = first.communicate(timeout=90)

    assert first.returncode == 0, output + errors
    waits = rf"^guide: {PAGES + 2} files .*\nAnother ingest is running: .*process {second.pid} "
    assert re.search(waits, output, re.MULTILINE)
    assert second.wait(0.1) == 0, "it had ended before"
    assert f"notes: {PAGES + 1} files (unchanged), {PAGES + 1} chunks, 0 embedded" in output
    assert {times for text, times in project.ollama.embedded.items() if "Text of note" in text} == {1}


@pytest.mark.parametrize("source_options", [("--source", "guide")], ids=["guide alone"])
def test_an_ingest_that_lost_its_lock_in_its_last_source_waits_for_the_second_before_it_builds_the_index(
    two_ingests: tuple[subprocess.Popen[str], subprocess.Popen[str]],
) -> None:
    first, second = two_ingests
    output, errors = first.communicate(timeout=90)

    assert first.returncode == 0, output + errors
    waits = rf"^guide: {PAGES + 2} files .*\nAnother ingest is running: .*process {second.pid} "
    assert re.search(waits, output, re.MULTILINE)
    assert second.wait(0.1) == 0, "it had ended before"


def test_ctrl_c_ends_the_wait_for_a_lost_lock(
    two_ingests: tuple[subprocess.Popen[str], subprocess.Popen[str]],
) -> None:
    first, _ = two_ingests
    while "Another ingest is running" not in (line := waiting_line(first)):
        assert line, "it has ended"
    first.send_signal(signal.SIGINT)
    output, errors = first.communicate(timeout=30)

    assert first.returncode == 130, output + errors
    assert "1 sources to begin with (notes)" in output


def test_the_second_does_the_rest_when_the_first_is_killed(
    project: MarkdownProject, first: subprocess.Popen[str]
) -> None:
    second = project.start("bbj-ingest-all", "--source", "guide")
    assert f"process {first.pid} " in waiting_line(second)
    first.kill()
    first.wait(10)
    project.ollama.latency = 0

    _, errors = second.communicate(timeout=60)

    assert second.returncode == 0, errors
    assert project.query("SELECT count(*) FROM chunks JOIN embeddings USING (content_hash)") == [(PAGES + 2,)]
    rows = project.rows()
    assert project.call("bbj-ingest-all", "--source", "guide", "--clean").exit_code == 0
    assert project.rows() == rows


def test_ctrl_c_ends_the_wait_of_the_second_and_leaves_the_first_alone(
    project: MarkdownProject, first: subprocess.Popen[str]
) -> None:
    second = project.start("bbj-ingest-all", "--source", "guide")
    waiting_line(second)
    memory = (project.home / "last_ingest.json").read_text()

    second.send_signal(signal.SIGINT)
    output, errors = second.communicate(timeout=30)

    assert second.returncode == 130
    assert "Traceback" not in output + errors
    assert "Interrupted" in errors
    assert (project.home / "last_ingest.json").read_text() == memory
    project.ollama.latency = 0
    first.communicate(timeout=60)
    assert first.returncode == 0
