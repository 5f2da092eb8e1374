"""The table `embeddings`: listing the texts that have no vector yet, and storing vectors.

Asynchronous, because an event loop embeds. No transaction is open while a model works: the pending texts are listed
once in a temporary table, and each page of that table is a short read of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from bbj_assets.documents import Vectors, embedded_text
from bbj_assets.reports import Coverage
from bbj_assets.store.connection import AsyncConnection
from bbj_assets.store.suspects import MAX_ALONE

_COPY_EMBEDDINGS = "COPY embeddings (model, content_hash, embedding) FROM STDIN (FORMAT binary)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingText:
    """A text without a vector.

    Attributes:
        chunks: the number of chunks that have the text, by partition.
        source_url: one of the pages that have the text.
        outages_alone: how often the model server went down while this text was the only one in work; 0 if others were
            in work each time; None if the text is no suspect.
    """

    content_hash: bytes
    token_count: int
    chunks: Mapping[str, int]
    text: str
    source_url: str
    outages_alone: int | None

    @property
    def is_suspect(self) -> bool:
        """Return whether the text may take the model server down."""
        return self.outages_alone is not None

    @property
    def partition_key(self) -> str:
        """Return one of the partitions that have the text, always the same one."""
        return min(self.chunks)


async def coverage(conn: AsyncConnection, model: str, source: str, partitions: Collection[str]) -> dict[str, Coverage]:
    """Return the coverage of each of the partitions that has chunks."""
    cursor = await conn.execute(
        """
        SELECT d.partition_key, count(*), count(e.content_hash)
        FROM documents d JOIN chunks c USING (source_url)
        LEFT JOIN embeddings e ON e.model = %s AND e.content_hash = c.content_hash
        WHERE d.source = %s AND d.partition_key = ANY(%s)
        GROUP BY 1
        """,
        [model, source, list(partitions)],
    )
    return {partition: Coverage(chunks, embedded) async for partition, chunks, embedded in cursor}


async def claim_orphans(conn: AsyncConnection, model: str, source: str, partitions: Collection[str]) -> None:
    """Clear the orphan mark of vectors whose text is back. Waits for a running collection of orphans.

    The coverage that is read after this is accurate: no vector of these partitions is deleted any more.
    """
    cursor = await conn.execute(
        """
        SELECT e.content_hash FROM embeddings e
        WHERE e.model = %s AND e.orphaned_at IS NOT NULL AND e.content_hash IN (
            SELECT c.content_hash FROM documents d JOIN chunks c USING (source_url)
            WHERE d.source = %s AND d.partition_key = ANY(%s))
        """,
        [model, source, list(partitions)],
    )
    if orphans := [content_hash for (content_hash,) in await cursor.fetchall()]:  # an empty UPDATE may wait as well
        await conn.execute(
            "UPDATE embeddings SET orphaned_at = NULL WHERE model = %s AND content_hash = ANY(%s)", [model, orphans]
        )


async def note_pending(
    conn: AsyncConnection,
    model: str,
    source: str,
    partitions: Collection[str],
    *,
    only_failed: bool = False,
    parsed_in: Collection[str] = (),
    after: PendingText | None = None,
) -> int:
    """List the texts without a vector in the temporary table `pending` of this connection; return their number.

    Each text is listed once. The longest come first: neighbours of one length need little padding in a batch, and the
    work ends in small steps. Suspects come last, those with the most outages at the very end. A suspect that is proved
    to be the cause is left out if this source has its failure, unless `only_failed` is set. Without a failure of its
    own, because another source with the same text recorded one, this source tries the text.

    Args:
        only_failed: list only the texts in `failures`, and those of documents that the runs `parsed_in` stored.
        parsed_in: the ids of runs.
        after: list only the texts that come after this one.
    """
    wanted = {
        "model": model,
        "source": source,
        "partitions": list(partitions),
        "only_failed": only_failed,
        "parsed_in": list(parsed_in),
        "max_alone": MAX_ALONE,
        "after_suspicion": None if after is None else _suspicion(after),
        "tokens": after.token_count if after else None,
        "hash": after.content_hash if after else None,
    }
    await conn.execute("DROP TABLE IF EXISTS pending")
    await conn.execute(
        """
        CREATE TEMP TABLE pending AS  -- suspicion: the outages of a suspect, -1 of other texts, which come first
        SELECT row_number() OVER (ORDER BY suspicion, token_count DESC, content_hash) AS position, listed.*
        FROM (
          SELECT missing.*, coalesce(s.alone, -1) AS suspicion
          FROM (
            SELECT content_hash, min(token_count) AS token_count, jsonb_object_agg(partition_key, chunks) AS chunks
            FROM (
                SELECT c.content_hash, min(c.token_count) AS token_count, d.partition_key, count(*) AS chunks
                FROM documents d JOIN chunks c USING (source_url)
                WHERE d.source = %(source)s AND d.partition_key = ANY(%(partitions)s)
                  AND NOT EXISTS (
                      SELECT FROM embeddings e WHERE e.model = %(model)s AND e.content_hash = c.content_hash)
                  AND (NOT %(only_failed)s OR c.content_hash IN (
                      SELECT decode(f.item, 'hex') FROM failures f
                      WHERE f.stage = 'embed' AND f.source = %(source)s AND f.model = %(model)s
                      UNION
                      SELECT p.content_hash FROM documents JOIN chunks p USING (source_url)
                      WHERE documents.source = %(source)s AND documents.run_id = ANY(%(parsed_in)s)))
                GROUP BY c.content_hash, d.partition_key
            ) AS in_partitions
            GROUP BY content_hash
          ) AS missing LEFT JOIN suspects s ON s.model = %(model)s AND s.content_hash = missing.content_hash
          WHERE %(only_failed)s OR coalesce(s.alone, 0) < %(max_alone)s OR NOT EXISTS (
              SELECT FROM failures f
              WHERE f.stage = 'embed' AND f.source = %(source)s AND f.model = %(model)s
                AND f.item = encode(missing.content_hash, 'hex'))
        ) AS listed
        WHERE %(after_suspicion)s::int IS NULL
           OR (suspicion, -token_count, content_hash) > (%(after_suspicion)s::int, -%(tokens)s::int, %(hash)s::bytea)
        """,
        wanted,
    )
    await conn.execute("CREATE INDEX ON pending (position)")
    await conn.execute("ANALYZE pending")
    row = await (await conn.execute("SELECT count(*) FROM pending")).fetchone()
    return int(row[0]) if row else 0


async def pending_page(conn: AsyncConnection, model: str, after: int, size: int) -> list[PendingText]:
    """Return the texts at the positions after+1 to after+size that still need a vector.

    A text is left out if another run has embedded it since it was listed, or if no document has it any more.
    """
    cursor = await conn.execute(
        """
        SELECT p.content_hash, p.token_count, p.chunks, c.context_header, c.content, c.source_url,
               nullif(p.suspicion, -1)
        FROM pending p CROSS JOIN LATERAL (
            SELECT context_header, content, source_url FROM chunks WHERE content_hash = p.content_hash
            LIMIT 1  -- without ORDER BY, with which PostgreSQL would read all chunks of a text
        ) AS c
        WHERE p.position > %s AND p.position <= %s
          AND NOT EXISTS (SELECT FROM embeddings e WHERE e.model = %s AND e.content_hash = p.content_hash)
        ORDER BY p.position
        """,
        [after, after + size, model],
    )
    return [
        PendingText(
            content_hash=content_hash,
            token_count=tokens,
            chunks=chunks,
            text=embedded_text(header, content),
            source_url=url,
            outages_alone=outages,
        )
        for content_hash, tokens, chunks, header, content, url, outages in await cursor.fetchall()
    ]


async def store_vectors(conn: AsyncConnection, model: str, hashes: Sequence[bytes], vectors: Vectors) -> None:
    """Store one vector per text, in one statement. Vectors that another run has stored meanwhile stay as they are.

    All runs store in the order of the hashes. Otherwise two runs could wait for each other's rows, a deadlock.
    """
    rows = dict(sorted(zip(hashes, vectors, strict=True), key=lambda row: row[0]))
    while rows:
        try:
            async with conn.cursor() as cursor, cursor.copy(_COPY_EMBEDDINGS) as copy:
                copy.set_types(["text", "bytea", "vector"])
                for content_hash, vector in rows.items():
                    await copy.write_row((model, content_hash, vector))
            return
        except psycopg.errors.UniqueViolation:
            cursor = await conn.execute(
                "SELECT content_hash FROM embeddings WHERE model = %s AND content_hash = ANY(%s)",
                [model, list(rows)],
            )
            for (content_hash,) in await cursor.fetchall():
                del rows[content_hash]


def _suspicion(text: PendingText) -> int:
    """Return the value of `pending.suspicion` for a text: never NULL, because rows with NULL cannot be compared."""
    return -1 if text.outages_alone is None else text.outages_alone
