"""All definitions, made from settings: for the web server, the command line and tests alike."""

import warnings
from collections.abc import Sequence

import dagster as dg

from bbj_assets.defs.asset_checks import source_checks
from bbj_assets.defs.assets import failures_asset, search_index_asset, source_assets
from bbj_assets.defs.jobs import crawl_job, ingest_job, retry_failed_job, search_index_job
from bbj_assets.defs.runtime import Runtime, runtime_resource
from bbj_assets.defs.schedules import crawl_schedule
from bbj_assets.defs.sensors import alert_sensor, automation_sensor, follow_sensor, retry_sensor
from bbj_assets.ingest.fetching import is_web
from bbj_assets.progress import SILENT, ProgressOfSources
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.source_table import SourceTable


def build_defs(settings: Settings, config: SourceTable, progress: ProgressOfSources = SILENT) -> dg.Definitions:
    """Return fresh definitions for the enabled sources of a table."""
    sources = config.sources
    ingests = {source: ingest_job(source) for source in sources}
    crawls = {source: crawl_job(source) for source in sources if is_web(source)}
    retry_failed = retry_failed_job(settings=settings)
    return dg.Definitions(
        assets=_assets(settings, sources),
        asset_checks=[check for source in sources for check in source_checks(source=source, settings=settings)],
        jobs=[*ingests.values(), *crawls.values(), search_index_job(), retry_failed],
        sensors=[
            *(follow_sensor(source=source, job=job, settings=settings) for source, job in ingests.items()),
            retry_sensor(request_job=retry_failed, jobs=ingests, settings=settings),
            automation_sensor(settings=settings),
            *([alert_sensor(webhook=settings.alert_webhook)] if settings.alert_webhook else []),
        ],
        schedules=[crawl_schedule(source=source, job=job, settings=settings) for source, job in crawls.items()],
        resources={"runtime": runtime_resource(Runtime(settings, progress))},
        executor=dg.in_process_executor,  # a run is one source: a process a step would cost 3-5 s each
    )


def _assets(settings: Settings, sources: Sequence[Source]) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # of `backfill_policy`: nothing that our reader can act on
        return [
            *(
                asset
                for source in sources
                for asset in source_assets(source=source, sources=sources, settings=settings)
            ),
            search_index_asset(sources=sources, settings=settings),
            failures_asset(sources=sources),
        ]
