"""The vector index of each model: built after a bulk load, kept up by PostgreSQL otherwise.

Measured with 50,000 vectors of 384 dimensions: 1.3 s to COPY them and 19 s to build the index afterwards,
against 90-130 s into a live index. So a row costs about five times as much in a live index as in a new one,
and a load that adds more than a quarter of what is there is cheaper with the index rebuilt.
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
_SMALL_LOAD = 2_000  # below this a live index is quick enough, and search stays fast meanwhile
_BUILD_MEMORY = "512MB"
_EXACT_BELOW = 2_000  # so few vectors are compared one by one sooner than an index is read
_LOCK_WAIT = "2s"  # for the moment in which nobody reads vectors; whoever comes to search then waits, too
_INITIAL_DELAY = 1.0  # seconds in which searches pass, before that is tried again
_MOST_DIMENSIONS = 4_000  # of an HNSW index over `halfvec`; larger vectors are compared one by one, however many


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was done to the indexes.

    Attributes:
        built: models whose index was built now.
        vectors: how many vectors each model has.
        orphans_marked: vectors whose text no chunk has, since now.
        orphans_deleted: of those, the ones past their grace period.
    """

    built: tuple[str, ...]
    vectors: dict[str, int]
    orphans_marked: int
    orphans_deleted: int


def drop_before_bulk_load(conn: Connection, model: Model, rows: int) -> bool:
    """Drop the model's index when loading `rows` vectors is cheaper without it; `refresh_index` builds it again.

    Meanwhile search compares vectors one by one: slower, and exact. While a long transaction reads vectors, such as
    that of a backup, the index stays: a slower load disturbs nobody.
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
    """Drop the model's index, if there is one; for about half a minute it is tried again, while searches go on.

    Raises:
        DatabaseUnavailable: a long transaction reads vectors, such as that of a backup.
    """

    def attempt() -> None:
        with explaining(f"drop the index of the model {model.name!r}", url_of(conn)):
            _drop(conn, model)

    with index_lock(conn):
        retry_outages(attempt, _INITIAL_DELAY)


def refresh_index(conn: Connection, orphan_grace: timedelta) -> IndexReport:
    """Collect orphans, build whatever index is missing, and tell the planner what the tables hold."""
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
    """The name of a model's index, within PostgreSQL's 63 bytes whatever the model is called."""
    return f"embeddings_hnsw_{hashlib.sha256(model.name.encode()).hexdigest()[:16]}"


def _drop(conn: Connection, model: Model) -> None:
    # PostgreSQL waits until nobody reads the table, and whoever comes after that waits behind it. (CONCURRENTLY would
    # let them pass, but when it is interrupted an index stays that is neither used nor gone.)
    with conn.transaction():
        conn.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_WAIT)))
        conn.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(index_name(model))))


def _build(conn: Connection, model: Model) -> None:
    # HNSW indexes take up to 2,000 dimensions as `vector`; larger ones go through `halfvec`, up to 4,000.
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
    """The type that a model's vectors are indexed as, and its operator class for cosine distance."""
    kind = "vector" if dimensions <= 2000 else "halfvec"
    return f"{kind}({dimensions})", f"{kind}_cosine_ops"


def _collect_orphans(conn: Connection, grace: timedelta) -> tuple[int, int]:
    # Three transactions: whoever comes to need a vector clears its mark first (`claim_orphans`), which it can only see
    # when that is committed; and a mark that came after that does no harm, because by then the text has a chunk.
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
