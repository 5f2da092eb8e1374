"""What the daemon does with a sensor that follows the runs of an instance, and runs for it to follow."""

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

from bbj_assets_tests.defs.project import Project

LOCATION_NAME = "bbj_assets"


@dataclass
class RunSensorDriver:
    """Each tick begins where the last one that did not raise has ended. The test does what it requests."""

    sensor: SensorDefinition
    project: Project
    cursor: str | None = None

    def __post_init__(self) -> None:
        self.tick()  # the first one only finds the end of the log

    @property
    def instance(self) -> DagsterInstance:
        return self.project.instance

    def tick(self) -> SensorExecutionData:
        repository = self.project.defs().get_repository_def()
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
    """Add a run that has ended, and return its id; without a location it is one of the command line."""
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
