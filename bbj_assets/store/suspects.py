"""The table `suspects`: texts whose requests were open when a model server went down and stayed down.

Most of them are innocent: the server was restarted, or another text used up its memory. So a suspect is no failure. It
is embedded last and alone. If the server goes down again, the text is the cause.
"""

from collections.abc import Collection

from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import AsyncConnection, Connection

MAX_ALONE = 2
"""A text that took the server down alone this many times is a failure; once may be chance."""

_CLEAR = """
    DELETE FROM suspects s WHERE
        EXISTS (SELECT FROM embeddings e WHERE e.model = s.model AND e.content_hash = s.content_hash)
        OR NOT EXISTS (SELECT FROM chunks c WHERE c.content_hash = s.content_hash)
"""


async def suspect(conn: AsyncConnection, model: str, hashes: Collection[bytes]) -> None:
    """Add the texts to the suspects."""
    await conn.execute(
        "INSERT INTO suspects (model, content_hash) SELECT %s, unnest(%s::bytea[]) ON CONFLICT DO NOTHING",
        [model, list(hashes)],
    )


async def suspect_alone(conn: AsyncConnection, model: str, content_hash: bytes) -> bool:
    """Count an outage in which this suspect was the only text. Return whether it is now proved to be the cause."""
    cursor = await conn.execute(
        "UPDATE suspects SET alone = alone + 1 WHERE model = %s AND content_hash = %s RETURNING alone",
        [model, content_hash],
    )
    row = await cursor.fetchone()
    return row is not None and row[0] >= MAX_ALONE


async def given_up(conn: AsyncConnection, model: str, source: str, partitions: Collection[str]) -> list[Failure]:
    """Return the failures of a source's texts that are left alone, because they take the server down.

    Each failure names one of these partitions, even if the text was in another one when it failed.
    """
    cursor = await conn.execute(
        """
        SELECT f.item, f.source, found.partition_key, f.error_type, f.error
        FROM failures f JOIN suspects s ON s.model = f.model AND encode(s.content_hash, 'hex') = f.item
        CROSS JOIN LATERAL (
            SELECT min(d.partition_key) AS partition_key FROM chunks c JOIN documents d USING (source_url)
            WHERE c.content_hash = s.content_hash AND d.source = f.source AND d.partition_key = ANY(%s)
        ) AS found
        WHERE f.stage = 'embed' AND f.model = %s AND f.source = %s AND s.alone >= %s
          AND found.partition_key IS NOT NULL
        ORDER BY 1
        """,
        [list(partitions), model, source, MAX_ALONE],
    )
    return [
        Failure(
            stage="embed",
            item=item,
            source=source,
            partition_key=partition,
            error_type=error_type,
            error=error,
            model=model,
        )
        for item, source, partition, error_type, error in await cursor.fetchall()
    ]


async def clear_suspects(conn: AsyncConnection) -> None:
    """Delete the suspects that have a vector now, or that no chunk has any more."""
    await conn.execute(_CLEAR)


def clear_suspects_of_gone_texts(conn: Connection) -> None:
    """Do the same as `clear_suspects` on a synchronous connection, after chunks were deleted."""
    conn.execute(_CLEAR)
