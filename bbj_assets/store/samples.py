"""Samples of the chunks of a partition, for a person to look at."""

from collections.abc import Collection
from dataclasses import dataclass

from bbj_assets.store.connection import Connection

_DOCUMENTS = 2
_CHARACTERS = 1_500


@dataclass(frozen=True, slots=True)
class SampleChunk:
    """The first chunk of a document.

    Attributes:
        content: the beginning of the text, at most 1,500 characters.
    """

    source_url: str
    title: str
    context_header: str
    content: str
    token_count: int


def sample_chunks(conn: Connection, source: str, partitions: Collection[str]) -> dict[str, list[SampleChunk]]:
    """Return the first chunks of the first two documents of each partition that has any."""
    rows = conn.execute(
        """
        SELECT wanted.key, d.source_url, d.title, c.context_header, left(c.content, %(length)s), c.token_count
        FROM unnest(%(keys)s::text[]) AS wanted (key) CROSS JOIN LATERAL (
            SELECT source_url, title FROM documents
            WHERE source = %(source)s AND partition_key = wanted.key
            ORDER BY source_url LIMIT %(documents)s
        ) AS d JOIN chunks c ON c.source_url = d.source_url AND c.ordinal = 0
        ORDER BY d.source_url
        """,
        {"source": source, "keys": list(partitions), "documents": _DOCUMENTS, "length": _CHARACTERS},
    )
    samples: dict[str, list[SampleChunk]] = {}
    for partition, *chunk in rows:
        samples.setdefault(partition, []).append(SampleChunk(*chunk))
    return samples
