"""From the job `retry_failed` to the runs that it asks for."""

import pytest
from dagster import AddDynamicPartitionsRequest, DagsterError, DagsterEventType, SensorDefinition
from pydantic import SecretStr

from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import Connection
from bbj_assets.store.failures import record_failures
from bbj_assets_tests.defs.project import Project
from bbj_assets_tests.defs.run_sensor_driver import RunSensorDriver, ended_run


@pytest.fixture
def driver(project: Project) -> RunSensorDriver:
    return RunSensorDriver(sensor(project), project)


def sensor(project: Project) -> SensorDefinition:
    [found] = [sensor for sensor in project.defs().sensors or () if sensor.name == "retry_requests"]
    assert isinstance(found, SensorDefinition)
    return found


def ask(driver: RunSensorDriver) -> str:
    return ended_run(driver.instance, "retry_failed", DagsterEventType.RUN_SUCCESS)


def fail(conn: Connection, *sections: str) -> None:
    failures = [Failure("parse", f"guide://{key}/a.md", "guide", key, "ParseError", "Bad.") for key in sections]
    record_failures(conn, failures, None)


def asked_for(driver: RunSensorDriver) -> list[tuple[str, str, str]]:
    requests = driver.tick().run_requests or ()
    return [(r.tags[SOURCE_TAG], r.tags[RANGE_START_TAG], r.tags[RANGE_END_TAG]) for r in requests]


def test_each_wish_is_a_run_over_what_failed(driver: RunSensorDriver, conn: Connection) -> None:
    driver.instance.add_dynamic_partitions("guide_sections", ["grids", "menus"])
    fail(conn, "menus")

    assert asked_for(driver) == []
    ask(driver)
    assert asked_for(driver) == [("guide", "menus", "menus")]
    assert asked_for(driver) == []


def test_a_wish_is_kept_while_the_database_is_away(driver: RunSensorDriver, conn: Connection) -> None:
    driver.instance.add_dynamic_partitions("guide_sections", ["grids"])
    fail(conn, "grids")
    ask(driver)
    settings, driver.sensor = driver.project.settings, without_database(driver.project)
    for _ in range(2):
        with pytest.raises(DagsterError, match="Cannot connect to PostgreSQL"):
            driver.tick()

    driver.project.settings = settings
    driver.sensor = sensor(driver.project)

    assert asked_for(driver) == [("guide", "grids", "grids")]
    assert asked_for(driver) == []


def test_failed_sections_that_are_no_partitions_become_some(driver: RunSensorDriver, conn: Connection) -> None:
    driver.instance.add_dynamic_partitions("guide_sections", ["grids"])
    fail(conn, "grids", "menus", "_root")
    ask(driver)

    done = driver.tick()

    [request] = done.run_requests or ()
    assert (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]) == ("grids", "menus")
    assert done.dynamic_partitions_requests == [AddDynamicPartitionsRequest("guide_sections", ["_root", "menus"])]


def without_database(project: Project) -> SensorDefinition:
    away = SecretStr("postgresql://127.0.0.1:1/nothing")
    project.settings = project.settings.model_copy(update={"database_url": away})
    return sensor(project)
