"""All definitions, made from settings: for the web server, the command line and tests alike."""

import warnings

from dagster import BetaWarning, Definitions, in_process_executor

from bbj_assets.defs.asset_checks import source_checks
from bbj_assets.defs.assets import source_assets
from bbj_assets.defs.assets_over_all import failures_asset, search_index_asset
from bbj_assets.defs.jobs import ingest_job, retry_failed_job, search_index_job, visit_job
from bbj_assets.defs.runtime import Runtime, runtime_resource
from bbj_assets.defs.schedules import visit_schedule
from bbj_assets.defs.sensors.alert import alert_sensor
from bbj_assets.defs.sensors.automation import automation_sensor
from bbj_assets.defs.sensors.follow import follow_sensor
from bbj_assets.defs.sensors.retry import retry_sensor
from bbj_assets.ingest.fetching import is_web
from bbj_assets.progress import SILENT, ProgressOfSources
from bbj_assets.settings import Settings
from bbj_assets.source_table import SourceTable


def build_defs(settings: Settings, config: SourceTable, progress: ProgressOfSources = SILENT) -> Definitions:
    """Fresh definitions for the enabled sources of a table."""
    sources = config.sources
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)  # of `backfill_policy`: nothing that our reader can act on
        assets = [
            asset for source in sources for asset in source_assets(source=source, sources=sources, settings=settings)
        ]
        of_all = [asset(sources=sources, settings=settings) for asset in (search_index_asset, failures_asset)]
    ingests = {source: ingest_job(source) for source in sources}
    visits = {source: visit_job(source) for source in sources if is_web(source)}
    retry_failed = retry_failed_job(settings=settings)
    return Definitions(
        assets=[*assets, *of_all],
        asset_checks=[check for source in sources for check in source_checks(source=source, settings=settings)],
        jobs=[*ingests.values(), *visits.values(), search_index_job(), retry_failed],
        sensors=[
            *(follow_sensor(source=source, job=job, settings=settings) for source, job in ingests.items()),
            retry_sensor(asks=retry_failed, jobs=ingests, settings=settings),
            automation_sensor(settings=settings),
            *([alert_sensor(webhook=settings.alert_webhook)] if settings.alert_webhook else []),
        ],
        schedules=[visit_schedule(source=source, job=job, settings=settings) for source, job in visits.items()],
        resources={"runtime": runtime_resource(Runtime(settings, progress))},
        executor=in_process_executor,  # a run is one source: a process a step would cost 3-5 s each
    )
