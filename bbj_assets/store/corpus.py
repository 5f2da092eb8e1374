"""The contents of the index, counted by source, generation and document type."""

from dataclasses import dataclass

from bbj_assets.enrichment.generations import UNTAGGED
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import Model


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """The counts of one source.

    Attributes:
        untagged: documents that no rule assigns to a generation.
        embedded: chunks that have a vector of the active model.
    """

    source: str
    documents: int
    untagged: int
    chunks: int
    embedded: int
    failures: int


@dataclass(frozen=True, slots=True)
class CorpusCounts:
    """The counts of the whole index. A document of two generations counts in both."""

    sources: tuple[SourceCounts, ...]
    generations: dict[str, int]
    doc_types: dict[str, int]


def stored_sources(conn: Connection) -> list[str]:
    """Return the names of the sources that have documents."""
    return [name for (name,) in conn.execute("SELECT DISTINCT source FROM documents ORDER BY 1")]


def kept_sources(conn: Connection) -> list[str]:
    """Return the names of the sources that have documents, pageless items or failures."""
    rows = conn.execute(
        "SELECT source FROM documents UNION SELECT source FROM pageless_items UNION SELECT source FROM failures "
        "ORDER BY 1"
    )
    return [name for (name,) in rows]


def has_chunks(conn: Connection) -> bool:
    """Return whether the index holds anything that can be found."""
    return conn.execute("SELECT FROM chunks LIMIT 1").fetchone() is not None


def corpus_counts(conn: Connection, model: Model | None) -> CorpusCounts:
    """Count documents, chunks and vectors as they are now."""
    sources = conn.execute(
        """
        WITH d AS (
            SELECT source, count(*) AS documents, count(*) FILTER (WHERE generations = ARRAY[%s]) AS untagged
            FROM documents GROUP BY source
        ), c AS (
            SELECT source, count(*) AS chunks, count(e.content_hash) AS embedded
            FROM documents JOIN chunks USING (source_url)
            LEFT JOIN embeddings e ON e.model = %s AND e.content_hash = chunks.content_hash
            GROUP BY source
        ), f AS (SELECT source, count(*) AS failures FROM failures GROUP BY source)
        SELECT coalesce(d.source, f.source), coalesce(documents, 0), coalesce(untagged, 0),
               coalesce(chunks, 0), coalesce(embedded, 0), coalesce(failures, 0)
        FROM d FULL JOIN f USING (source) LEFT JOIN c ON c.source = d.source
        ORDER BY 1
        """,
        [UNTAGGED, model.name if model else None],
    ).fetchall()
    generations = conn.execute(
        "SELECT generation, count(*) FROM documents, unnest(generations) AS generation GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    doc_types = conn.execute("SELECT doc_type, count(*) FROM documents GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    return CorpusCounts(tuple(SourceCounts(*row) for row in sources), dict(generations), dict(doc_types))
