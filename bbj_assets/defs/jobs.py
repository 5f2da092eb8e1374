"""The jobs: ingest a source, crawl a site, build what is made of all sources, and try again what failed.

`bbj-ingest-all` runs the same jobs as the UI does. The names that Dagster shows are fixed: schedules, sensors and
queued runs of an existing home refer to a job by its name. That is why the job of `crawl_job` is named `visit_...`.

Dagster's page: https://docs.dagster.io/guides/build/jobs/asset-jobs
"""

import dagster as dg

from bbj_assets.defs.assets import FAILURES, SEARCH_INDEX
from bbj_assets.defs.instance.private_names import AssetJob
from bbj_assets.defs.metadata import rows_table
from bbj_assets.defs.tags import SOURCE_TAG
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.failures import failed_sections

SEARCH_INDEX_JOB = "build_search_index"


def ingest_job_name(source: Source) -> str:
    """Return the name of a source's job."""
    return f"ingest_{source.group}"


def ingest_job(source: Source) -> AssetJob:
    """Return the job that brings one source's chunks and embeddings up to date."""
    return dg.define_asset_job(
        ingest_job_name(source),
        selection=dg.AssetSelection.assets(
            dg.AssetKey([source.group, "chunks"]), dg.AssetKey([source.group, "embeddings"])
        ),
        description=f"Parse what changed in `{source.name}` and embed what is new.",
        tags={SOURCE_TAG: source.name},
    )


def crawl_job_name(source: Source) -> str:
    """Return the name of the job that crawls a web source's site."""
    return f"visit_{source.group}"


def crawl_job(source: Source) -> AssetJob:
    """Return the job that fetches what is new on a web source's site."""
    return dg.define_asset_job(
        crawl_job_name(source),
        selection=dg.AssetSelection.assets(dg.AssetKey([source.group, "raw"])),
        description=f"Fetch the pages of `{source.name}` that are new or have changed.",
        tags={SOURCE_TAG: source.name},
    )


def search_index_job() -> AssetJob:
    """Return the job that builds what is made of all sources: the search index, and the list of failures."""
    return dg.define_asset_job(
        SEARCH_INDEX_JOB,
        selection=dg.AssetSelection.assets(SEARCH_INDEX, FAILURES),
        description="Build what is missing of the vector index, collect orphaned vectors, and list what failed.",
    )


def retry_failed_job(*, settings: Settings) -> dg.JobDefinition:
    """Return the job that asks for another try of the failed items of all sources."""

    @dg.op(description="Lists the sections that hold failed items; a sensor starts a run for each of their sources.")
    def find_failed(context: dg.OpExecutionContext) -> None:
        with database(settings) as url, connect(url) as conn:
            failed = failed_sections(conn)
        rows = [{"source": source, "section": key} for source, keys in failed.items() for key in sorted(keys)]
        context.add_output_metadata({"sections": len(rows), "to_retry": rows_table(rows)})

    @dg.job(
        name="retry_failed",
        executor_def=dg.in_process_executor,
        description="Try the failed files, pages and texts of all sources again, and nothing else.",
    )
    def retry_failed() -> None:
        find_failed()

    return retry_failed
