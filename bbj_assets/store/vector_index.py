"""The vector index of each model: built after a bulk load, otherwise kept up to date by PostgreSQL.

Measured with 50,000 vectors of 384 dimensions: 1.3 s to COPY them and 19 s to build the index afterwards,
against 90-130 s into a live index. So a row costs about five times as much in a live index as in a new one, and
rebuilding the index is cheaper for a load that adds more than a quarter of the present rows.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from psycopg import sql
from psycopg.errors import LockNotAvailable

from bbj_assets.store.connection import Connection, url_of
from bbj_assets.store.locks import index_lock
from bbj_assets.store.models import Model, all_models
from bbj_assets.store.outages import explaining, retry_outages

_LIVE_ROW_COST = 5
_SMALL_LOAD = 2_000  # below this a live index is fast enough, and search stays fast during the load
_BUILD_MEMORY = "512MB"
_EXACT_BELOW = 2_000  # below this comparing all vectors is faster than reading an index
_LOCK_WAIT = "2s"  # to wait until no session reads vectors; searches that begin meanwhile wait as well
_INITIAL_DELAY = 1.0  # seconds before the next try, in which searches are answered
_MOST_DIMENSIONS = 4_000  # the limit of HNSW over `halfvec`; larger vectors are always compared one by one


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What `refresh_index` did.

    Attributes:
        built: the models whose index was built.
        vectors: the number of vectors of each model.
        orphans_marked: the number of vectors newly found without a chunk.
        orphans_deleted: the number of orphans whose grace period was over.
    """

    built: tuple[str, ...]
    vectors: dict[str, int]
    orphans_marked: int
    orphans_deleted: int


def drop_before_bulk_load(conn: Connection, model: Model, rows: int) -> bool:
    """Drop the model's index if loading `rows` vectors is cheaper without it, and return whether it was dropped.

    Until `refresh_index` builds it again, search compares vectors one by one: slower, and exact. The index stays while
    a long transaction reads vectors, such as a backup, because a slower load does no harm.
    """
    if rows < _SMALL_LOAD or not _exists(conn, model):
        return False
    present = _count(conn, model)
    if rows * _LIVE_ROW_COST <= present + rows:
        return False
    with index_lock(conn):
        try:
            _drop(conn, model)
        except LockNotAvailable:
            return False
    return True


def drop_index(conn: Connection, model: Model) -> None:
    """Drop the model's index, if it has one. Retries for about half a minute, while searches go on.

    Raises:
        DatabaseUnavailable: a long transaction reads vectors, such as a backup.
    """

    def attempt() -> None:
        with explaining(f"drop the index of the model {model.name!r}", url_of(conn)):
            _drop(conn, model)

    with index_lock(conn):
        retry_outages(attempt, _INITIAL_DELAY)


def refresh_index(conn: Connection, orphan_grace: timedelta) -> IndexReport:
    """Delete orphans, build the missing indexes, and update the planner's statistics."""
    with index_lock(conn):
        marked, deleted = _collect_orphans(conn, orphan_grace)
        built = []
        vectors = {}
        for model in all_models(conn):
            vectors[model.name] = _count(conn, model)
            indexable = vectors[model.name] >= _EXACT_BELOW and model.dimensions <= _MOST_DIMENSIONS
            if indexable and not _exists(conn, model):
                _build(conn, model)
                built.append(model.name)
        for table in ("documents", "chunks", "embeddings"):
            conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    return IndexReport(tuple(built), vectors, marked, deleted)


def index_name(model: Model) -> str:
    """Return the name of a model's index. It is a hash, so it fits PostgreSQL's 63 bytes."""
    return f"embeddings_hnsw_{hashlib.sha256(model.name.encode()).hexdigest()[:16]}"


def _drop(conn: Connection, model: Model) -> None:
    # DROP INDEX waits for all readers of the table, and new readers wait behind it. (With CONCURRENTLY they would not
    # wait, but if that is interrupted it leaves an invalid index behind.)
    with conn.transaction():
        conn.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_WAIT)))
        conn.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(index_name(model))))


def _build(conn: Connection, model: Model) -> None:
    # HNSW takes up to 2,000 dimensions as `vector`, and up to 4,000 as `halfvec`.
    kind, operators = vector_type(model.dimensions)
    with conn.transaction():
        conn.execute(sql.SQL("SET LOCAL maintenance_work_mem = {}").format(sql.Literal(_BUILD_MEMORY)))
        conn.execute(
            sql.SQL("CREATE INDEX {} ON embeddings USING hnsw ((embedding::{}) {}) WHERE model = {}").format(
                sql.Identifier(index_name(model)),
                sql.SQL(kind),
                sql.SQL(operators),
                sql.Literal(model.name),
            )
        )


def vector_type(dimensions: int) -> tuple[str, str]:
    """Return the type as which a model's vectors are indexed, and its operator class for cosine distance."""
    kind = "vector" if dimensions <= 2000 else "halfvec"
    return f"{kind}({dimensions})", f"{kind}_cosine_ops"


def _collect_orphans(conn: Connection, grace: timedelta) -> tuple[int, int]:
    # Three transactions. A run that needs a vector clears its mark first (`claim_orphans`), and only sees committed
    # marks. A mark that is set after that does no harm, because by then the text has a chunk.
    conn.execute(
        "UPDATE embeddings e SET orphaned_at = NULL WHERE orphaned_at IS NOT NULL "
        "AND EXISTS (SELECT FROM chunks c WHERE c.content_hash = e.content_hash)"
    )
    marked = conn.execute(
        "UPDATE embeddings e SET orphaned_at = now() WHERE orphaned_at IS NULL "
        "AND NOT EXISTS (SELECT FROM chunks c WHERE c.content_hash = e.content_hash)"
    ).rowcount
    deleted = conn.execute(
        "DELETE FROM embeddings e WHERE orphaned_at <= now() - %s "
        "AND NOT EXISTS (SELECT FROM chunks c WHERE c.content_hash = e.content_hash)",
        [grace],
    ).rowcount
    return marked, deleted


def _exists(conn: Connection, model: Model) -> bool:
    row = conn.execute("SELECT to_regclass(%s) IS NOT NULL", [index_name(model)]).fetchone()
    return bool(row and row[0])


def _count(conn: Connection, model: Model) -> int:
    row = conn.execute("SELECT count(*) FROM embeddings WHERE model = %s", [model.name]).fetchone()
    return int(row[0]) if row else 0
