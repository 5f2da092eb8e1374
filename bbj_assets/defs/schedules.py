"""The schedules: when the sites of web sources are crawled. What changed there is ingested by the source's sensor.

Dagster's page: https://docs.dagster.io/guides/automate/schedules
"""

import dagster as dg

from bbj_assets.defs.instance.private_names import AssetJob
from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import Settings
from bbj_assets.source import Source


def require_cron(settings: Settings) -> None:
    """Check that BBJ_ASSETS_VISIT_SCHEDULE is a cron schedule, as Dagster reads one.

    Raises:
        ConfigurationError: it is none; the message names the variable.
    """
    try:
        dg.ScheduleDefinition(name="any", job_name="any", cron_schedule=settings.visit_schedule)
    except dg.DagsterInvalidDefinitionError as error:
        problem = (
            f"Environment: BBJ_ASSETS_VISIT_SCHEDULE: {settings.visit_schedule!r} is no cron schedule. Write one such "
            "as '0 4 * * *', which is every day at 4:00 UTC."
        )
        raise ConfigurationError([problem]) from error


def crawl_schedule(*, source: Source, job: AssetJob, settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of a web source's crawls. It is on by default.

    Raises:
        ConfigurationError: BBJ_ASSETS_VISIT_SCHEDULE is no cron schedule.
    """
    require_cron(settings)
    return dg.ScheduleDefinition(
        name=f"visit_{source.group}",  # the name under which an existing home keeps whether it is on
        job=job,
        cron_schedule=settings.visit_schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Fetches what is new on the site of {source.name}.",
    )
