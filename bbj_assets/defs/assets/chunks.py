"""The chunks of a source: its documents, parsed and cut."""

import os
from collections.abc import Collection, Mapping, Sequence

import dagster as dg
from pydantic import Field

from bbj_assets.defs.assets.recording import backfill_policy, log_failures, record_partitions
from bbj_assets.defs.catalogue import OWNERS, published
from bbj_assets.defs.metadata import CHUNKS_COLUMNS, FingerprintsAround, chunks_metadata
from bbj_assets.defs.partitions import sections
from bbj_assets.defs.run_errors import failing_the_step
from bbj_assets.defs.runtime import Runtime
from bbj_assets.ingest.code_version import code_version_of
from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.reports import ChunksReport
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.outages import explaining
from bbj_assets.store.samples import SampleChunk, sample_chunks


class ChunksConfig(dg.Config):
    """The configuration of a run of `chunks`."""

    retry_failed: bool = Field(default=False, description="Parse only the files that failed before.")
    allow_shrink: bool = Field(
        default=False, description="Delete also when more than half of the source's documents are gone."
    )


def chunks_asset(
    *, source: Source, raw: dg.AssetKey, sources: Collection[str], settings: Settings
) -> dg.AssetsDefinition:
    """Return the asset of a source's chunks.

    Args:
        sources: the names of the table; pages of a source that is not among them may become this one's.
    """

    @dg.asset(
        key=dg.AssetKey([source.group, "chunks"]),
        deps=[raw],
        group_name=source.group,
        partitions_def=sections(source),
        backfill_policy=backfill_policy(settings),
        code_version=code_version_of(source, settings.chunks),
        kinds={"python", "postgres"},
        owners=OWNERS,
        tags={"parser": source.parser},
        metadata={"dagster/column_schema": CHUNKS_COLUMNS, "dagster/table_name": "chunks"},
        description=f"The documents of `{source.name}`, parsed to Markdown and cut into chunks that are found as one. "
        f"Only what changed is parsed; a document is replaced in one transaction.{published(source)}",
    )
    def chunks(
        context: dg.AssetExecutionContext, config: ChunksConfig, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult[None]:
        options = _parse_options(runtime.settings, config, sources=sources, run_id=context.run.run_id)
        progress = runtime.logged_progress(source.name, context.log)
        with failing_the_step(context), database(runtime.settings) as url:
            before = fingerprints(source)
            with connect(url) as conn:
                report = refresh_chunks(conn, source, context.partition_keys, options, progress)
            read = None if config.retry_failed else FingerprintsAround(before=before, after=fingerprints(source))
            samples = _samples(url, source, report)
        log_failures(context.log, report.failures)
        return record_partitions(
            context, {key: chunks_metadata(report, key, samples.get(key, []), read) for key in report.partitions}
        )

    return chunks


def _parse_options(settings: Settings, config: ChunksConfig, *, sources: Collection[str], run_id: str) -> ParseOptions:
    return ParseOptions(
        chunks=settings.chunks,
        processes=settings.parse_workers or os.cpu_count() or 1,
        allow_shrink=config.allow_shrink,
        only_failed=config.retry_failed,
        initial_delay=settings.embedding_retry_seconds,
        sources=set(sources),
        run_id=run_id,
    )


def _samples(url: str, source: Source, report: ChunksReport) -> Mapping[str, Sequence[SampleChunk]]:
    doing = f"sample the chunks of {source.name!r}"
    with explaining(doing, url), connect(url) as conn:  # another connection: that of the refresh may have been lost
        return sample_chunks(conn, source.name, report.partitions)
