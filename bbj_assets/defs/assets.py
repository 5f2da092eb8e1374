"""The assets of a source: its raw files, chunks and embeddings.

The factory makes them from the table of sources, so adding a source is editing a table. A body translates:
Dagster's context in, a plain function called, its report out as metadata.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    Backoff,
    Config,
    DataVersion,
    FreshnessPolicy,
    Jitter,
    MaterializeResult,
    ResourceParam,
    RetryPolicy,
    asset,
    multi_asset,
)
from pydantic import Field

from bbj_assets.defs.catalogue import OWNERS, PGVECTOR, origin, places, published, raw_kind
from bbj_assets.defs.jobs import is_told
from bbj_assets.defs.logged_progress import LoggedProgress
from bbj_assets.defs.metadata import (
    CHUNKS_COLUMNS,
    EMBEDDINGS_COLUMNS,
    FingerprintsAround,
    Metadata,
    chunks_metadata,
    embeddings_metadata,
    raw_metadata,
)
from bbj_assets.defs.partitions import register_sections, sections
from bbj_assets.defs.run_errors import failing_the_step
from bbj_assets.defs.runtime import Runtime
from bbj_assets.embedding.in_use import embedder_in_use
from bbj_assets.embedding.runner.batches import EmbeddingTask, embed_pending
from bbj_assets.ingest.code_version import code_version_of
from bbj_assets.ingest.fetching import fetch_site, is_web
from bbj_assets.ingest.fingerprints import data_version, fingerprints
from bbj_assets.ingest.listing import list_items
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.outcomes import Failure as ItemFailure
from bbj_assets.reports import ChunksReport
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.documents import runs_with_texts_to_embed
from bbj_assets.store.outages import explaining
from bbj_assets.store.samples import SampleChunk, sample_chunks

EMBEDDER_POOL = "embedder"
"""How many runs may use the embedder at once is the limit of this pool (dagster.yaml, or Concurrency in the UI)."""

_LOGGED_FAILURES = 20
"""Each line of a run's log is a write to Dagster's event log; thousands of them would take minutes."""

_OUTAGE_FACTOR = 10
"""An embedder that is down takes longer to come back than one that stumbled over a batch."""


class ChunksConfig(Config):
    """What a run of `chunks` may be told."""

    retry_failed: bool = Field(default=False, description="Parse only the files that failed before.")
    allow_shrink: bool = Field(
        default=False, description="Delete also when more than half of the source's documents are gone."
    )


class EmbeddingsConfig(Config):
    """What a run of `embeddings` may be told."""

    retry_failed: bool = Field(
        default=False,
        description="Embed only the texts that failed before, and those of files that had failed and are parsed now.",
    )


def source_assets(
    *, source: Source, sources: Sequence[Source], settings: Settings
) -> list[AssetSpec | AssetsDefinition]:
    """The lineage of one source: raw, chunks, embeddings. Pages of what is none of `sources` may become its own."""
    raw = AssetSpec(
        AssetKey([source.group, "raw"]),
        group_name=source.group,
        description=f"{source.description or source.name}, as it is written. Read from {origin(source)}."
        f"{published(source)}",
        kinds={raw_kind(source)},
        owners=OWNERS,
        tags={"parser": source.parser},
        metadata=places(source),
        partitions_def=None if is_web(source) else sections(source),
        freshness_policy=_freshness(settings) if is_web(source) else None,
    )
    backfill = (
        BackfillPolicy.multi_run(settings.backfill_partitions_per_run)
        if settings.backfill_partitions_per_run
        else BackfillPolicy.single_run()
    )

    @asset(
        key=AssetKey([source.group, "chunks"]),
        deps=[raw.key],
        group_name=source.group,
        partitions_def=sections(source),
        backfill_policy=backfill,
        code_version=code_version_of(source, settings.chunks),
        kinds={"python", "postgres"},
        owners=OWNERS,
        tags={"parser": source.parser},
        metadata={"dagster/column_schema": CHUNKS_COLUMNS, "dagster/table_name": "chunks"},
        description=f"The documents of `{source.name}`, parsed to Markdown and cut into chunks that are found as one. "
        f"Only what changed is parsed; a document is replaced in one transaction.{published(source)}",
    )
    def chunks(
        context: AssetExecutionContext, config: ChunksConfig, runtime: ResourceParam[Runtime]
    ) -> MaterializeResult[None]:
        options = ParseOptions(
            chunks=settings.chunks,
            processes=settings.parse_workers or os.cpu_count() or 1,
            allow_shrink=config.allow_shrink,
            only_failed=config.retry_failed,
            initial_delay=settings.embedding_retry_seconds,
            sources={each.name for each in sources},
            run_id=context.run.run_id,
        )
        progress = LoggedProgress(runtime.progress.of(source.name), context.log)
        with failing_the_step(context), database(settings) as url:
            before = fingerprints(source)
            with connect(url) as conn:
                report = refresh_chunks(conn, source, context.partition_keys, options, progress)
            read = None if config.retry_failed else FingerprintsAround(before, fingerprints(source))
            samples = _samples(url, source, report)
        _log_failures(context, report.failures)
        return _result(
            context, {key: chunks_metadata(report, key, samples.get(key, []), read) for key in report.partitions}
        )

    @asset(
        key=AssetKey([source.group, "embeddings"]),
        deps=[chunks],
        group_name=source.group,
        partitions_def=sections(source),
        backfill_policy=backfill,
        retry_policy=_embedder_retry(settings),
        pool=EMBEDDER_POOL,
        kinds={settings.embedder if settings.embedder != "embedded" else "onnx", "pgvector"},
        owners=OWNERS,
        metadata={"dagster/column_schema": EMBEDDINGS_COLUMNS, "dagster/table_name": "embeddings"},
        description=f"A vector for every chunk of `{source.name}`, in PostgreSQL with {PGVECTOR}. A vector is a "
        "function of (model, text), so text that was embedded before, here or in another source, costs nothing.",
    )
    async def embeddings(
        context: AssetExecutionContext, config: EmbeddingsConfig, runtime: ResourceParam[Runtime]
    ) -> MaterializeResult[None]:
        progress = LoggedProgress(runtime.progress.of(source.name), context.log)
        with failing_the_step(context), database(settings) as url:
            async with embedder_in_use(settings, url) as embedder:
                task = EmbeddingTask(
                    source=source.name,
                    partitions=context.partition_keys,
                    only_failed=config.retry_failed,
                    parsed_in=_retries(context, url, source, embedder.model) if config.retry_failed else (),
                    run_id=context.run.run_id,
                )
                report = await embed_pending(url, embedder, task, runtime.batch_options, progress)
        _log_failures(context, report.failures)
        return _result(context, {key: embeddings_metadata(report, key) for key in context.partition_keys})

    return [_visited(raw, source, settings) if is_web(source) else raw, chunks, embeddings]


def _visited(raw: AssetSpec, source: Source, settings: Settings) -> AssetsDefinition:
    """The raw pages of a web source: materialized by a visit of its site, which also registers new sections."""

    @multi_asset(name=f"{source.group}__raw", specs=[raw])
    def visited(context: AssetExecutionContext, runtime: ResourceParam[Runtime]) -> MaterializeResult[None]:
        progress = LoggedProgress(runtime.progress.of(source.name), context.log)
        doing = f"crawl the site of {source.name!r}"
        with failing_the_step(context), database(settings) as url, explaining(doing, url), connect(url) as conn:
            fetch_site(conn, source, progress)
            register_sections(context.instance, conn, source)
        return MaterializeResult(
            asset_key=raw.key,
            metadata=raw_metadata(list(list_items(source))),
            data_version=DataVersion(data_version(fingerprints(source))),  # a visit that found nothing new is no news
        )

    return visited


def _retries(context: AssetExecutionContext, url: str, source: Source, model: str) -> list[str]:
    """The runs over what had failed that parsed some of it whose texts are still to be embedded.

    This one, and those before that ended early: nothing but their configuration tells their texts from others.
    """
    with explaining(f"look up what is to be embedded of {source.name!r}", url), connect(url) as conn:
        left = runs_with_texts_to_embed(conn, model, source.name, context.partition_keys)
    runs = [context.instance.get_run_by_id(run_id) for run_id in left]
    return [run.run_id for run in runs if run and is_told(run, "retry_failed")]


def _samples(url: str, source: Source, report: ChunksReport) -> Mapping[str, Sequence[SampleChunk]]:
    doing = f"sample the chunks of {source.name!r}"
    with explaining(doing, url), connect(url) as conn:  # another connection: that of the refresh may have been lost
        return sample_chunks(conn, source.name, report.partitions)


def _log_failures(context: AssetExecutionContext, failures: Sequence[ItemFailure]) -> None:
    for failure in failures[:_LOGGED_FAILURES]:
        context.log.warning("%s: %s", failure.item, failure.error)
    more = len(failures) - _LOGGED_FAILURES
    if more > 0:
        context.log.warning("%d more failed. `bbj-assets failures` and the asset `failures` list all of them.", more)


def _result(context: AssetExecutionContext, by_partition: Mapping[str, Metadata]) -> MaterializeResult[None]:
    for key, metadata in by_partition.items():
        context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=key)
    return MaterializeResult()


def _freshness(settings: Settings) -> FreshnessPolicy:
    fail = timedelta(hours=settings.visit_fresh_hours)
    return FreshnessPolicy.time_window(warn_window=fail * 0.75, fail_window=fail)


def _embedder_retry(settings: Settings) -> RetryPolicy:
    """For an embedder that is down: what was embedded stays stored, and a retry takes up what is missing."""
    delay = _OUTAGE_FACTOR * settings.embedding_retry_seconds
    return RetryPolicy(max_retries=3, delay=delay, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)
