"""The schedules: when the sites of web sources are visited. What changed there is ingested by the source's sensor."""

from dagster import DefaultScheduleStatus, ScheduleDefinition
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._utils.schedules import is_valid_cron_schedule

from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import Settings
from bbj_assets.source import Source


def require_cron(settings: Settings) -> None:
    """See that the schedule is one.

    Raises:
        ConfigurationError: with the variable's name.
    """
    if not is_valid_cron_schedule(settings.visit_schedule):
        problem = (
            f"Environment: BBJ_ASSETS_VISIT_SCHEDULE: {settings.visit_schedule!r} is no cron schedule. Write one such "
            "as '0 4 * * *', which is every day at 4:00 UTC."
        )
        raise ConfigurationError([problem])


def visit_schedule(*, source: Source, job: UnresolvedAssetJobDefinition, settings: Settings) -> ScheduleDefinition:
    """Visit a web source's site. A source that is enabled in sources.toml may be asked, so it runs by itself.

    Raises:
        ConfigurationError: the schedule is none.
    """
    require_cron(settings)
    return ScheduleDefinition(
        name=f"visit_{source.group}",
        job=job,
        cron_schedule=settings.visit_schedule,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description=f"Fetches what is new on the site of {source.name}.",
    )
