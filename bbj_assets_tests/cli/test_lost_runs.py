"""What Dagster knows of an ingest that was killed, and of one that lives, when the next one begins."""

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
from bbj_assets_tests.cli.conftest import Desk
from bbj_assets_tests.conftest import REPOSITORY

INGEST = "bbj-ingest-all"


def test_the_runs_of_an_ingest_that_was_killed_are_failed_by_the_next_one(desk: Desk) -> None:
    with slow_ingest(desk) as process, dagster(desk) as instance:
        [run] = runs(instance, DagsterRunStatus.STARTED)
        process.kill()
        process.wait(10)

        assert instance.get_run_by_id(run.run_id).status is DagsterRunStatus.STARTED, "it could not say so itself"
        assert isinstance(instance.run_launcher, WatchfulRunLauncher)
        assert instance.run_launcher.supports_check_run_worker_health, "so that the daemon asks"
        assert instance.run_launcher.check_run_worker_health(run).status.value == "FAILED"
        desk.ollama.latency = 0
        assert desk.call(INGEST, "--source", "notes").exit_code == 0

        assert instance.get_run_by_id(run.run_id).status is DagsterRunStatus.FAILURE
        assert LOST in [event.message for event in instance.all_logs(run.run_id)]
        assert runs(instance, DagsterRunStatus.STARTED) == []
        assert marks(instance) == []


def test_the_runs_of_an_ingest_that_lives_are_left_alone(desk: Desk) -> None:
    with slow_ingest(desk) as process, dagster(desk) as instance:
        [run] = runs(instance, DagsterRunStatus.STARTED)

        assert fail_lost_runs(instance) == [], "which is what the next one begins with"

        assert instance.get_run_by_id(run.run_id).status is DagsterRunStatus.STARTED
        assert instance.run_launcher.check_run_worker_health(run).status.value == "RUNNING"
        desk.ollama.latency = 0
        assert process.wait(60) == 0
        assert instance.get_run_by_id(run.run_id).status is DagsterRunStatus.SUCCESS
        assert marks(instance) == []


def test_a_run_of_which_nothing_is_known_is_left_alone(desk: Desk) -> None:
    with dagster(desk) as instance:
        elsewhere = instance.add_run(DagsterRun(job_name="ingest_guide", status=DagsterRunStatus.STARTED))
        with marked_alive(instance, "a-run-that-ends"):
            assert not is_lost(instance, "a-run-that-ends")

        assert not is_lost(instance, elsewhere.run_id)
        assert not is_lost(instance, "a-run-that-ends")
        assert fail_lost_runs(instance) == []
        assert instance.get_run_by_id(elsewhere.run_id).status is DagsterRunStatus.STARTED


@contextmanager
def slow_ingest(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """An ingest of the source `guide` in the middle of its embeddings."""
    for number in range(8):
        desk.write(f"guide/{number}.md", f"# Page {number}\n\nText of page {number}.")
    desk.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    desk.ollama.latency = 0.5
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / INGEST), "--source", "guide"],
        env=desk.whole_environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not any("Text of page" in text for text in desk.ollama.embedded):
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def dagster(desk: Desk) -> Iterator[DagsterInstance]:
    shutil.copy(REPOSITORY / "dagster.yaml", desk.home / "dagster")
    with DagsterInstance.from_config(str(desk.home / "dagster")) as instance:
        yield instance


def runs(instance: DagsterInstance, status: DagsterRunStatus) -> list[DagsterRun]:
    return [run for run in instance.get_runs() if run.status is status]


def marks(instance: DagsterInstance) -> list[Path]:
    folder = Path(instance.storage_directory()) / "run_processes"
    return [file for file in folder.iterdir() if file.is_file()]
