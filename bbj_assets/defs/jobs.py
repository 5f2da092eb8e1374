"""The jobs: a source, the visit of a site, what is built of all sources, and another try at what failed.

`bbj-ingest-all` runs the same jobs as the UI does.
"""

from collections.abc import Mapping
from typing import Literal

from dagster import (
    AssetKey,
    AssetSelection,
    DagsterRun,
    JobDefinition,
    MetadataValue,
    OpExecutionContext,
    define_asset_job,
    in_process_executor,
    job,
    op,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from bbj_assets.defs.assets_over_all import FAILURES, SEARCH_INDEX
from bbj_assets.defs.metadata import rows_table
from bbj_assets.defs.source_run import SourceRun
from bbj_assets.defs.tags import SOURCE_TAG
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.failures import failed_sections

SEARCH_INDEX_JOB = "build_search_index"


def ingest_job_name(source: Source) -> str:
    """The name of a source's job."""
    return f"ingest_{source.group}"


def ingest_job(source: Source) -> UnresolvedAssetJobDefinition:
    """Bring one source's chunks and embeddings up to date."""
    return define_asset_job(
        ingest_job_name(source),
        selection=AssetSelection.assets(AssetKey([source.group, "chunks"]), AssetKey([source.group, "embeddings"])),
        description=f"Parse what changed in `{source.name}` and embed what is new.",
        tags={SOURCE_TAG: source.name},
    )


def ingest_config(source: Source, run: SourceRun) -> Mapping[str, object]:
    """The configuration of a run of a source's job."""
    chunks = {"retry_failed": run.retry_failed, "allow_shrink": run.allow_shrink}
    embeddings = {"retry_failed": run.retry_failed}
    return {
        "ops": {
            f"{source.group}__chunks": {"config": chunks},
            f"{source.group}__embeddings": {"config": embeddings},
        }
    }


def is_told(run: DagsterRun, wish: Literal["retry_failed", "allow_shrink"]) -> bool:
    """Whether a run's configuration, be it by `ingest_config` or typed by a person, says so to one of its steps."""
    steps = run.run_config.get("ops")
    configured = [step.get("config") for step in steps.values() if step] if isinstance(steps, Mapping) else []
    return any(config.get(wish) for config in configured if config)


def visit_job_name(source: Source) -> str:
    """The name of the job that visits a web source's site."""
    return f"visit_{source.group}"


def visit_job(source: Source) -> UnresolvedAssetJobDefinition:
    """Fetch what is new on a web source's site."""
    return define_asset_job(
        visit_job_name(source),
        selection=AssetSelection.assets(AssetKey([source.group, "raw"])),
        description=f"Fetch the pages of `{source.name}` that are new or have changed.",
        tags={SOURCE_TAG: source.name},
    )


def search_index_job() -> UnresolvedAssetJobDefinition:
    """Build what is made of all sources: the search index, and the list of failures."""
    return define_asset_job(
        SEARCH_INDEX_JOB,
        selection=AssetSelection.assets(SEARCH_INDEX, FAILURES),
        description="Build what is missing of the vector index, collect orphaned vectors, and list what failed.",
    )


def retry_failed_job(*, settings: Settings) -> JobDefinition:
    """Try the failed items of all sources again."""

    @op(description="Lists the sections that hold failed items; a sensor starts a run for each of their sources.")
    def find_failed(context: OpExecutionContext) -> None:
        with database(settings) as url, connect(url) as conn:
            failed = failed_sections(conn)
        rows = [{"source": source, "section": key} for source, keys in failed.items() for key in sorted(keys)]
        context.add_output_metadata({"sections": MetadataValue.int(len(rows)), "to_retry": rows_table(rows)})

    @job(
        name="retry_failed",
        executor_def=in_process_executor,
        description="Try the failed files, pages and texts of all sources again, and nothing else.",
    )
    def retry_failed() -> None:
        find_failed()

    return retry_failed
