"""The `documents` and their chunks: what is known, what replaces it, what goes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg.types.json import Jsonb

from bbj_assets.documents import Document
from bbj_assets.outcomes import ItemContent
from bbj_assets.store.connection import Connection

_DOCUMENT_COLUMNS = {
    "source_url": "text",
    "item": "text",
    "source": "text",
    "partition_key": "text",
    "title": "text",
    "doc_type": "text",
    "generations": "text[]",
    "deprecated": "bool",
    "display_url": "text",
    "section_path": "text[]",
    "content_sha256": "bytea",
    "code_version": "text",
    "dependencies": "jsonb",
    "etag": "text",
    "last_modified": "text",
    "metadata": "jsonb",
    "run_id": "text",
}
_INSERT_PAGELESS = b"""
    INSERT INTO pageless_items (item, source, partition_key, content_sha256, code_version, dependencies)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_CHUNK_COLUMNS = {
    "source_url": "text",
    "ordinal": "int4",
    "content": "text",
    "context_header": "text",
    "content_hash": "bytea",
    "token_count": "int4",
}


@dataclass(frozen=True, slots=True)
class StoredItem:
    """What the store knows of an item: enough to tell whether it has changed."""

    partition_key: str
    content_sha256: bytes
    code_version: str
    dependencies: Mapping[str, str]
    documents: int


@dataclass(frozen=True, slots=True)
class StoredDependency:
    """A file that documents of a partition were made with, besides their own, and its hash then."""

    partition_key: str
    path: str
    sha256: str


class Owner(NamedTuple):
    """Whom a stored document belongs to."""

    source: str
    item: str


def stored_items(conn: Connection, source: str, partitions: Collection[str] | None = None) -> dict[str, StoredItem]:
    """The items of a source (of some of its partitions) by their keys."""
    rows = conn.execute(
        """
        SELECT item, min(partition_key), (array_agg(content_sha256))[1], min(code_version), min(dependencies::text),
               count(*)
        FROM documents
        WHERE source = %(source)s AND (%(keys)s::text[] IS NULL OR partition_key = ANY(%(keys)s))
        GROUP BY item
        UNION ALL
        SELECT item, partition_key, content_sha256, code_version, dependencies::text, 0
        FROM pageless_items
        WHERE source = %(source)s AND (%(keys)s::text[] IS NULL OR partition_key = ANY(%(keys)s))
        """,
        {"source": source, "keys": None if partitions is None else list(partitions)},
    )
    return {
        item: StoredItem(partition, sha256, code_version, _dependencies(dependencies), count)
        for item, partition, sha256, code_version, dependencies, count in rows
    }


def stored_partitions(conn: Connection, source: str) -> set[str]:
    """The partitions that hold anything of a source."""
    rows = conn.execute(
        "SELECT partition_key FROM documents WHERE source = %(source)s "
        "UNION SELECT partition_key FROM pageless_items WHERE source = %(source)s "
        "UNION SELECT partition_key FROM failures WHERE source = %(source)s",
        {"source": source},
    )
    return {partition for (partition,) in rows}


def stored_dependencies(conn: Connection, source: str) -> list[StoredDependency]:
    """What the documents of a source were made with, once a partition."""
    rows = conn.execute(
        """
        SELECT partition_key, key, value FROM documents, jsonb_each_text(dependencies) WHERE source = %(source)s
        UNION
        SELECT partition_key, key, value FROM pageless_items, jsonb_each_text(dependencies) WHERE source = %(source)s
        """,
        {"source": source},
    )
    return [StoredDependency(*row) for row in rows]


def count_documents(conn: Connection, source: str) -> int:
    """How many documents a source has."""
    row = conn.execute("SELECT count(*) FROM documents WHERE source = %s", [source]).fetchone()
    return int(row[0]) if row else 0


def documents_of_items(conn: Connection, source: str) -> dict[str, int]:
    """How many documents each item of a source has, of those that have any."""
    rows = conn.execute("SELECT item, count(*) FROM documents WHERE source = %s GROUP BY item", [source])
    return dict(rows.fetchall())


def chunk_totals(conn: Connection, source: str, partitions: Collection[str]) -> dict[str, int]:
    """How many chunks each of the partitions has."""
    rows = conn.execute(
        "SELECT d.partition_key, count(*) FROM documents d JOIN chunks USING (source_url) "
        "WHERE d.source = %s AND d.partition_key = ANY(%s) GROUP BY 1",
        [source, list(partitions)],
    )
    return dict(rows.fetchall())


def runs_with_texts_to_embed(conn: Connection, model: str, source: str, partitions: Collection[str]) -> list[str]:
    """The ids of the runs that stored documents of which some text has no vector of this model."""
    rows = conn.execute(
        """
        SELECT DISTINCT run_id FROM documents JOIN chunks c USING (source_url)
        WHERE source = %s AND partition_key = ANY(%s) AND run_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM embeddings e WHERE e.model = %s AND e.content_hash = c.content_hash)
        ORDER BY 1
        """,
        [source, list(partitions), model],
    )
    return [run_id for (run_id,) in rows]


def owners(conn: Connection, source_urls: Collection[str]) -> dict[str, Owner]:
    """Whom each of the documents belongs to, of those that are stored."""
    rows = conn.execute(
        "SELECT source_url, source, item FROM documents WHERE source_url = ANY(%s)", [list(source_urls)]
    )
    return {source_url: Owner(source, item) for source_url, source, item in rows}


def replace_items(
    conn: Connection, items: Sequence[ItemContent], run_id: str | None, sources: Collection[str] | None = None
) -> None:
    """Put the items' documents and chunks in the place of whatever is stored of them, in one transaction.

    Nothing of another source is replaced, unless that is none of `sources` (None: it never is).

    Each document is then wholly the old one or wholly the new one. Several items share a transaction,
    because one for each costs more than its rows: 3,246 documents with 15,032 chunks took 10.7 s one by one
    and 7.9 s together, of which the full-text vectors are 7.3 s either way.

    Raises:
        psycopg.errors.UniqueViolation: another source has one of the documents.
    """
    # Of two sources that store the same pages at once the one waits for the other, never each for the other.
    items = sorted(items, key=lambda item: item.key)
    replaced = {
        "items": [item.key for item in items],
        "pages": [document.source_url for item in items for document, _ in item.documents],
        "ours": list({item.source for item in items}),
        "sources": None if sources is None else list(sources),
    }
    with conn.transaction():
        conn.execute(
            "DELETE FROM documents WHERE (item = ANY(%(items)s) OR source_url = ANY(%(pages)s)) "
            "AND (source = ANY(%(ours)s) OR source <> ALL(%(sources)s::text[]))",
            replaced,
        )
        conn.execute(
            "DELETE FROM pageless_items WHERE item = ANY(%(items)s) "
            "AND (source = ANY(%(ours)s) OR source <> ALL(%(sources)s::text[]))",
            replaced,
        )
        _copy(
            conn,
            "documents",
            _DOCUMENT_COLUMNS,
            (_document_row(item, document, run_id) for item in items for document, _ in item.documents),
        )
        _copy(
            conn,
            "chunks",
            _CHUNK_COLUMNS,
            (
                (
                    document.source_url,
                    chunk.ordinal,
                    chunk.content,
                    chunk.context_header,
                    chunk.content_hash,
                    chunk.token_count,
                )
                for item in items
                for document, chunks in item.documents
                for chunk in chunks
            ),
        )
        _insert_pageless(conn, [item for item in items if not item.documents])
        conn.execute(
            "DELETE FROM failures WHERE stage = 'parse' AND item = ANY(%(items)s) "
            "AND (source = ANY(%(ours)s) OR source <> ALL(%(sources)s::text[]))",
            replaced,
        )


def delete_items(conn: Connection, source: str, items: Collection[str]) -> None:
    """Remove the documents of a source's items that are gone, their chunks, and their failures."""
    gone = [source, list(items)]
    with conn.transaction():
        conn.execute("DELETE FROM documents WHERE source = %s AND item = ANY(%s)", gone)
        conn.execute("DELETE FROM pageless_items WHERE source = %s AND item = ANY(%s)", gone)
        conn.execute("DELETE FROM failures WHERE stage = 'parse' AND source = %s AND item = ANY(%s)", gone)


def delete_source(conn: Connection, source: str) -> int:
    """Remove all documents and failures of a source; gives the number of documents."""
    with conn.transaction():
        conn.execute("DELETE FROM failures WHERE source = %s", [source])
        conn.execute("DELETE FROM pageless_items WHERE source = %s", [source])
        return conn.execute("DELETE FROM documents WHERE source = %s", [source]).rowcount


def _copy(conn: Connection, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]) -> None:
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
    with conn.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


def _insert_pageless(conn: Connection, items: Sequence[ItemContent]) -> None:
    """Note them, but for those that another source has noted: ours parses them again each time, and harms nobody."""
    if items:
        with conn.cursor() as cursor:
            cursor.executemany(_INSERT_PAGELESS, [_pageless_row(item) for item in items])


def _document_row(item: ItemContent, document: Document, run_id: str | None) -> tuple[object, ...]:
    return (
        document.source_url,
        item.key,
        item.source,
        item.partition_key,
        document.title,
        document.doc_type,
        list(document.generations),
        document.deprecated,
        document.display_url,
        list(document.section_path),
        item.content_sha256,
        item.code_version,
        Jsonb(dict(item.dependencies)),
        item.etag,
        item.last_modified,
        Jsonb(dict(document.metadata)),
        run_id,
    )


def _pageless_row(item: ItemContent) -> tuple[object, ...]:
    return (
        item.key,
        item.source,
        item.partition_key,
        item.content_sha256,
        item.code_version,
        Jsonb(dict(item.dependencies)),
    )


def _dependencies(text: str) -> dict[str, str]:
    import json

    return {} if text == "{}" else json.loads(text)
