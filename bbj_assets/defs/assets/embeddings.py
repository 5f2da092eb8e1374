"""The embeddings of a source: a vector for every text of its chunks."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from bbj_assets.defs.assets.recording import backfill_policy, log_failures, record_partitions
from bbj_assets.defs.catalogue import OWNERS, PGVECTOR
from bbj_assets.defs.metadata import EMBEDDINGS_COLUMNS, embeddings_metadata
from bbj_assets.defs.partitions import sections
from bbj_assets.defs.run_config import is_set
from bbj_assets.defs.run_errors import failing_the_step
from bbj_assets.defs.runtime import Runtime
from bbj_assets.embedding.in_use import embedder_in_use
from bbj_assets.embedding.options import batch_options
from bbj_assets.embedding.runner.batches import EmbeddingTask, embed_pending
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.documents import runs_with_texts_to_embed
from bbj_assets.store.outages import explaining

EMBEDDER_POOL = "embedder"
"""How many runs may use the embedder at once is the limit of this pool (dagster.yaml, or Concurrency in the UI)."""

_OUTAGE_FACTOR = 10
"""An embedder that is down takes longer to come back than one that failed a batch."""


class EmbeddingsConfig(dg.Config):
    """The configuration of a run of `embeddings`."""

    retry_failed: bool = Field(
        default=False,
        description="Embed only the texts that failed before, and those of files that had failed and are parsed now.",
    )


def embeddings_asset(*, source: Source, chunks: dg.AssetKey, settings: Settings) -> dg.AssetsDefinition:
    """Return the asset of a source's embeddings."""

    @dg.asset(
        key=dg.AssetKey([source.group, "embeddings"]),
        deps=[chunks],
        group_name=source.group,
        partitions_def=sections(source),
        backfill_policy=backfill_policy(settings),
        retry_policy=_retry_policy(settings),
        pool=EMBEDDER_POOL,
        kinds={settings.embedder if settings.embedder != "embedded" else "onnx", "pgvector"},
        owners=OWNERS,
        metadata={"dagster/column_schema": EMBEDDINGS_COLUMNS, "dagster/table_name": "embeddings"},
        description=f"A vector for every chunk of `{source.name}`, in PostgreSQL with {PGVECTOR}. A vector is a "
        "function of (model, text), so text that was embedded before, here or in another source, costs nothing.",
    )
    async def embeddings(
        context: dg.AssetExecutionContext, config: EmbeddingsConfig, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult[None]:
        progress = runtime.logged_progress(source.name, context.log)
        with failing_the_step(context), database(runtime.settings) as url:
            async with embedder_in_use(runtime.settings, url) as embedder:
                task = _task(context, config, source, url=url, model=embedder.model)
                report = await embed_pending(url, embedder, task, batch_options(runtime.settings), progress)
        log_failures(context.log, report.failures)
        return record_partitions(context, {key: embeddings_metadata(report, key) for key in context.partition_keys})

    return embeddings


def _task(
    context: dg.AssetExecutionContext, config: EmbeddingsConfig, source: Source, *, url: str, model: str
) -> EmbeddingTask:
    return EmbeddingTask(
        source=source.name,
        partitions=context.partition_keys,
        only_failed=config.retry_failed,
        parsed_in=_unfinished_retries(context, source, url=url, model=model) if config.retry_failed else (),
        run_id=context.run.run_id,
    )


def _unfinished_retries(context: dg.AssetExecutionContext, source: Source, *, url: str, model: str) -> Sequence[str]:
    """Return the runs over failed items that parsed some whose texts are still to be embedded.

    That is this run, and those before it that ended early. Only the configuration of the run that parsed a text says
    that it is one of them.
    """
    with explaining(f"look up what is to be embedded of {source.name!r}", url), connect(url) as conn:
        run_ids = runs_with_texts_to_embed(conn, model, source.name, context.partition_keys)
    runs = [context.instance.get_run_by_id(run_id) for run_id in run_ids]
    return [run.run_id for run in runs if run and is_set(run, "retry_failed")]


def _retry_policy(settings: Settings) -> dg.RetryPolicy:
    """Return the policy for an embedder that is down: what was embedded stays stored, a retry does what is missing."""
    delay = _OUTAGE_FACTOR * settings.embedding_retry_seconds
    return dg.RetryPolicy(max_retries=3, delay=delay, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
