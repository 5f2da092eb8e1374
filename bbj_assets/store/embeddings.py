"""The `embeddings`: which texts have no vector yet, and storing those that come back.

Asynchronous, because an event loop embeds. No transaction is open while a model works: what is pending is
noted once in a temporary table, and every page of it is a short read of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg

from bbj_assets.documents import Vectors, embedded_text
from bbj_assets.reports import Coverage
from bbj_assets.store.connection import AsyncConnection
from bbj_assets.store.suspects import MAX_ALONE

_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_EMBEDDINGS = "COPY embeddings (model, content_hash, embedding) FROM STDIN (FORMAT binary)"
_COPY_TRAILER = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class PendingText:
    """A text without a vector.

    Attributes:
        chunks: how many chunks have it, in each of the partitions that it stands in.
        source_url: one of the pages that it stands in.
        suspicion: how often the model server went down when it had been asked for nothing else; 0 if it went down
            with this and others, -1 if it never did.
    """

    content_hash: bytes
    token_count: int
    chunks: Mapping[str, int]
    text: str
    source_url: str
    suspicion: int

    @property
    def is_suspect(self) -> bool:
        """Whether the model server may go down when it is asked for it."""
        return self.suspicion >= 0

    @property
    def partition_key(self) -> str:
        """One of the partitions that it stands in, always the same."""
        return min(self.chunks)


async def coverage(conn: AsyncConnection, model: str, source: str, partitions: Collection[str]) -> dict[str, Coverage]:
    """The state of each of the partitions that has chunks."""
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
    """Have nobody collect vectors as orphans whose texts have come back; those that are being collected are waited for.

    Whoever looks at the coverage afterwards sees what really stays.
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
    if orphans := [content_hash for (content_hash,) in await cursor.fetchall()]:  # else no index build is waited for
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
    """List the texts without a vector in this connection's `pending` table, each text once; gives their number.

    They are in the order of their length, so that a batch of neighbours needs little padding; the longest come
    first, so that the end of the work is in small steps. Suspects come last, the worst at the very end; those that are
    proved are left out unless failures are asked for, or the source does not know them as failures of its own: another
    one that has the same text proved them.

    Args:
        only_failed: list only the texts that are in `failures`, and those of the documents that these runs stored.
        parsed_in: the ids of those runs.
        after: list only what comes after this one in that order.
    """
    wanted = {
        "model": model,
        "source": source,
        "partitions": list(partitions),
        "only_failed": only_failed,
        "parsed_in": list(parsed_in),
        "max_alone": MAX_ALONE,
        "suspicion": after.suspicion if after else None,
        "tokens": after.token_count if after else None,
        "hash": after.content_hash if after else None,
    }
    await conn.execute("DROP TABLE IF EXISTS pending")
    await conn.execute(
        """
        CREATE TEMP TABLE pending AS
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
        WHERE %(suspicion)s::int IS NULL
           OR (suspicion, -token_count, content_hash) > (%(suspicion)s::int, -%(tokens)s::int, %(hash)s::bytea)
        """,
        wanted,
    )
    await conn.execute("CREATE INDEX ON pending (position)")
    await conn.execute("ANALYZE pending")
    row = await (await conn.execute("SELECT count(*) FROM pending")).fetchone()
    return int(row[0]) if row else 0


async def pending_page(conn: AsyncConnection, model: str, after: int, size: int) -> list[PendingText]:
    """The texts at the positions after+1 ... after+size that still need a vector.

    Another run may have embedded a text, or the last document that has it may have gone, since they were noted: those
    are left out.
    """
    cursor = await conn.execute(
        """
        SELECT p.content_hash, p.token_count, p.chunks, c.context_header, c.content, c.source_url, p.suspicion
        FROM pending p CROSS JOIN LATERAL (
            SELECT context_header, content, source_url FROM chunks WHERE content_hash = p.content_hash
            LIMIT 1  -- whichever: in the order of its pages, PostgreSQL would go through all of them for each text
        ) AS c
        WHERE p.position > %s AND p.position <= %s
          AND NOT EXISTS (SELECT FROM embeddings e WHERE e.model = %s AND e.content_hash = p.content_hash)
        ORDER BY p.position
        """,
        [after, after + size, model],
    )
    return [
        PendingText(content_hash, tokens, chunks, embedded_text(header, content), url, suspicion)
        for content_hash, tokens, chunks, header, content, url, suspicion in await cursor.fetchall()
    ]


async def store_vectors(conn: AsyncConnection, model: str, hashes: Sequence[bytes], vectors: Vectors) -> None:
    """Store one vector a text, all or none of them; a text that another run has stored meanwhile is left as it is.

    All runs store in the order of the hashes, because two that wait for each other's rows would be a deadlock.
    """
    rows = dict(sorted(zip(hashes, vectors, strict=True), key=lambda row: row[0]))
    while rows:
        try:
            async with conn.cursor() as cursor, cursor.copy(_COPY_EMBEDDINGS) as copy:
                await copy.write(_binary_copy(model, list(rows), np.stack(list(rows.values()))))
            return
        except psycopg.errors.UniqueViolation:
            cursor = await conn.execute(
                "SELECT content_hash FROM embeddings WHERE model = %s AND content_hash = ANY(%s)",
                [model, list(rows)],
            )
            for (content_hash,) in await cursor.fetchall():
                del rows[content_hash]


def _binary_copy(model: str, hashes: Sequence[bytes], vectors: Vectors) -> bytes:
    """The rows in PostgreSQL's binary COPY format, with pgvector's `vector_send` (dim, unused, floats).

    They are all of one length, so NumPy lays them out at once: formatting them row by row is a third of the time
    that the event loop spends on a batch.
    """
    name = model.encode()
    dimensions = vectors.shape[1]
    rows = np.empty(
        len(hashes),
        [
            ("fields", ">i2"),
            ("model_length", ">i4"),
            ("model", f"V{len(name)}"),
            ("hash_length", ">i4"),
            ("hash", "V32"),
            ("vector_length", ">i4"),
            ("dimensions", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f4", (dimensions,)),
        ],
    )
    rows["fields"] = 3
    rows["model_length"], rows["model"] = len(name), np.void(name)
    rows["hash_length"], rows["hash"] = 32, np.frombuffer(b"".join(hashes), "V32")
    rows["vector_length"] = 4 + 4 * dimensions
    rows["dimensions"], rows["unused"], rows["vector"] = dimensions, 0, vectors
    return _COPY_HEADER + rows.tobytes() + _COPY_TRAILER
