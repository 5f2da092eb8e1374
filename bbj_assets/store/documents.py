"""The tables `documents`, `pageless_items` and `chunks`: what is stored of a source, replacing it, and deleting it."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from psycopg.types.json import Jsonb

from bbj_assets.documents import Chunk, Document
from bbj_assets.outcomes import ItemContent
from bbj_assets.store.connection import Connection
from bbj_assets.store.ownership import NO_TAKEOVER, Takeover

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class StoredItem:
    """What is stored of an item: enough to know whether it has changed."""

    partition_key: str
    content_sha256: bytes
    code_version: str
    dependencies: Mapping[str, str]
    documents: int


@dataclass(frozen=True, slots=True)
class StoredDependency:
    """A further file that documents of a partition were made from, such as a snippet, and its hash at that time."""

    partition_key: str
    path: str
    sha256: str


def stored_items(conn: Connection, source: str, partitions: Collection[str] | None = None) -> dict[str, StoredItem]:
    """Return the stored items of a source, or of some of its partitions, by key."""
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
    """Return the partitions of a source that hold a document, a pageless item or a failure."""
    rows = conn.execute(
        "SELECT partition_key FROM documents WHERE source = %(source)s "
        "UNION SELECT partition_key FROM pageless_items WHERE source = %(source)s "
        "UNION SELECT partition_key FROM failures WHERE source = %(source)s",
        {"source": source},
    )
    return {partition for (partition,) in rows}


def stored_dependencies(conn: Connection, source: str) -> list[StoredDependency]:
    """Return the dependencies of a source's documents, each once per partition."""
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
    """Return the number of documents of a source."""
    row = conn.execute("SELECT count(*) FROM documents WHERE source = %s", [source]).fetchone()
    return int(row[0]) if row else 0


def documents_of_items(conn: Connection, source: str) -> dict[str, int]:
    """Return the number of documents of each item of a source that has any."""
    rows = conn.execute("SELECT item, count(*) FROM documents WHERE source = %s GROUP BY item", [source])
    return dict(rows.fetchall())


def chunk_totals(conn: Connection, source: str, partitions: Collection[str]) -> dict[str, int]:
    """Return the number of chunks of each of the partitions that has any."""
    rows = conn.execute(
        "SELECT d.partition_key, count(*) FROM documents d JOIN chunks USING (source_url) "
        "WHERE d.source = %s AND d.partition_key = ANY(%s) GROUP BY 1",
        [source, list(partitions)],
    )
    return dict(rows.fetchall())


def runs_with_texts_to_embed(conn: Connection, model: str, source: str, partitions: Collection[str]) -> list[str]:
    """Return the ids of the runs that stored a document with a text that has no vector of the model."""
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


def replace_items(
    conn: Connection, items: Sequence[ItemContent], run_id: str | None, takeover: Takeover = NO_TAKEOVER
) -> None:
    """Replace everything that is stored of the items by their documents and chunks, in one transaction.

    So each document is either the old one or the new one as a whole. Several items share a transaction, because one
    transaction per item costs more than its rows: 3,246 documents with 15,032 chunks took 10.7 s one by one and 7.9 s
    together, of which the full-text vectors are 7.3 s either way.

    Args:
        takeover: the other sources whose documents are replaced as well.

    Raises:
        psycopg.errors.UniqueViolation: a source that keeps its pages has one of the documents.
    """
    # In one order, so that two sources that store the same pages at once cannot deadlock.
    items = sorted(items, key=lambda item: item.key)
    replaced = {
        "items": [item.key for item in items],
        "pages": [document.source_url for item in items for document, _ in item.documents],
        "sources": list({item.source for item in items}),
        "is_takeover": takeover.is_allowed,
        "keepers": list(takeover.keepers),
    }
    with conn.transaction():
        for statement in _DELETE_REPLACED:
            conn.execute(statement, replaced)
        _copy(
            conn,
            "documents",
            _DOCUMENT_COLUMNS,
            (_DocumentRow(item, document, run_id) for item in items for document, _ in item.documents),
        )
        _copy(
            conn,
            "chunks",
            _CHUNK_COLUMNS,
            (
                _ChunkRow(document.source_url, chunk)
                for item in items
                for document, chunks in item.documents
                for chunk in chunks
            ),
        )
        _insert_pageless(conn, [item for item in items if not item.documents])


def delete_items(conn: Connection, source: str, items: Collection[str]) -> None:
    """Delete the documents, chunks and failures of some items of a source."""
    deleted = [source, list(items)]
    with conn.transaction():
        conn.execute("DELETE FROM documents WHERE source = %s AND item = ANY(%s)", deleted)
        conn.execute("DELETE FROM pageless_items WHERE source = %s AND item = ANY(%s)", deleted)
        conn.execute("DELETE FROM failures WHERE stage = 'parse' AND source = %s AND item = ANY(%s)", deleted)


def delete_source(conn: Connection, source: str) -> int:
    """Delete all documents and failures of a source, and return the number of documents."""
    with conn.transaction():
        conn.execute("DELETE FROM failures WHERE source = %s", [source])
        conn.execute("DELETE FROM pageless_items WHERE source = %s", [source])
        return conn.execute("DELETE FROM documents WHERE source = %s", [source]).rowcount


class _DocumentRow(NamedTuple):
    item: ItemContent
    document: Document
    run_id: str | None


class _ChunkRow(NamedTuple):
    source_url: str
    chunk: Chunk


class _Column(NamedTuple, Generic[_Row]):
    """A column, its type in PostgreSQL, and its value for a row."""

    name: str
    type: str
    value: Callable[[_Row], object]


_DOCUMENT_COLUMNS: Sequence[_Column[_DocumentRow]] = (
    _Column("source_url", "text", lambda row: row.document.source_url),
    _Column("item", "text", lambda row: row.item.key),
    _Column("source", "text", lambda row: row.item.source),
    _Column("partition_key", "text", lambda row: row.item.partition_key),
    _Column("title", "text", lambda row: row.document.title),
    _Column("doc_type", "text", lambda row: row.document.doc_type),
    _Column("generations", "text[]", lambda row: list(row.document.generations)),
    _Column("deprecated", "bool", lambda row: row.document.deprecated),
    _Column("display_url", "text", lambda row: row.document.display_url),
    _Column("section_path", "text[]", lambda row: list(row.document.section_path)),
    _Column("content_sha256", "bytea", lambda row: row.item.content_sha256),
    _Column("code_version", "text", lambda row: row.item.code_version),
    _Column("dependencies", "jsonb", lambda row: Jsonb(dict(row.item.dependencies))),
    _Column("etag", "text", lambda row: row.item.etag),
    _Column("last_modified", "text", lambda row: row.item.last_modified),
    _Column("metadata", "jsonb", lambda row: Jsonb(dict(row.document.metadata))),
    _Column("run_id", "text", lambda row: row.run_id),
)
_CHUNK_COLUMNS: Sequence[_Column[_ChunkRow]] = (
    _Column("source_url", "text", lambda row: row.source_url),
    _Column("ordinal", "int4", lambda row: row.chunk.ordinal),
    _Column("content", "text", lambda row: row.chunk.content),
    _Column("context_header", "text", lambda row: row.chunk.context_header),
    _Column("content_hash", "bytea", lambda row: row.chunk.content_hash),
    _Column("token_count", "int4", lambda row: row.chunk.token_count),
)

_IS_REPLACED = b"(source = ANY(%(sources)s) OR %(is_takeover)s AND source <> ALL(%(keepers)s::text[]))"
_DELETE_REPLACED = (
    b"DELETE FROM documents WHERE (item = ANY(%(items)s) OR source_url = ANY(%(pages)s)) AND " + _IS_REPLACED,
    b"DELETE FROM pageless_items WHERE item = ANY(%(items)s) AND " + _IS_REPLACED,
    b"DELETE FROM failures WHERE stage = 'parse' AND item = ANY(%(items)s) AND " + _IS_REPLACED,
)

# An item that another source has stored is skipped. This source parses it again in each run, which does no harm.
_INSERT_PAGELESS = b"""
    INSERT INTO pageless_items (item, source, partition_key, content_sha256, code_version, dependencies)
    VALUES (%(item)s, %(source)s, %(partition_key)s, %(content_sha256)s, %(code_version)s, %(dependencies)s)
    ON CONFLICT DO NOTHING
"""


def _copy(conn: Connection, table: str, columns: Sequence[_Column[_Row]], rows: Iterable[_Row]) -> None:
    statement = f"COPY {table} ({', '.join(column.name for column in columns)}) FROM STDIN (FORMAT binary)"
    values = [column.value for column in columns]
    with conn.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types([column.type for column in columns])
        for row in rows:
            copy.write_row([value(row) for value in values])


def _insert_pageless(conn: Connection, items: Sequence[ItemContent]) -> None:
    if items:
        with conn.cursor() as cursor:
            cursor.executemany(_INSERT_PAGELESS, [_pageless_row(item) for item in items])


def _pageless_row(item: ItemContent) -> dict[str, object]:
    return {
        "item": item.key,
        "source": item.source,
        "partition_key": item.partition_key,
        "content_sha256": item.content_sha256,
        "code_version": item.code_version,
        "dependencies": Jsonb(dict(item.dependencies)),
    }


def _dependencies(text: str) -> dict[str, str]:
    return {} if text == "{}" else json.loads(text)
