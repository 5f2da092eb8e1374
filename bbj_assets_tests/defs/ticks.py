"""The daemon's part in a sensor that follows the runs of an instance, and runs for it to follow."""

from dataclasses import dataclass

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    SensorDefinition,
    SensorEvaluationContext,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

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


def ended_run(
    instance: DagsterInstance, job: str, ending: DagsterEventType, location: str | None = LOCATION_NAME
) -> str:
    """A run that has ended; without a location it is one of the command line."""
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__") if location else None
    run = instance.add_run(
        DagsterRun(
            job_name=job,
            status=DagsterRunStatus.STARTED,
            remote_job_origin=origin.get_job_origin(job) if origin else None,
        )
    )
    instance.report_dagster_event(DagsterEvent(ending.value, job), run.run_id)
    return run.run_id
