"""All definitions, made from settings: for the web server, the command line and tests alike."""

import warnings

from dagster import BetaWarning, Definitions

from bbj_assets.defs.assets import search_index_asset, source_assets
from bbj_assets.defs.jobs import ingest_job, search_index_job
from bbj_assets.defs.runtime import Runtime
from bbj_assets.progress import Progress, Silent
from bbj_assets.settings import Settings, SourcesConfig


def build_defs(settings: Settings, config: SourcesConfig, progress: Progress | None = None) -> Definitions:
    """Fresh definitions for the enabled sources of a table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)  # of `backfill_policy`: nothing that our reader can act on
        assets = [asset for source in config.sources for asset in source_assets(source=source, settings=settings)]
    return Definitions(
        assets=[*assets, search_index_asset(sources=config.sources, settings=settings)],
        jobs=[*(ingest_job(source) for source in config.sources), search_index_job()],
        resources={"runtime": Runtime(settings, progress or Silent())},
    )
