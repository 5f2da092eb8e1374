"""The daemon's part in a sensor that follows the runs of an instance."""

from dataclasses import dataclass

from dagster import DagsterInstance, SensorDefinition, SensorEvaluationContext
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin

from bbj_assets_tests.defs.conftest import Installation

LOCATION_NAME = "bbj_assets"


@dataclass
class Ticks:
    """A tick begins where the last one that did not raise has ended; what it asks for is for the test to do."""

    sensor: SensorDefinition
    installation: Installation
    cursor: str | None = None

    def __post_init__(self) -> None:
        self.tick()  # the first one only looks where the log ends

    @property
    def instance(self) -> DagsterInstance:
        return self.installation.instance

    def tick(self) -> SensorExecutionData:
        repository = self.installation.defs().get_repository_def()
        with SensorEvaluationContext(
            instance_ref=self.instance.get_ref(),
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=self.cursor,
            log_key=None,
            code_location_origin=RegisteredCodeLocationOrigin(LOCATION_NAME),
            repository_name=repository.name,
            repository_def=repository,
            instance=self.instance,
            last_sensor_start_time=None,
        ) as context:
            done = self.sensor.evaluate_tick(context)
        self.cursor = done.cursor
        return done
