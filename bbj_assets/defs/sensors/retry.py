"""From the job `retry_failed` to a run for each source concerned.

A job cannot be over assets of different partitions, so the job is what a person starts, and this sensor requests the
runs: through the queue like all others, with their lineage. A request is not lost when a tick fails: the next tick
takes it up.
"""

from collections.abc import Mapping

import dagster as dg

from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.instance.private_names import AssetJob
from bbj_assets.defs.jobs import ingest_job_name
from bbj_assets.defs.partitions import sections_name
from bbj_assets.defs.run_config import ingest_config
from bbj_assets.defs.sensors.repeating import repeated_after
from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.ingest.following import ranges
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.failures import failed_sections
from bbj_assets.store.outages import explaining


def retry_sensor(
    *, request_job: dg.JobDefinition, jobs: Mapping[Source, AssetJob], settings: Settings
) -> dg.SensorDefinition:
    """Return the sensor that starts runs of `jobs` over what failed, for each run of `request_job`."""

    @dg.run_status_sensor(
        name="retry_requests",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[request_job],
        request_jobs=list(jobs.values()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=min(5, settings.sensor_seconds),
        description="Starts a run for each source that has failed items, when the job retry_failed was run.",
    )
    def retry(context: dg.RunStatusSensorContext) -> dg.SensorResult:
        with repeated_after(Exception):
            failed = _failed_sections(settings)
            sources = [source for source in jobs if source.name in failed]
            new = {source: _new_sections(context.instance, source, failed[source.name]) for source in sources}
            return dg.SensorResult(
                run_requests=[
                    request
                    for source in sources
                    for request in _run_requests(context, source, new=new[source], failed=failed[source.name])
                ],
                dynamic_partitions_requests=[
                    dg.AddDynamicPartitionsRequest(sections_name(source), keys) for source, keys in new.items() if keys
                ],
            )

    return retry


def _failed_sections(settings: Settings) -> Mapping[str, set[str]]:
    with database(settings) as url, explaining("look up what failed", url), connect(url) as conn:
        return failed_sections(conn)


def _new_sections(instance: dg.DagsterInstance, source: Source, failed: set[str]) -> list[str]:
    """Return the sections with failures that are no partitions yet."""
    return sorted(failed - set(instance.get_dynamic_partitions(sections_name(source))))


def _run_requests(
    context: dg.RunStatusSensorContext, source: Source, *, new: list[str], failed: set[str]
) -> list[dg.RunRequest]:
    known = context.instance.get_dynamic_partitions(sections_name(source))
    return [
        dg.RunRequest(
            job_name=ingest_job_name(source),
            run_key=f"{context.dagster_run.run_id}/{source.name}/{first}",
            run_config=ingest_config(source, IngestOptions(retry_failed=True)),
            tags={SOURCE_TAG: source.name, RANGE_START_TAG: first, RANGE_END_TAG: last},
        )
        for first, last in ranges([*known, *new], failed)
    ]
