"""The jobs: one a source, and one for the search index. `bbj-ingest-all` runs them, and so can the web UI."""

from dagster import AssetKey, AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from bbj_assets.defs.assets import SEARCH_INDEX
from bbj_assets.source import Source

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
    )


def search_index_job() -> UnresolvedAssetJobDefinition:
    """Build the search index."""
    return define_asset_job(
        SEARCH_INDEX_JOB,
        selection=AssetSelection.assets(SEARCH_INDEX),
        description="Build what is missing of the vector index, and collect orphaned vectors.",
    )
