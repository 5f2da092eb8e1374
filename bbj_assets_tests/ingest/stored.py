"""What is in the tables, in forms that tests compare."""

from bbj_assets.store.connection import Connection

Rows = dict[tuple[object, ...], tuple[object, ...]]


def physical_rows(conn: Connection) -> tuple[Rows, Rows]:
    """Every column of every document and chunk, with where and by which transaction the row was written."""
    documents = conn.execute("SELECT source_url, ctid, xmin::text, d FROM documents d").fetchall()
    chunks = conn.execute("SELECT source_url, ordinal, ctid, xmin::text, c FROM chunks c").fetchall()
    return {row[:1]: row[1:] for row in documents}, {row[:2]: row[2:] for row in chunks}


def contents(conn: Connection) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What the index says, without when it was written."""
    documents = conn.execute(
        "SELECT source_url, item, source, partition_key, title, doc_type, generations, deprecated, display_url, "
        "section_path, content_sha256, code_version, dependencies, metadata FROM documents ORDER BY 1"
    )
    chunks = conn.execute(
        "SELECT source_url, ordinal, content, context_header, content_hash, token_count FROM chunks ORDER BY 1, 2"
    )
    return documents.fetchall(), chunks.fetchall()


def texts(conn: Connection) -> dict[str, str]:
    """The text of each document."""
    rows = conn.execute(
        "SELECT source_url, string_agg(content, E'\n' ORDER BY ordinal) FROM documents LEFT JOIN chunks "
        "USING (source_url) GROUP BY 1"
    )
    return dict(rows.fetchall())


def hashes(conn: Connection, source_url: str) -> list[bytes]:
    """The content hashes of a document's chunks, in their order."""
    rows = conn.execute("SELECT content_hash FROM chunks WHERE source_url = %s ORDER BY ordinal", [source_url])
    return [content_hash for (content_hash,) in rows]
