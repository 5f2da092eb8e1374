"""An ingest that was interrupted, and the one that resumes it."""

import json
import re
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bbj_assets.cli.invocation import last_invocation, new_invocation
from bbj_assets_tests.cli.processes import wait_until
from bbj_assets_tests.cli.project import MarkdownProject
from bbj_assets_tests.fakes.model_server import Fault

INGEST = "bbj-ingest-all"


def test_resume_after_ctrl_c_does_the_rest(project: MarkdownProject) -> None:
    project.write_table("guide", "long", "notes")
    for number in range(12):
        project.write(f"long/{number}.md", f"# Page {number}\n\nText of page {number}.")
    project.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    project.ollama.latency = 0.1
    process = project.start(INGEST, "--sequential")
    wait_until(lambda: any("Text of page" in text for text in project.ollama.embedded), process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 130, errors
    assert "Interrupted. What was done is stored; `bbj-ingest-all --resume` does the rest." in output
    [left] = re.findall(
        r"^Left: (\d+) texts to embed, 1 sources to begin with \(notes\)\. The next", output, re.MULTILINE
    )
    assert "Traceback" not in output + errors
    assert json.loads((project.home / "last_ingest.json").read_text())["completed"] == ["guide"]
    embedded = set(project.ollama.embedded)
    [(stored,)] = project.query("SELECT count(*) FROM embeddings")
    assert 2 < int(str(stored)) < 15
    assert int(left) == 2 + 12 - int(str(stored))

    project.ollama.latency = 0
    project.write("guide/later.md", "# Later\n\nWritten after the interruption.")
    resumed = project.call(INGEST, "--resume", "--sequential")

    assert resumed.exit_code == 0, resumed.output
    assert "Resuming: 1 of 3 sources are completed already." in resumed.output
    assert project.query("SELECT count(*) FROM documents WHERE source_url = 'guide://later.md'") == [(0,)], "skipped"
    again = {text: times for text, times in project.ollama.embedded.items() if times > 1 and "Text of page" in text}
    assert len(again) <= 1, "at most the one text that was under way is asked for twice"
    assert embedded <= set(project.ollama.embedded)

    whole = project.call(INGEST, "--resume")

    assert whole.exit_code == 0
    assert "Nothing to resume: the last invocation was complete. Looking at all sources." in whole.output
    assert project.query("SELECT count(*) FROM documents WHERE source_url = 'guide://later.md'") == [(1,)]

    rows = project.rows()
    assert len(rows["documents"]) == 16
    project.query("WITH gone AS (DELETE FROM embeddings) DELETE FROM documents RETURNING 1")
    assert project.call(INGEST, "--clean").exit_code == 0
    assert project.rows() == rows


def test_resume_reports_failures_in_the_sources_that_it_skips(project: MarkdownProject) -> None:
    project.ollama.poison = "column"
    first = project.call(INGEST, "--sequential", "--source", "guide")
    assert first.exit_code == 1, first.output
    record_interrupted_invocation(project, completed=["guide"], sources=["guide", "notes"])
    project.ollama.poison = None
    asked = len(project.ollama.requests)

    resumed = project.call(INGEST, "--resume", "--json")

    assert resumed.exit_code == 1, resumed.output
    guide, notes = json.loads(resumed.stdout)["sources"]
    assert (guide["status"], guide["files"], guide["failed"]) == ("warning", 0, 1)
    assert [failure["source_url"] for failure in guide["failures"]] == ["guide://grids/sorting.md"]
    assert (notes["status"], notes["failed"]) == ("ok", 0)
    assert not any("column" in text for request in project.ollama.requests[asked:] for text in request.texts)


def record_interrupted_invocation(project: MarkdownProject, *, completed: list[str], sources: list[str]) -> None:
    invocation = new_invocation(project.home, sources)
    for name in completed:
        invocation.complete(name)


def test_sources_that_end_at_the_same_moment_are_all_recorded(tmp_path: Path) -> None:
    names = [f"source-{number}" for number in range(64)]
    invocation = new_invocation(tmp_path, names)
    together = threading.Barrier(8)

    def complete(name: str) -> None:
        together.wait(timeout=10)
        invocation.complete(name)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(complete, names))

    last = last_invocation(tmp_path)
    assert last is not None
    assert not last.interrupted
    assert sorted(last.completed) == sorted(names)


def test_an_unreadable_record_of_the_last_invocation_is_ignored(tmp_path: Path) -> None:
    for text in ("", "{", "[]", "{}", '{"id": 1}', "null"):
        (tmp_path / "last_ingest.json").write_text(text)
        assert last_invocation(tmp_path) is None


def test_a_second_ctrl_c_ends_an_ingest_at_once(project: MarkdownProject) -> None:
    project.ollama.inject(None, Fault("hang"))  # the first request is the validation's
    process = project.start(INGEST, "--sequential")
    wait_until(lambda: len(project.ollama.requests) == 2, process)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGINT)

    output, errors = process.communicate(timeout=20)

    assert process.returncode == 130, errors
    assert errors.endswith("Interrupted. What was done is stored.\n")
    assert "Traceback" not in output + errors
    assert project.call(INGEST, "--resume").exit_code == 0
