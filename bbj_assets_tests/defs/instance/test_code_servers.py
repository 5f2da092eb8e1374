"""The daemon waits for an unavailable code server before it abandons the retry of a run."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.errors import (
    DagsterCodeLocationLoadError,
    DagsterCodeLocationNotFoundError,
    DagsterUserCodeUnreachableError,
)
from dagster._daemon.auto_run_reexecution import auto_run_reexecution

from bbj_assets.defs.instance import code_servers
from bbj_assets.defs.instance.code_servers import install_waiting_for_code_servers
from bbj_assets_tests.conftest import REPOSITORY

RUN = DagsterRun(job_name="ingest_guide")
WORKSPACE = cast("Any", None)


@pytest.fixture(autouse=True)
def unpatched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dagster as it is without us, before and after."""
    monkeypatch.delenv("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(auto_run_reexecution, "retry_run", code_servers._dagsters_own)
        yield
    os.environ.pop("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", None)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """What the next calls of Dagster's function end with; one that is not given succeeds."""
    outcomes: list[Exception | None] = []

    def retry_run(*_: object) -> None:
        error = outcomes.pop(0) if outcomes else None
        if error is not None:
            raise error

    monkeypatch.setattr(code_servers, "_dagsters_own", retry_run)
    return outcomes


def test_the_queue_of_dagster_yaml_installs_it_where_the_daemon_looks(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    before = auto_run_reexecution.retry_run
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert auto_run_reexecution.retry_run is before, "not before the queue is opened"
        assert instance.run_coordinator

    names = auto_run_reexecution.consume_new_runs_for_automatic_reexecution.__code__.co_names
    assert "retry_run" in names, "so a function of this name in the module is what the daemon calls"
    assert auto_run_reexecution.retry_run is not before
    assert os.environ["DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"] == "1"


@pytest.mark.parametrize(
    "error",
    [
        DagsterUserCodeUnreachableError("away"),
        DagsterCodeLocationLoadError("away", load_error_infos=[]),  # type: ignore[no-untyped-call]
        DagsterCodeLocationNotFoundError("away"),
    ],
)
def test_a_code_server_that_is_away_for_a_moment_is_waited_for(
    error: Exception, outcomes: list[Exception | None]
) -> None:
    install_waiting_for_code_servers()
    install_waiting_for_code_servers()
    outcomes.extend([error, None])

    auto_run_reexecution.retry_run(RUN, WORKSPACE)

    assert outcomes == []


def test_another_error_is_raised_at_once(outcomes: list[Exception | None]) -> None:
    install_waiting_for_code_servers()
    outcomes.extend([ValueError("a bug"), None])

    with pytest.raises(ValueError, match="a bug"):
        auto_run_reexecution.retry_run(RUN, WORKSPACE)

    assert outcomes == [None]
