"""What nothing can be faster than: reading the files, and handing the same rows to PostgreSQL."""

import hashlib
import time
from pathlib import Path

from bbj_assets.store.connection import connect


def walk_and_hash(folder: Path) -> float:
    """Seconds to list, read and hash every file."""
    started = time.perf_counter()
    for file in sorted(folder.rglob("*.md")):
        hashlib.sha256(file.read_bytes()).digest()
    return time.perf_counter() - started


def copy_rows(url: str) -> float:
    """Seconds to COPY the stored documents, chunks and vectors, in binary, into the same tables with their indexes."""
    seconds = 0.0
    with connect(url) as conn:
        for table, columns in _TABLES.items():
            conn.execute(f"CREATE TABLE floor_{table} (LIKE {table} INCLUDING ALL)".encode())
            with conn.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) TO STDOUT (FORMAT binary)") as copy:
                blocks = [bytes(block) for block in copy]
            started = time.perf_counter()
            with (
                conn.cursor() as cursor,
                cursor.copy(f"COPY floor_{table} ({columns}) FROM STDIN (FORMAT binary)") as copy,
            ):
                for block in blocks:
                    copy.write(block)
            seconds += time.perf_counter() - started
            conn.execute(f"DROP TABLE floor_{table}".encode())
    return seconds


_TABLES = {
    "documents": "source_url, item, source, partition_key, title, doc_type, generations, content_sha256, code_version",
    "chunks": "source_url, ordinal, content, context_header, content_hash, token_count",
    "embeddings": "model, content_hash, embedding",
}
