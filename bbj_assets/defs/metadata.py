"""Reports as materialization metadata: what a reader of Dagster's catalogue sees of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dagster import MetadataValue, TableColumn, TableMetadataValue, TableRecord, TableSchema, TextMetadataValue

from bbj_assets.documents import Item
from bbj_assets.ingest.fingerprints import SHARED, read_as
from bbj_assets.outcomes import Failure
from bbj_assets.reports import ChunksReport, EmbeddingsReport
from bbj_assets.store.corpus import CorpusCounts
from bbj_assets.store.failures import StoredFailure
from bbj_assets.store.samples import SampleChunk
from bbj_assets.store.vector_index import IndexReport

Metadata = Mapping[str, MetadataValue]

FINGERPRINT = "fingerprint"
SHARED_FINGERPRINT = "fingerprint_of_shared_files"
"""What a section, and the files that are no page, looked like when they were read: the sensor compares them."""

_SHOWN_FAILURES = 50


class FingerprintsAround(NamedTuple):
    """The fingerprints of a source's sections before and after a run read them."""

    before: Mapping[str, str]
    after: Mapping[str, str]


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
FAILURES_COLUMNS = TableSchema(
    columns=[
        TableColumn("stage", "text", "`parse` of an item, or `embed` of a text."),
        TableColumn("item", "text", "The item's key; of a text the SHA-256 in hex."),
        TableColumn("source", "text", "The source that it belongs to."),
        TableColumn("partition_key", "text", "Its section."),
        TableColumn("error_type", "text", "The exception's class."),
        TableColumn("error", "text", "What is wrong and what to do."),
        TableColumn("attempts", "integer", "How often it was tried."),
        TableColumn("first_failed_at", "timestamptz", "When it failed first."),
        TableColumn("last_failed_at", "timestamptz", "When it failed last."),
        TableColumn("run_id", "text", "The run in which it failed last."),
        TableColumn("input", "bytea", "SHA-256 of what a parser had read that was lost over it; it is tried no more."),
    ]
)
_FAILURE_COLUMNS = TableSchema(
    columns=[TableColumn("item", "text"), TableColumn("error_type", "text"), TableColumn("error", "text")]
)


def raw_metadata(pages: Sequence[Item]) -> Metadata:
    """What a visit of a web source's site records."""
    problems = [page for page in pages if page.problem]
    return {
        "pages": MetadataValue.int(len(pages)),
        "pages_failed": MetadataValue.int(len(problems)),
        "failures": rows_table(
            [{"page": page.key, "problem": page.problem or ""} for page in problems[:_SHOWN_FAILURES]]
        ),
    }


def chunks_metadata(
    report: ChunksReport, partition: str, sample: Sequence[SampleChunk] = (), read: FingerprintsAround | None = None
) -> Metadata:
    """What `chunks` records for a partition; the duration is that of the whole run.

    Args:
        read: None if the run did not read all of the partition.
    """
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
        **({"sample": MetadataValue.md(_shown(sample))} if sample else {}),
        **({FINGERPRINT: _read_as(read, partition), SHARED_FINGERPRINT: _read_as(read, SHARED)} if read else {}),
    }


def _read_as(read: FingerprintsAround, section: str) -> TextMetadataValue:
    return MetadataValue.text(read_as(read.before, read.after, section))


def embeddings_metadata(report: EmbeddingsReport, partition: str) -> Metadata:
    """What `embeddings` records for a partition; batches, retries and duration are those of the whole run."""
    failures = [failure for failure in report.failures if failure.partition_key == partition]
    return {
        "pending": MetadataValue.int(report.pending(partition)),
        "embedded": MetadataValue.int(report.embedded(partition)),
        "reused": MetadataValue.int(report.reused(partition)),
        "failed": MetadataValue.int(len(failures)),
        "dagster/partition_row_count": MetadataValue.int(report.reused(partition) + report.embedded(partition)),
        "batches": MetadataValue.int(report.batches.completed),
        "batches_failed": MetadataValue.int(report.batches.failed),
        "retries": MetadataValue.int(report.batches.retried),
        "halvings": MetadataValue.int(report.batches.halved),
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
        "duration_seconds": MetadataValue.float(round(seconds, 3)),
    }


def inventory_metadata(failures: Sequence[StoredFailure]) -> Metadata:
    """What `failures` records: counts, and the first failures of all with what there is to know of them."""
    counts = Counter((failure.source, failure.stage) for failure in failures)
    return {
        "dagster/row_count": MetadataValue.int(len(failures)),
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


def failures_table(failures: Sequence[Failure]) -> TableMetadataValue:
    """The first failures as a table; the `failures` table of the database has all."""
    records = [
        TableRecord({"item": failure.item, "error_type": failure.error_type, "error": failure.error})
        for failure in failures[:_SHOWN_FAILURES]
    ]
    return MetadataValue.table(records, schema=_FAILURE_COLUMNS)


def _shown(sample: Sequence[SampleChunk]) -> str:
    """Chunks as a page to read."""
    return "\n\n---\n\n".join(
        f"**{chunk.title}** · `{chunk.source_url}` · {chunk.token_count} tokens\n\n"
        f"> {chunk.context_header}\n\n{chunk.content}"
        for chunk in sample
    )


def rows_table(rows: Sequence[Mapping[str, str | int]]) -> TableMetadataValue:
    """Rows that all have the same columns, as a table."""
    columns = [
        TableColumn(name, "integer" if isinstance(value, int) else "text")
        for name, value in (rows[0] if rows else {"none": ""}).items()
    ]
    return MetadataValue.table([TableRecord(dict(row)) for row in rows], schema=TableSchema(columns=columns))
