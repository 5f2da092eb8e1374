"""The table `failures`: every item and text that failed, with its error, until it succeeds or is deleted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from bbj_assets.outcomes import Failure, FailureStage
from bbj_assets.store.connection import AsyncConnection, Connection

_COLUMNS = """
    stage, item, source, partition_key, error_type, error, attempts, input,
    CASE
        WHEN stage = 'parse' THEN item
        WHEN item ~ '^[0-9a-f]{64}$' THEN (
            SELECT min(source_url)
            FROM (
                SELECT source_url FROM chunks JOIN documents USING (source_url)
                WHERE content_hash = decode(failures.item, 'hex') AND documents.source = failures.source
                OFFSET 0  -- without it PostgreSQL reads all chunks in the order of their pages to find the first one
            ) AS pages
        )
    END,
    nullif(model, ''), first_failed_at, last_failed_at, run_id
"""
_RECORD = """
    INSERT INTO failures (stage, item, source, partition_key, error_type, error, attempts, input, model, run_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (stage, item, source, model) DO UPDATE SET
        partition_key = excluded.partition_key,
        error_type = excluded.error_type, error = excluded.error, input = excluded.input,
        attempts = excluded.attempts
            + CASE WHEN failures.input IS DISTINCT FROM excluded.input THEN 0 ELSE failures.attempts END,
        last_failed_at = now(), run_id = excluded.run_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFailure(Failure):
    """A row of the table.

    Attributes:
        run_id: the run of Dagster in which it failed last; None if it failed outside of Dagster.
    """

    first_failed_at: datetime | None = None
    last_failed_at: datetime | None = None
    run_id: str | None = None


_FIELDS = [field.name for field in fields(StoredFailure)]


def record_failures(conn: Connection, failures: Sequence[Failure], run_id: str | None) -> None:
    """Add the failures. The attempts of a failure that is stored already, with the same input, are added up."""
    if failures:
        with conn.transaction(), conn.cursor() as cursor:
            cursor.executemany(_RECORD, [_row(failure, run_id) for failure in failures])


async def record_embedding_failure(conn: AsyncConnection, failure: Failure, run_id: str | None) -> None:
    """Add the failure of one text."""
    await conn.execute(_RECORD, _row(failure, run_id))


def clear_parse_failures(conn: Connection, source: str, items: Collection[str]) -> None:
    """Delete the failures of some items of a source, which are unchanged since they last succeeded."""
    if items:
        conn.execute(
            "DELETE FROM failures WHERE stage = 'parse' AND source = %s AND item = ANY(%s)", [source, list(items)]
        )


async def settle_embedding_failures(conn: AsyncConnection, model: str) -> None:
    """Delete the failures of texts that have a vector of this model now, or that their source no longer has.

    The failure of a text that moved to another section moves with it; otherwise no run over the failures would find it.
    """
    await conn.execute(
        """
        DELETE FROM failures f WHERE stage = 'embed' AND (
            f.model = %s
            AND EXISTS (SELECT FROM embeddings e WHERE e.model = f.model AND e.content_hash = decode(f.item, 'hex'))
            OR NOT EXISTS (
                SELECT FROM chunks c JOIN documents d USING (source_url)
                WHERE c.content_hash = decode(f.item, 'hex') AND d.source = f.source)
        )
        """,
        [model],
    )
    await conn.execute(
        """
        UPDATE failures f SET partition_key = found.partition_key
        FROM (
            SELECT m.item, m.source, m.model, min(d.partition_key) AS partition_key
            FROM failures m JOIN chunks c ON c.content_hash = decode(m.item, 'hex') JOIN documents d USING (source_url)
            WHERE m.stage = 'embed' AND d.source = m.source
            GROUP BY m.item, m.source, m.model
            HAVING NOT bool_or(d.partition_key = m.partition_key)
        ) AS found
        WHERE f.stage = 'embed' AND (f.item, f.source, f.model) = (found.item, found.source, found.model)
        """
    )


def list_failures(
    conn: Connection,
    *,
    source: str | None = None,
    stage: FailureStage | None = None,
    partitions: Collection[str] | None = None,
    limit: int | None = None,
) -> list[StoredFailure]:
    """Return the stored failures, in the order of stage and item."""
    keys = None if partitions is None else list(partitions)
    rows = conn.execute(
        f"""
        SELECT {_COLUMNS} FROM failures
        WHERE (%s::text IS NULL OR source = %s) AND (%s::text IS NULL OR stage = %s)
          AND (%s::text[] IS NULL OR partition_key = ANY(%s))
        ORDER BY stage DESC, item LIMIT %s
        """.encode(),  # noqa: S608 - the columns are the constant above
        [source, source, stage, stage, keys, keys, limit],
    )
    return [StoredFailure(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


def failed_sections(conn: Connection) -> dict[str, set[str]]:
    """Return the partitions with failures that a run can retry, by source. Failures of inactive models are left out."""
    sections: dict[str, set[str]] = {}
    for source, partition in conn.execute(
        "SELECT DISTINCT source, partition_key FROM failures "
        "WHERE stage = 'parse' OR model IN (SELECT name FROM models WHERE active) ORDER BY 1, 2"
    ):
        sections.setdefault(source, set()).add(partition)
    return sections


def _row(failure: Failure, run_id: str | None) -> tuple[object, ...]:
    return (
        failure.stage, failure.item, failure.source, failure.partition_key,
        failure.error_type, failure.error, failure.attempts, failure.input, failure.model or "", run_id,
    )  # fmt: skip
