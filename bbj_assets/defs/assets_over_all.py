"""The assets over all sources: the search index, and what could not be done."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, asset

from bbj_assets.defs.catalogue import OWNERS, PGVECTOR
from bbj_assets.defs.metadata import FAILURES_COLUMNS, inventory_metadata, search_index_metadata
from bbj_assets.defs.runtime import Runtime
from bbj_assets.defs.sensors.automation import FOLLOWS_ITS_INPUTS
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.corpus import corpus_counts
from bbj_assets.store.database import database
from bbj_assets.store.failures import list_failures
from bbj_assets.store.models import active_model
from bbj_assets.store.outages import explaining
from bbj_assets.store.vector_index import refresh_index

SEARCH_INDEX = AssetKey("search_index")
FAILURES = AssetKey("failures")

_CANCEL_SECONDS = 2.0
"""How long whoever cancels a statement waits until the server has heard it."""


def search_index_asset(*, sources: Sequence[Source], settings: Settings) -> AssetsDefinition:
    """What makes the vectors of all sources searchable fast."""

    @_over_all(
        sources,
        key=SEARCH_INDEX,
        kinds={"pgvector", "postgres"},
        description=f"The vector index over all sources, which {PGVECTOR} searches. Built after a bulk load rather "
        "than fed row by row; orphaned vectors are collected after their grace period, and the planner's statistics "
        "are refreshed.",
    )
    def search_index(context: AssetExecutionContext) -> MaterializeResult[None]:
        started = time.monotonic()
        runtime: Runtime = context.resources.runtime
        with database(settings) as url, explaining("build the search index", url), connect(url) as conn:
            with runtime.progress.indexing(partial(conn.cancel_safe, timeout=_CANCEL_SECONDS)):
                report = refresh_index(conn, timedelta(days=settings.orphan_grace_days))
            counts = corpus_counts(conn, active_model(conn))
        return MaterializeResult(metadata=search_index_metadata(report, counts, time.monotonic() - started))

    return search_index


def failures_asset(*, sources: Sequence[Source], settings: Settings) -> AssetsDefinition:
    """Everything that could not be done, in one place."""

    @_over_all(
        sources,
        key=FAILURES,
        kinds={"postgres"},
        metadata={"dagster/column_schema": FAILURES_COLUMNS, "dagster/table_name": "failures"},
        description="Every file, page and text that could not be done, with its real error, until it is done or gone. "
        "Correct it and run the job `retry_failed`; `bbj-assets failures` lists the same on the command line.",
    )
    def failures() -> MaterializeResult[None]:
        with database(settings) as url, explaining("list what failed", url), connect(url) as conn:
            return MaterializeResult(metadata=inventory_metadata(list_failures(conn)))

    return failures


def _over_all(
    sources: Sequence[Source],
    *,
    key: AssetKey,
    kinds: set[str],
    description: str,
    metadata: Mapping[str, object] | None = None,
) -> Callable[[Callable[..., MaterializeResult[None]]], AssetsDefinition]:
    return asset(
        key=key,
        deps=[AssetKey([source.group, "embeddings"]) for source in sources],
        group_name="search",
        automation_condition=FOLLOWS_ITS_INPUTS,
        required_resource_keys={"runtime"},  # which shows that its process lives
        kinds=kinds,
        owners=OWNERS,
        metadata=metadata,
        description=description,
    )
