"""Dagster's runs of a killed ingest and of a living one, when the next ingest begins."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from bbj_assets.defs.instance.run_launcher import WatchfulRunLauncher
from bbj_assets.defs.instance.run_processes import LOST, fail_lost_runs, is_lost, marked_alive
from bbj_assets_tests.cli.project import MarkdownProject
from bbj_assets_tests.conftest import REPOSITORY

INGEST = "bbj-ingest-all"


def test_the_runs_of_an_ingest_that_was_killed_are_failed_by_the_next_one(project: MarkdownProject) -> None:
    with running_ingest(project) as process, dagster_instance(project) as instance:
        [run] = runs(instance, DagsterRunStatus.STARTED)
        process.kill()
        process.wait(10)

        assert status(instance, run) is DagsterRunStatus.STARTED, "it could not say so itself"
        assert isinstance(instance.run_launcher, WatchfulRunLauncher)
        assert instance.run_launcher.supports_check_run_worker_health, "so that the daemon asks"
        assert instance.run_launcher.check_run_worker_health(run).status.value == "FAILED"
        project.ollama.latency = 0
        assert project.call(INGEST, "--source", "notes").exit_code == 0

        assert status(instance, run) is DagsterRunStatus.FAILURE
        assert LOST in [event.message for event in instance.all_logs(run.run_id)]
        assert runs(instance, DagsterRunStatus.STARTED) == []
        assert alive_files(instance) == []


def test_the_runs_of_a_living_ingest_are_left_alone(project: MarkdownProject) -> None:
    with running_ingest(project) as process, dagster_instance(project) as instance:
        [run] = runs(instance, DagsterRunStatus.STARTED)

        assert fail_lost_runs(instance) == [], "as the next ingest does first"

        assert status(instance, run) is DagsterRunStatus.STARTED
        assert instance.run_launcher.check_run_worker_health(run).status.value == "RUNNING"
        project.ollama.latency = 0
        assert process.wait(60) == 0
        assert status(instance, run) is DagsterRunStatus.SUCCESS
        assert alive_files(instance) == []


def test_a_run_without_a_known_process_is_left_alone(project: MarkdownProject) -> None:
    with dagster_instance(project) as instance:
        elsewhere = instance.add_run(DagsterRun(job_name="ingest_guide", status=DagsterRunStatus.STARTED))
        with marked_alive(instance, "a-run-that-ends"):
            assert not is_lost(instance, "a-run-that-ends")

        assert not is_lost(instance, elsewhere.run_id)
        assert not is_lost(instance, "a-run-that-ends")
        assert fail_lost_runs(instance) == []
        assert status(instance, elsewhere) is DagsterRunStatus.STARTED


@contextmanager
def running_ingest(project: MarkdownProject) -> Iterator[subprocess.Popen[bytes]]:
    """An ingest of the source `guide` in the middle of its embeddings."""
    for number in range(8):
        project.write(f"guide/{number}.md", f"# Page {number}\n\nText of page {number}.")
    project.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    project.ollama.latency = 0.5
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / INGEST), "--source", "guide"],
        env=project.full_environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not any("Text of page" in text for text in project.ollama.embedded):
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def dagster_instance(project: MarkdownProject) -> Iterator[DagsterInstance]:
    shutil.copy(REPOSITORY / "dagster.yaml", project.home / "dagster")
    with DagsterInstance.from_config(str(project.home / "dagster")) as instance:
        yield instance


def status(instance: DagsterInstance, run: DagsterRun) -> DagsterRunStatus:
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    return stored.status


def runs(instance: DagsterInstance, status: DagsterRunStatus) -> list[DagsterRun]:
    return [run for run in instance.get_runs() if run.status is status]


def alive_files(instance: DagsterInstance) -> list[Path]:
    folder = Path(instance.storage_directory()) / "run_processes"
    return [file for file in folder.iterdir() if file.is_file()]
