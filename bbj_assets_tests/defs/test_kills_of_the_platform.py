"""kill -9 of what runs the platform while a backfill is under way: everything is done in the end, and nothing twice."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance

from bbj_assets_tests.defs.running_platform import wait_for
from bbj_assets_tests.defs.running_project import TIMEOUT, RunningProject, rows, running_project
from bbj_assets_tests.fakes.ollama_server import FakeOllama

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

_RETRIES_EVERY = 5
"""Seconds: how often Dagster's daemon looks whether a run is to be started again."""

_SOURCES = ("guide", "course", "archive", "manual")
_SECTIONS = ("grids", "charts", "trees")
_PAGES = {
    f"{source}/{section}/page-{number}.md": f"# Page {number}\n\nOf {section}, in the {source}."
    for source in _SOURCES
    for section in _SECTIONS
    for number in range(5)
}
_TABLES = "".join(
    f'[[sources]]\nname = "{source}"\nparser = "mdx"\npaths = ["{source}"]\ngeneration_tag = "all"\n'
    for source in _SOURCES
)


@pytest.fixture
def running(server_url: str) -> Iterator[RunningProject]:
    with (
        FakeOllama(dimensions=16, latency=0.5) as models,
        running_project(
            server_url,
            {"sources.toml": _TABLES, **_PAGES},
            models,
            BBJ_ASSETS_SENSOR_SECONDS="3600",  # they look once, so that it is the backfill alone which does it
            BBJ_ASSETS_EMBEDDING_WORKERS="1",
            BBJ_ASSETS_EMBEDDING_BATCH_SIZE="1",
        ) as running,
    ):
        yield running


def test_a_backfill_ends_whole_whatever_is_killed_meanwhile(
    running: RunningProject, database_url: str, tmp_path: Path
) -> None:
    platform = running.platform
    wait_for("all sections are partitions", lambda: _partitions(running) == _pairs(), TIMEOUT)
    backfill = platform.backfill([[source, asset] for source in _SOURCES for asset in ("chunks", "embeddings")])
    platform.kill("daemon")  # before it has seen the backfill; the next one looks for backfills when it starts
    platform.start("daemon")

    _wait_until_in_the_middle(running, backfill)
    platform.run_workers()[0].kill()

    for name in ("daemon", "webserver", "code-server"):
        _wait_until_in_the_middle(running, backfill)
        workers = platform.run_workers()
        platform.kill(name)
        if name == "code-server":  # as the kill of a container does, which may be away for longer than it takes the
            for worker in workers:  # daemon to see that its runs are lost, and to want to start them again
                worker.kill()
            wait_for("its runs are lost", lambda: not platform.runs(statuses=["STARTED"]), TIMEOUT)
            looks = _looks_at_backfills(platform.folder)
            time.sleep(2 * _RETRIES_EVERY)
            wait_for("it is missed", lambda: _looks_at_backfills(platform.folder) > looks, TIMEOUT)  # noqa: B023
        platform.start(name)
        platform.wait_until_up()

    # A run that was killed before its process began is given up by Dagster after its start timeout.
    try:
        wait_for("the backfill is over", lambda: platform.backfill_status(backfill) != "REQUESTED", 3 * TIMEOUT)
    except TimeoutError as error:
        raise AssertionError(f"{error}\n{_ends_of_runs(running)}") from error
    wait_for("nothing more is to do", platform.is_idle, TIMEOUT)
    assert platform.backfill_status(backfill) == "COMPLETED_SUCCESS", _ends_of_runs(running)
    assert rows(running.url) == rows(running.clean_ingest(database_url, tmp_path))
    assert running.failures() == set()
    assert _materialized(running) == _pairs()
    assert "FAILURE" in {run["status"] for run in platform.runs()}, "a run was killed"


def _pairs() -> set[tuple[str, str]]:
    return {(source, section) for source in _SOURCES for section in _SECTIONS}


def _partitions(running: RunningProject) -> set[tuple[str, str]]:
    return {(source, section) for source in _SOURCES for section in running.platform.sections(source)}


def _wait_until_in_the_middle(running: RunningProject, backfill: str) -> None:
    """Wait until more texts were embedded than now, by a run that has more to do."""
    platform, before = running.platform, sum(running.models.embedded.values())
    wait_for("texts are being embedded", lambda: sum(running.models.embedded.values()) > before + 2, TIMEOUT)
    assert platform.backfill_status(backfill) == "REQUESTED"
    assert platform.runs(statuses=["STARTED"])
    assert sum(running.models.embedded.values()) < len(_PAGES)


def _looks_at_backfills(folder: Path) -> int:
    """How often the daemon, which does so every half a minute, has looked at a backfill."""
    return (folder / "daemon.log").read_text().count("Evaluating asset backfill")


def _ends_of_runs(running: RunningProject) -> str:
    """Return how each run ended, for the message of a failed test."""
    with DagsterInstance.from_config(str(running.platform.folder / "home" / "dagster")) as instance:
        return "\n".join(
            f"{run.run_id} {run.status.value} {run.tags}\n    "
            + "\n    ".join(entry.message or entry.user_message for entry in instance.all_logs(run.run_id)[-6:])
            for run in instance.get_runs()
        )


def _materialized(running: RunningProject) -> set[tuple[str, str]]:
    """The sections whose chunks and embeddings Dagster has as materialized."""
    with DagsterInstance.from_config(str(running.platform.folder / "home" / "dagster")) as instance:
        chunks, embeddings = (
            {
                (source, key)
                for source in _SOURCES
                for key in instance.get_materialized_partitions(AssetKey([source, asset]))
            }
            for asset in ("chunks", "embeddings")
        )
    return chunks & embeddings
