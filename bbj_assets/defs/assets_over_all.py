"""The assets over all sources: the search index, and what could not be done."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, asset

from bbj_assets.defs.catalogue import OWNERS, PGVECTOR
from bbj_assets.defs.logged_progress import LoggedProgress
from bbj_assets.defs.metadata import FAILURES_COLUMNS, inventory_metadata, search_index_metadata
from bbj_assets.defs.run_errors import failing_the_step
from bbj_assets.defs.runtime import Runtime
from bbj_assets.defs.sensors.automation import FOLLOWS_ITS_INPUTS
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.corpus import CorpusCounts, corpus_counts
from bbj_assets.store.database import database
from bbj_assets.store.failures import list_failures
from bbj_assets.store.models import active_model
from bbj_assets.store.outages import explaining, retry_outages
from bbj_assets.store.vector_index import IndexReport, refresh_index

SEARCH_INDEX = AssetKey("search_index")
FAILURES = AssetKey("failures")

_Made = TypeVar("_Made")

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

        def build(conn: Connection) -> tuple[IndexReport, CorpusCounts]:
            with runtime.progress.indexing(partial(conn.cancel_safe, timeout=_CANCEL_SECONDS)):
                report = refresh_index(conn, timedelta(days=settings.orphan_grace_days))
            return report, corpus_counts(conn, active_model(conn))

        report, counts = _with_retries(context, settings, "build the search index", build)
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
    def failures(context: AssetExecutionContext) -> MaterializeResult[None]:
        listed = _with_retries(context, settings, "list what failed", list_failures)
        return MaterializeResult(metadata=inventory_metadata(listed))

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


def _with_retries(
    context: AssetExecutionContext, settings: Settings, doing: str, work: Callable[[Connection], _Made]
) -> _Made:
    """Do it, and again when the database went away meanwhile: nobody would ask for it before an input changes.

    Raises:
        Failure: trying again did not help, or somebody stopped it.
    """
    runtime: Runtime = context.resources.runtime
    progress = LoggedProgress(runtime.progress.of(context.asset_key.to_user_string()), context.log)

    def attempt(url: str) -> _Made:
        with explaining(doing, url), connect(url) as conn:
            return work(conn)

    with failing_the_step(context), database(settings) as url:
        return retry_outages(partial(attempt, url), settings.embedding_retry_seconds, progress.outage)
