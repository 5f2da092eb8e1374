"""Reports as materialization metadata: what Dagster's catalogue shows of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import dagster as dg

from bbj_assets.documents import Item
from bbj_assets.ingest.fingerprints import SHARED, read_as
from bbj_assets.outcomes import Failure
from bbj_assets.reports import ChunksReport, EmbeddingsReport
from bbj_assets.store.corpus import CorpusCounts
from bbj_assets.store.failures import StoredFailure
from bbj_assets.store.samples import SampleChunk
from bbj_assets.store.vector_index import IndexReport

Metadata: TypeAlias = Mapping[str, int | float | str | dg.MetadataValue]
"""Plain numbers and texts where Dagster takes them."""

FINGERPRINT = "fingerprint"
SHARED_FINGERPRINT = "fingerprint_of_shared_files"
"""The fingerprints of a section, and of the files that are no page, when a run read them: the sensor compares them."""

_SHOWN_FAILURES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintsAround:
    """The fingerprints of a source's sections before and after a run read them."""

    before: Mapping[str, str]
    after: Mapping[str, str]


CHUNKS_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("source_url", "text", "The document that the chunk is a part of."),
        dg.TableColumn("ordinal", "integer", "Its position in the document, from 0."),
        dg.TableColumn("content", "text", "Markdown, readable by itself."),
        dg.TableColumn("context_header", "text", "Section path > title > heading; embedded with the content."),
        dg.TableColumn("content_hash", "bytea", "SHA-256 of the embedded text: the key of its vector."),
        dg.TableColumn("token_count", "integer", "Estimated tokens of the embedded text."),
        dg.TableColumn("search_vector", "tsvector", "For full-text search; generated."),
    ]
)
EMBEDDINGS_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("model", "text", "The embedding model."),
        dg.TableColumn("content_hash", "bytea", "SHA-256 of the embedded text."),
        dg.TableColumn("embedding", "vector", "The vector; a function of (model, text)."),
    ]
)
FAILURES_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("stage", "text", "`parse` of an item, or `embed` of a text."),
        dg.TableColumn("item", "text", "The item's key; of a text the SHA-256 in hex."),
        dg.TableColumn("source", "text", "The source that it belongs to."),
        dg.TableColumn("partition_key", "text", "Its section."),
        dg.TableColumn("error_type", "text", "The exception's class."),
        dg.TableColumn("error", "text", "What is wrong and what to do."),
        dg.TableColumn("attempts", "integer", "How often it was tried."),
        dg.TableColumn("first_failed_at", "timestamptz", "When it failed first."),
        dg.TableColumn("last_failed_at", "timestamptz", "When it failed last."),
        dg.TableColumn("run_id", "text", "The run in which it failed last."),
        dg.TableColumn(
            "input", "bytea", "SHA-256 of the input that a parser process was lost on; it is not tried again."
        ),
    ]
)
_FAILURE_COLUMNS = dg.TableSchema(
    columns=[dg.TableColumn("item", "text"), dg.TableColumn("error_type", "text"), dg.TableColumn("error", "text")]
)


def raw_metadata(pages: Sequence[Item]) -> Metadata:
    """Return what a crawl of a web source's site records."""
    problems = [page for page in pages if page.problem]
    return {
        "pages": len(pages),
        "pages_failed": len(problems),
        "failures": rows_table(
            [{"page": page.key, "problem": page.problem or ""} for page in problems[:_SHOWN_FAILURES]]
        ),
    }


def chunks_metadata(
    report: ChunksReport, partition: str, sample: Sequence[SampleChunk] = (), read: FingerprintsAround | None = None
) -> Metadata:
    """Return what `chunks` records for a partition. The duration is that of the whole run.

    Args:
        read: None if the run did not read all of the partition.
    """
    counts = report.partitions[partition]
    return {
        "files_seen": counts.seen,
        "files_changed": counts.changed,
        "files_unchanged": counts.unchanged,
        "files_deleted": counts.deleted,
        "files_failed": counts.failed,
        "chunks_written": counts.chunks_written,
        "chunks_total": counts.chunks_total,
        "dagster/partition_row_count": counts.chunks_total,
        "duration_seconds": round(report.seconds, 3),
        "failures": failures_table([f for f in report.failures if f.partition_key == partition]),
        **({"sample": dg.MetadataValue.md(_as_page(sample))} if sample else {}),
        **({FINGERPRINT: _read_as(read, partition), SHARED_FINGERPRINT: _read_as(read, SHARED)} if read else {}),
    }


def _read_as(read: FingerprintsAround, section: str) -> str:
    return read_as(before=read.before, after=read.after, section=section)


def embeddings_metadata(report: EmbeddingsReport, partition: str) -> Metadata:
    """Return what `embeddings` records for a partition. Batches, retries and duration are those of the whole run."""
    failures = [failure for failure in report.failures if failure.partition_key == partition]
    return {
        "pending": report.pending(partition),
        "embedded": report.embedded(partition),
        "reused": report.reused(partition),
        "failed": len(failures),
        "dagster/partition_row_count": report.reused(partition) + report.embedded(partition),
        "batches": report.batches.completed,
        "batches_failed": report.batches.failed,
        "retries": report.batches.retried,
        "halvings": report.batches.halved,
        "chunks_per_second": round(report.total_embedded / max(report.seconds, 1e-3), 1),
        "model": report.model,
        "duration_seconds": round(report.seconds, 3),
        "failures": failures_table(failures),
    }


def search_index_metadata(report: IndexReport, counts: CorpusCounts, seconds: float) -> Metadata:
    """Return what `search_index` records."""
    return {
        "documents": sum(source.documents for source in counts.sources),
        "chunks": sum(source.chunks for source in counts.sources),
        "vectors": dg.MetadataValue.json(report.vectors),
        "indexes_built": dg.MetadataValue.json(list(report.built)),
        "orphans_marked": report.orphans_marked,
        "orphans_deleted": report.orphans_deleted,
        "by_source": rows_table(
            [
                {
                    "source": source.source,
                    "documents": source.documents,
                    "chunks": source.chunks,
                    "embedded": source.embedded,
                    "failures": source.failures,
                }
                for source in counts.sources
            ]
        ),
        "by_generation": rows_table([{"generation": name, "documents": n} for name, n in counts.generations.items()]),
        "by_document_type": rows_table([{"type": name, "documents": n} for name, n in counts.doc_types.items()]),
        "duration_seconds": round(seconds, 3),
    }


def inventory_metadata(failures: Sequence[StoredFailure]) -> Metadata:
    """Return what `failures` records: counts, and the first failures with their errors."""
    counts = Counter((failure.source, failure.stage) for failure in failures)
    return {
        "dagster/row_count": len(failures),
        "by_source": rows_table(
            [{"source": source, "stage": stage, "failures": count} for (source, stage), count in sorted(counts.items())]
        ),
        "failures": rows_table(
            [
                {
                    "source": failure.source,
                    "section": failure.partition_key,
                    "item": failure.item,
                    "error": failure.error,
                    "attempts": failure.attempts,
                    "since": f"{failure.first_failed_at:%Y-%m-%d %H:%M}" if failure.first_failed_at else "",
                }
                for failure in failures[:_SHOWN_FAILURES]
            ]
        ),
    }


def failures_table(failures: Sequence[Failure]) -> dg.TableMetadataValue:
    """Return the first failures as a table; the `failures` table of the database has all."""
    records = [
        dg.TableRecord({"item": failure.item, "error_type": failure.error_type, "error": failure.error})
        for failure in failures[:_SHOWN_FAILURES]
    ]
    return dg.MetadataValue.table(records, schema=_FAILURE_COLUMNS)


def _as_page(sample: Sequence[SampleChunk]) -> str:
    """Return chunks as a page to read."""
    return "\n\n---\n\n".join(
        f"**{chunk.title}** · `{chunk.source_url}` · {chunk.token_count} tokens\n\n"
        f"> {chunk.context_header}\n\n{chunk.content}"
        for chunk in sample
    )


def rows_table(rows: Sequence[Mapping[str, str | int]]) -> dg.TableMetadataValue:
    """Return rows that all have the same columns as a table."""
    columns = [
        dg.TableColumn(name, "integer" if isinstance(value, int) else "text")
        for name, value in (rows[0] if rows else {"none": ""}).items()
    ]
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=dg.TableSchema(columns=columns))
