"""The assets over all sources: the search index, and what could not be done."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

import dagster as dg

from bbj_assets.defs.assets.automation import FOLLOWS_ITS_INPUTS
from bbj_assets.defs.catalogue import OWNERS, PGVECTOR
from bbj_assets.defs.metadata import FAILURES_COLUMNS, inventory_metadata, search_index_metadata
from bbj_assets.defs.run_errors import failing_the_step
from bbj_assets.defs.runtime import Runtime
from bbj_assets.progress import ProgressOfSources
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import CANCEL_SECONDS, Connection, connect
from bbj_assets.store.corpus import CorpusCounts, corpus_counts
from bbj_assets.store.database import database
from bbj_assets.store.failures import list_failures
from bbj_assets.store.models import active_model
from bbj_assets.store.outages import explaining, retry_outages
from bbj_assets.store.vector_index import IndexReport, refresh_index

SEARCH_INDEX = dg.AssetKey("search_index")
FAILURES = dg.AssetKey("failures")

_Result = TypeVar("_Result")


def search_index_asset(*, sources: Sequence[Source], settings: Settings) -> dg.AssetsDefinition:
    """Return the asset that makes the vectors of all sources searchable fast."""

    @_over_all(
        sources,
        key=SEARCH_INDEX,
        kinds={"pgvector", "postgres"},
        description=f"The vector index over all sources, which {PGVECTOR} searches. Built after a bulk load rather "
        "than fed row by row; orphaned vectors are collected after their grace period, and the planner's statistics "
        "are refreshed.",
    )
    def search_index(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult[None]:
        started = time.monotonic()
        grace = timedelta(days=settings.orphan_grace_days)
        build = partial(_build_index, progress=runtime.progress, grace=grace)
        report, counts = _with_retries(context, runtime, "build the search index", build)
        return dg.MaterializeResult(metadata=search_index_metadata(report, counts, time.monotonic() - started))

    return search_index


def failures_asset(*, sources: Sequence[Source]) -> dg.AssetsDefinition:
    """Return the asset that shows everything that failed in one place."""

    @_over_all(
        sources,
        key=FAILURES,
        kinds={"postgres"},
        metadata={"dagster/column_schema": FAILURES_COLUMNS, "dagster/table_name": "failures"},
        description="Every file, page and text that could not be done, with its real error, until it is done or gone. "
        "Correct it and run the job `retry_failed`; `bbj-assets failures` lists the same on the command line.",
    )
    def failures(context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]) -> dg.MaterializeResult[None]:
        listed = _with_retries(context, runtime, "list what failed", list_failures)
        return dg.MaterializeResult(metadata=inventory_metadata(listed))

    return failures


def _over_all(
    sources: Sequence[Source],
    *,
    key: dg.AssetKey,
    kinds: set[str],
    description: str,
    metadata: Mapping[str, object] | None = None,
) -> Callable[[Callable[..., dg.MaterializeResult[None]]], dg.AssetsDefinition]:
    return dg.asset(
        key=key,
        deps=[dg.AssetKey([source.group, "embeddings"]) for source in sources],
        group_name="search",
        automation_condition=FOLLOWS_ITS_INPUTS,
        kinds=kinds,
        owners=OWNERS,
        metadata=metadata,
        description=description,
    )


def _build_index(
    conn: Connection, *, progress: ProgressOfSources, grace: timedelta
) -> tuple[IndexReport, CorpusCounts]:
    with progress.indexing(partial(conn.cancel_safe, timeout=CANCEL_SECONDS)):
        report = refresh_index(conn, grace)
    return report, corpus_counts(conn, active_model(conn))


def _with_retries(
    context: dg.AssetExecutionContext, runtime: Runtime, doing: str, work: Callable[[Connection], _Result]
) -> _Result:
    """Do the work, and again when the database failed meanwhile: nothing else asks for it before an input changes.

    Raises:
        Failure: trying again did not help, or the run was stopped.
    """
    progress = runtime.logged_progress(context.asset_key.to_user_string(), context.log)

    def attempt(url: str) -> _Result:
        with explaining(doing, url), connect(url) as conn:
            return work(conn)

    with failing_the_step(context), database(runtime.settings) as url:
        return retry_outages(partial(attempt, url), runtime.settings.embedding_retry_seconds, progress.outage)
