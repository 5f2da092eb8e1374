"""Reports as materialization metadata: what a reader of Dagster's catalogue sees of a run."""

from collections.abc import Mapping, Sequence

from dagster import MetadataValue, TableColumn, TableMetadataValue, TableRecord, TableSchema

from bbj_assets.embedding.batches import EmbeddingsReport
from bbj_assets.ingest.chunks import ChunksReport
from bbj_assets.outcomes import Failure
from bbj_assets.store.corpus import CorpusCounts
from bbj_assets.store.vector_index import IndexReport

Metadata = Mapping[str, MetadataValue]

_SHOWN_FAILURES = 50

CHUNKS_COLUMNS = TableSchema(
    columns=[
        TableColumn("source_url", "text", "The document that the chunk is a part of."),
        TableColumn("ordinal", "integer", "Its position in the document, from 0."),
        TableColumn("content", "text", "Markdown, readable by itself."),
        TableColumn("context_header", "text", "Section path > title > heading; embedded with the content."),
        TableColumn("content_hash", "bytea", "SHA-256 of the embedded text: the key of its vector."),
        TableColumn("token_count", "integer", "Estimated tokens of the embedded text."),
        TableColumn("search_vector", "tsvector", "For full-text search; generated."),
    ]
)
EMBEDDINGS_COLUMNS = TableSchema(
    columns=[
        TableColumn("model", "text", "The embedding model."),
        TableColumn("content_hash", "bytea", "SHA-256 of the embedded text."),
        TableColumn("embedding", "vector", "The vector; a function of (model, text)."),
    ]
)
_FAILURE_COLUMNS = TableSchema(
    columns=[TableColumn("item", "text"), TableColumn("error_type", "text"), TableColumn("error", "text")]
)


def chunks_metadata(report: ChunksReport, partition: str) -> Metadata:
    """What `chunks` records for a partition; the duration is that of the whole run."""
    counts = report.partitions[partition]
    return {
        "files_seen": MetadataValue.int(counts.seen),
        "files_changed": MetadataValue.int(counts.changed),
        "files_unchanged": MetadataValue.int(counts.unchanged),
        "files_deleted": MetadataValue.int(counts.deleted),
        "files_failed": MetadataValue.int(counts.failed),
        "chunks_written": MetadataValue.int(counts.chunks_written),
        "chunks_total": MetadataValue.int(counts.chunks_total),
        "dagster/partition_row_count": MetadataValue.int(counts.chunks_total),
        "duration_seconds": MetadataValue.float(round(report.seconds, 3)),
        "failures": failures_table([f for f in report.failures if f.partition_key == partition]),
    }


def embeddings_metadata(report: EmbeddingsReport, partition: str) -> Metadata:
    """What `embeddings` records for a partition; batches, retries and duration are those of the whole run."""
    failures = [failure for failure in report.failures if failure.partition_key == partition]
    return {
        "pending": MetadataValue.int(report.pending(partition)),
        "embedded": MetadataValue.int(report.embedded(partition)),
        "reused": MetadataValue.int(report.reused(partition)),
        "failed": MetadataValue.int(len(failures)),
        "dagster/partition_row_count": MetadataValue.int(report.reused(partition) + report.embedded(partition)),
        "batches": MetadataValue.int(report.batches["completed"]),
        "retries": MetadataValue.int(report.batches["retried"]),
        "chunks_per_second": MetadataValue.float(round(report.total_embedded / max(report.seconds, 1e-3), 1)),
        "model": MetadataValue.text(report.model),
        "duration_seconds": MetadataValue.float(round(report.seconds, 3)),
        "failures": failures_table(failures),
    }


def search_index_metadata(report: IndexReport, counts: CorpusCounts, seconds: float) -> Metadata:
    """What `search_index` records."""
    return {
        "documents": MetadataValue.int(sum(source.documents for source in counts.sources)),
        "chunks": MetadataValue.int(sum(source.chunks for source in counts.sources)),
        "vectors": MetadataValue.json(report.vectors),
        "indexes_built": MetadataValue.json(list(report.built)),
        "orphans_marked": MetadataValue.int(report.orphans_marked),
        "orphans_deleted": MetadataValue.int(report.orphans_deleted),
        "by_source": _table(
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
        "by_generation": _table([{"generation": name, "documents": n} for name, n in counts.generations.items()]),
        "by_document_type": _table([{"type": name, "documents": n} for name, n in counts.doc_types.items()]),
        "duration_seconds": MetadataValue.float(round(seconds, 3)),
    }


def failures_table(failures: Sequence[Failure]) -> TableMetadataValue:
    """The first failures as a table; the `failures` table of the database has all."""
    records = [
        TableRecord({"item": failure.item, "error_type": failure.error_type, "error": failure.error})
        for failure in failures[:_SHOWN_FAILURES]
    ]
    return MetadataValue.table(records, schema=_FAILURE_COLUMNS)


def _table(rows: Sequence[Mapping[str, str | int]]) -> TableMetadataValue:
    columns = [
        TableColumn(name, "integer" if isinstance(value, int) else "text")
        for name, value in (rows[0] if rows else {"none": ""}).items()
    ]
    return MetadataValue.table([TableRecord(dict(row)) for row in rows], schema=TableSchema(columns=columns))
