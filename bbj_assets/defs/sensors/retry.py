"""From the job `retry_failed` to a run for each source concerned.

A job cannot be over assets of different partitions, so the job is what a person starts, and this sensor starts the
runs: through the queue like all others, with their lineage. What somebody asked for is not lost when a tick fails: the
next one takes it up.
"""

from collections.abc import Mapping

from dagster import (
    AddDynamicPartitionsRequest,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    JobDefinition,
    RunRequest,
    RunStatusSensorContext,
    SensorDefinition,
    SensorResult,
    run_status_sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from bbj_assets.defs.jobs import ingest_config, ingest_job_name
from bbj_assets.defs.partitions import sections_name
from bbj_assets.defs.sensors.repeating import repeated_after
from bbj_assets.defs.source_run import SourceRun
from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.ingest.following import ranges
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.failures import failed_sections
from bbj_assets.store.outages import explaining


def retry_sensor(
    *, asks: JobDefinition, jobs: Mapping[Source, UnresolvedAssetJobDefinition], settings: Settings
) -> SensorDefinition:
    """Start the runs, of one of `jobs` each, that a run of the job `asks` asks for."""

    @run_status_sensor(
        name="retry_requests",
        run_status=DagsterRunStatus.SUCCESS,
        monitored_jobs=[asks],
        request_jobs=list(jobs.values()),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=min(5, settings.sensor_seconds),
        description="Starts a run for each source that has failed items, when somebody ran the job retry_failed.",
    )
    def retry(context: RunStatusSensorContext) -> SensorResult:
        with repeated_after(Exception), database(settings) as url:
            with explaining("look up what failed", url), connect(url) as conn:
                failed = failed_sections(conn)
            asked = [
                _asked(context.instance, source, failed[source.name], context.dagster_run.run_id)
                for source in jobs
                if source.name in failed
            ]
        return SensorResult(
            run_requests=[request for requests, _ in asked for request in requests],
            dynamic_partitions_requests=[new for _, new in asked if new.partition_keys],
        )

    return retry


def _asked(
    instance: DagsterInstance, source: Source, failed: set[str], asked_by: str
) -> tuple[list[RunRequest], AddDynamicPartitionsRequest]:
    """The runs over what failed in a source, and those of its sections that are to become partitions before."""
    known = instance.get_dynamic_partitions(sections_name(source))
    new = sorted(failed - set(known))
    requests = [
        RunRequest(
            job_name=ingest_job_name(source),
            run_key=f"{asked_by}/{source.name}/{first}",
            run_config=ingest_config(source, SourceRun(retry_failed=True)),
            tags={SOURCE_TAG: source.name, RANGE_START_TAG: first, RANGE_END_TAG: last},
        )
        for first, last in ranges([*known, *new], failed)
    ]
    return requests, AddDynamicPartitionsRequest(sections_name(source), new)
