"""The instance that the command line opens."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from dagster import AssetKey, AssetMaterialization, DagsterInstance, job, op
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from sqlalchemy import event

from bbj_assets.defs.instance.opening import dagster_home, open_instance
from bbj_assets.defs.instance.pooled_sqlite import PooledSqliteEventLogStorage, PooledSqliteRunStorage
from bbj_assets.settings import Settings, load_settings

ELSEWHERE = "storage:\n  sqlite:\n    base_dir: {folder}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", config=tmp_path / "sources.toml")


@op
def emit_nothing() -> None:
    pass


@job
def empty_job() -> None:
    emit_nothing()


def materialize(instance: DagsterInstance) -> None:
    instance.report_runless_asset_event(AssetMaterialization(AssetKey("any")))


def test_events_share_the_connections_that_are_open(settings: Settings) -> None:
    with open_instance(settings) as instance:
        assert isinstance(instance.run_storage, PooledSqliteRunStorage)
        assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
        assert connections_of_twenty_events(instance) == 0
    with DagsterInstance.from_config(str(dagster_home(settings))) as own:
        assert connections_of_twenty_events(own) >= 60, "which is why there is another storage"


def connections_of_twenty_events(instance: DagsterInstance) -> int:
    """Return how many connections are opened for them, after a first one."""
    opened: list[object] = []

    def count(*connection: object) -> None:
        opened.append(connection)

    def emit() -> None:
        materialize(instance)
        instance.get_dynamic_partitions("any")
        instance.get_runs(limit=1)

    emit()
    event.listen(sqlalchemy.pool.Pool, "connect", count)
    try:
        for _ in range(20):
            emit()
    finally:
        event.remove(sqlalchemy.pool.Pool, "connect", count)
    return len(opened)


def test_the_files_are_those_of_dagsters_own_storage(settings: Settings) -> None:
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("any", ["grids"])
        materialize(instance)
        run_id = empty_job.execute_in_process(instance=instance).run_id

    with DagsterInstance.from_config(str(dagster_home(settings))) as own:
        assert own.get_dynamic_partitions("any") == ["grids"]
        assert own.get_latest_materialization_event(AssetKey("any")) is not None
        assert len(own.all_logs(run_id)) > 5
        own.add_dynamic_partitions("any", ["trees"])

    with open_instance(settings) as instance:
        assert set(instance.get_dynamic_partitions("any")) == {"grids", "trees"}


def test_another_storage_of_dagster_yaml_is_kept(settings: Settings, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (dagster_home(settings) / "dagster.yaml").write_text(ELSEWHERE.format(folder=elsewhere))

    with open_instance(settings) as instance:
        materialize(instance)

    assert list(elsewhere.rglob("index.db"))


def test_steps_keep_the_output_of_the_process_and_nothing_is_reported_home(settings: Settings) -> None:
    (dagster_home(settings) / "dagster.yaml").write_text("telemetry:\n  enabled: true\n")

    with open_instance(settings) as instance:
        assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)
        assert not instance.telemetry_enabled


def test_logging_is_configured_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    configured: list[object] = []
    with open_instance(settings) as instance:
        monkeypatch.setattr(logging.config, "dictConfig", configured.append)
        for _ in range(3):
            instance.get_handlers()

    assert configured == []


def test_runs_in_several_threads_end(settings: Settings) -> None:
    with open_instance(settings) as instance, ThreadPoolExecutor(max_workers=4) as pool:
        results = list(pool.map(lambda _: empty_job.execute_in_process(instance=instance).success, range(8)))

    assert results == [True] * 8
