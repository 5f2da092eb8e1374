"""The rows of a source that lack something, counted, with a sample: the queries of the asset checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bbj_assets.enrichment.generations import UNTAGGED
from bbj_assets.store.connection import Connection

SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Rows of a source that lack something.

    Attributes:
        count: the number of rows that lack it.
        total: the number of rows in all.
        sample: the first rows that lack it, as a table.
    """

    count: int
    total: int
    sample: tuple[Mapping[str, str], ...] = field(default=())


def chunks_without_vector(conn: Connection, source: str, model: str | None) -> Shortfall:
    """Return the chunks without a vector of the model, except those whose text is in `failures`."""
    missing = """
        FROM documents d JOIN chunks c USING (source_url)
        WHERE d.source = %(source)s
          AND NOT EXISTS (SELECT FROM embeddings e WHERE e.model = %(model)s AND e.content_hash = c.content_hash)
          AND NOT EXISTS (
              SELECT FROM failures f WHERE f.stage = 'embed' AND f.item = encode(c.content_hash, 'hex')
                AND f.source = d.source AND f.model = %(model)s)
    """
    parameters = {"source": source, "model": model}
    total = _count(conn, "FROM documents JOIN chunks USING (source_url) WHERE source = %(source)s", parameters)
    return Shortfall(
        _count(conn, missing, parameters),
        total,
        _sample(
            conn,
            f"SELECT d.partition_key, d.source_url, c.ordinal::text {missing} ORDER BY 1, 2, c.ordinal",
            parameters,
            ("section", "source_url", "chunk"),
        ),
    )


def documents_titled_alike(conn: Connection, source: str) -> Shortfall:
    """Return the documents that share section path and title, so that search results do not distinguish them."""
    alike = """
        FROM (SELECT section_path, title, count(*) AS documents, min(source_url) AS first, max(source_url) AS last
              FROM documents WHERE source = %(source)s GROUP BY 1, 2 HAVING count(*) > 1) AS alike
    """
    parameters = {"source": source}
    return Shortfall(
        _count(conn, alike, parameters, "coalesce(sum(documents), 0)"),
        _count(conn, _DOCUMENTS, parameters),
        _sample(
            conn,
            f"SELECT title, documents::text, first, last {alike} ORDER BY documents DESC, title",
            parameters,
            ("title", "documents", "first", "last"),
        ),
    )


def documents_without_generation(conn: Connection, source: str) -> Shortfall:
    """Return the documents that no rule assigns to a generation of BBj."""
    untagged = _DOCUMENTS + " AND generations = ARRAY[%(untagged)s]"
    parameters = {"source": source, "untagged": UNTAGGED}
    return Shortfall(
        _count(conn, untagged, parameters),
        _count(conn, _DOCUMENTS, parameters),
        _sample(
            conn, f"SELECT partition_key, source_url {untagged} ORDER BY 1, 2", parameters, ("section", "source_url")
        ),
    )


_DOCUMENTS = "FROM documents WHERE source = %(source)s"


def _count(conn: Connection, rows: str, parameters: Mapping[str, str | None], what: str = "count(*)") -> int:
    row = conn.execute(f"SELECT {what} {rows}".encode(), parameters).fetchone()
    return int(row[0]) if row else 0


def _sample(
    conn: Connection, query: str, parameters: Mapping[str, str | None], columns: tuple[str, ...]
) -> tuple[Mapping[str, str], ...]:
    rows = conn.execute(f"{query} LIMIT {SAMPLE}".encode(), parameters)
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)
