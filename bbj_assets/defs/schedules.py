"""The schedules: when the sites of web sources are visited. What changed there is ingested by the source's sensor."""

from dagster import DefaultScheduleStatus, ScheduleDefinition
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from bbj_assets.settings import Settings
from bbj_assets.source import Source


def visit_schedule(*, source: Source, job: UnresolvedAssetJobDefinition, settings: Settings) -> ScheduleDefinition:
    """Visit a web source's site. A source that is enabled in sources.toml may be asked, so it runs by itself."""
    return ScheduleDefinition(
        name=f"visit_{source.group}",
        job=job,
        cron_schedule=settings.visit_schedule,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description=f"Fetches what is new on the site of `{source.name}`.",
    )
