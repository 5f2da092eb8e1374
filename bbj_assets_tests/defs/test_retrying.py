"""From the job `retry_failed` to the runs that it asks for."""

import pytest
from dagster import AddDynamicPartitionsRequest, DagsterError, DagsterEventType, SensorDefinition
from pydantic import SecretStr

from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.errors import ParseError
from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import Connection
from bbj_assets.store.failures import record_failures
from bbj_assets_tests.defs.conftest import Installation
from bbj_assets_tests.defs.ticks import Ticks, ended_run


@pytest.fixture
def ticks(installation: Installation) -> Ticks:
    return Ticks(sensor(installation), installation)


def sensor(installation: Installation) -> SensorDefinition:
    [found] = [sensor for sensor in installation.defs().sensors or () if sensor.name == "retry_requests"]
    assert isinstance(found, SensorDefinition)
    return found


def ask(ticks: Ticks) -> str:
    return ended_run(ticks.instance, "retry_failed", DagsterEventType.RUN_SUCCESS)


def fail(conn: Connection, *sections: str) -> None:
    failures = [
        Failure.of_item(key=f"guide://{key}/a.md", source="guide", partition_key=key, error=ParseError("Bad."))
        for key in sections
    ]
    record_failures(conn, failures, None)


def asked_for(ticks: Ticks) -> list[tuple[str, str, str]]:
    requests = ticks.tick().run_requests or ()
    return [(r.tags[SOURCE_TAG], r.tags[RANGE_START_TAG], r.tags[RANGE_END_TAG]) for r in requests]


def test_each_wish_is_a_run_over_what_failed(ticks: Ticks, conn: Connection) -> None:
    ticks.instance.add_dynamic_partitions("guide_sections", ["grids", "menus"])
    fail(conn, "menus")

    assert asked_for(ticks) == []
    ask(ticks)
    assert asked_for(ticks) == [("guide", "menus", "menus")]
    assert asked_for(ticks) == []


def test_a_wish_is_kept_while_the_database_is_away(ticks: Ticks, conn: Connection) -> None:
    ticks.instance.add_dynamic_partitions("guide_sections", ["grids"])
    fail(conn, "grids")
    ask(ticks)
    settings, ticks.sensor = ticks.installation.settings, without_database(ticks.installation)
    for _ in range(2):
        with pytest.raises(DagsterError, match="Cannot connect to PostgreSQL"):
            ticks.tick()

    ticks.installation.settings = settings
    ticks.sensor = sensor(ticks.installation)

    assert asked_for(ticks) == [("guide", "grids", "grids")]
    assert asked_for(ticks) == []


def test_failed_sections_that_dagster_does_not_know_become_partitions(ticks: Ticks, conn: Connection) -> None:
    ticks.instance.add_dynamic_partitions("guide_sections", ["grids"])
    fail(conn, "grids", "menus", "_root")
    ask(ticks)

    done = ticks.tick()

    [request] = done.run_requests or ()
    assert (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]) == ("grids", "menus")
    assert done.dynamic_partitions_requests == [AddDynamicPartitionsRequest("guide_sections", ["_root", "menus"])]


def without_database(installation: Installation) -> SensorDefinition:
    away = SecretStr("postgresql://127.0.0.1:1/nothing")
    installation.settings = installation.settings.model_copy(update={"database_url": away})
    return sensor(installation)
