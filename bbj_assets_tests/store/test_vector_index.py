"""The vector index of each model, and orphans: vectors whose text no chunk has."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from bbj_assets.errors import DatabaseUnavailable
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.documents import delete_items, replace_items
from bbj_assets.store.models import Model, ensure_model
from bbj_assets.store.vector_index import drop_before_bulk_load, drop_index, index_name, refresh_index
from bbj_assets_tests.embedding.runner.batch_runs import waiting_for_locks
from bbj_assets_tests.store.samples import chunks, item

WEEK = timedelta(days=7)


@pytest.fixture
def model(conn: Connection) -> Model:
    return ensure_model(conn, "all-minilm", 3)


def add_vectors(conn: Connection, model: Model, count: int) -> None:
    """Random vectors, each of a text that one document has."""
    conn.execute(
        """
        WITH new AS (
            SELECT sha256(('text ' || n)::bytea) AS hash, n FROM generate_series(1, %s) AS n
        ), document AS (
            INSERT INTO documents (source_url, item, source, partition_key, title, doc_type, generations,
                                   content_sha256, code_version)
            VALUES ('x://many', 'x://many', 'docs', '_root', '', '', '{}', '', '') ON CONFLICT DO NOTHING
        ), chunk AS (
            INSERT INTO chunks (source_url, ordinal, content, context_header, content_hash, token_count)
            SELECT 'x://many', n, '', '', hash, 1 FROM new ON CONFLICT DO NOTHING
        )
        INSERT INTO embeddings (model, content_hash, embedding)
        SELECT %s, hash, (SELECT array_agg(random() + n * 0 + d * 0) FROM generate_series(1, %s) AS d)::vector FROM new
        ON CONFLICT DO NOTHING
        """,
        [count, model.name, model.dimensions],
    )


def add_vector(conn: Connection, model: Model, text: str) -> None:
    (chunk,) = chunks(text)
    vector = str([1.0] * model.dimensions)
    conn.execute("INSERT INTO embeddings VALUES (%s, %s, %s)", [model.name, chunk.content_hash, vector])


def index_of(conn: Connection, model: Model) -> int | None:
    """The identity of a model's index, which is another one after it was built again."""
    row = conn.execute("SELECT to_regclass(%s)::oid", [index_name(model)]).fetchone()
    return row[0] if row else None


def orphans(conn: Connection) -> int:
    row = conn.execute("SELECT count(*) FROM embeddings WHERE orphaned_at IS NOT NULL").fetchone()
    return row[0] if row else 0


def vectors(conn: Connection) -> int:
    row = conn.execute("SELECT count(*) FROM embeddings").fetchone()
    return row[0] if row else 0


# The index


def test_few_vectors_need_no_index(conn: Connection, model: Model) -> None:
    add_vectors(conn, model, 1_999)

    report = refresh_index(conn, WEEK)

    assert (report.built, report.vectors) == ((), {"all-minilm": 1_999})
    assert index_of(conn, model) is None


def test_an_index_is_built_once_and_then_kept(conn: Connection, model: Model) -> None:
    add_vectors(conn, model, 2_000)

    assert refresh_index(conn, WEEK).built == ("all-minilm",)
    built = index_of(conn, model)
    add_vectors(conn, model, 2_100)
    report = refresh_index(conn, WEEK)

    assert built is not None
    assert index_of(conn, model) == built
    assert (report.built, report.vectors) == ((), {"all-minilm": 2_100})


def test_each_model_has_an_index_of_its_own_over_its_own_vectors(conn: Connection, model: Model) -> None:
    other = ensure_model(conn, "it's another; model " + "x" * 80, 5)
    add_vectors(conn, model, 2_000)
    add_vectors(conn, other, 2_500)

    report = refresh_index(conn, WEEK)

    assert report.built == ("all-minilm", other.name)
    assert report.vectors == {"all-minilm": 2_000, other.name: 2_500}
    assert None is not index_of(conn, model) != index_of(conn, other) is not None


@pytest.mark.parametrize(("dimensions", "built"), [(2_001, True), (4_001, False)])
def test_models_of_many_dimensions_are_indexed_up_to_the_limit_of_pgvector(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, dimensions: int, *, built: bool
) -> None:
    monkeypatch.setattr("bbj_assets.store.vector_index._EXACT_BELOW", 3)
    large = ensure_model(conn, "large", dimensions)
    add_vectors(conn, large, 3)

    report = refresh_index(conn, WEEK)

    assert report.vectors == {"large": 3}
    assert (report.built == ("large",)) == built == (index_of(conn, large) is not None)


@pytest.fixture
def _small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision at a hundredth of its size, because it is a matter of proportion."""
    monkeypatch.setattr("bbj_assets.store.vector_index._EXACT_BELOW", 1)
    monkeypatch.setattr("bbj_assets.store.vector_index._SMALL_LOAD", 20)


@pytest.mark.usefixtures("_small_numbers")
@pytest.mark.parametrize(
    ("present", "rows", "dropped"),
    [
        (10, 0, False),
        (10, 19, False),  # a small load
        (10, 20, True),
        (79, 20, True),
        (80, 20, False),  # no more than a quarter of what is there
        (80, 21, True),
        (200, 50, False),
        (200, 51, True),
    ],
)
def test_the_index_is_dropped_for_a_load_of_more_than_a_quarter_of_the_vectors(
    conn: Connection, model: Model, present: int, rows: int, *, dropped: bool
) -> None:
    add_vectors(conn, model, present)
    refresh_index(conn, WEEK)

    assert drop_before_bulk_load(conn, model, rows) == dropped

    assert (index_of(conn, model) is None) == dropped
    assert refresh_index(conn, WEEK).built == (("all-minilm",) if dropped else ())
    assert index_of(conn, model) is not None


@pytest.mark.usefixtures("_small_numbers")
def test_only_the_index_of_the_loaded_model_is_dropped(conn: Connection, model: Model) -> None:
    other = ensure_model(conn, "other", 5)
    add_vectors(conn, model, 10)
    add_vectors(conn, other, 10)
    refresh_index(conn, WEEK)

    assert drop_before_bulk_load(conn, other, 1_000)

    assert index_of(conn, model) is not None
    assert index_of(conn, other) is None


def test_without_an_index_there_is_nothing_to_drop(conn: Connection, model: Model) -> None:
    assert drop_before_bulk_load(conn, model, 1_000_000) is False


@contextmanager
def backup(url: str) -> Iterator[None]:
    """A transaction that has read the vectors and stays open, as that of pg_dump."""
    with connect(url) as own, own.transaction():
        own.execute("SELECT count(*) FROM embeddings")
        yield


@pytest.mark.usefixtures("_small_numbers")
def test_a_load_during_a_backup_goes_on_with_the_index(conn: Connection, model: Model, database_url: str) -> None:
    add_vectors(conn, model, 10)
    refresh_index(conn, WEEK)
    conn.execute("SET statement_timeout = '20s'")

    with backup(database_url):
        assert drop_before_bulk_load(conn, model, 1_000) is False

    assert index_of(conn, model) is not None
    assert drop_before_bulk_load(conn, model, 1_000), "another one, later"


@pytest.mark.usefixtures("_small_numbers")
def test_search_goes_on_while_an_index_is_dropped_after_a_backup(
    conn: Connection, model: Model, database_url: str
) -> None:
    add_vectors(conn, model, 10)
    refresh_index(conn, WEEK)

    def drop() -> None:
        with connect(database_url) as own:
            drop_index(own, model)

    with ThreadPoolExecutor(1) as pool:
        with backup(database_url):
            dropping = pool.submit(drop)
            while not waiting_for_locks(database_url):
                time.sleep(0.01)
            conn.execute("SET statement_timeout = '5s'")
            assert vectors(conn) == 10, "it waits for the lock no longer than a person for an answer"
            assert not dropping.done()
        dropping.result()

    assert index_of(conn, model) is None


@pytest.mark.usefixtures("_small_numbers")
def test_an_index_that_is_read_for_too_long_stays_and_the_error_says_why(
    conn: Connection, model: Model, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bbj_assets.store.vector_index._LOCK_WAIT", "20ms")
    monkeypatch.setattr("bbj_assets.store.vector_index._INITIAL_DELAY", 0.001)
    add_vectors(conn, model, 10)
    refresh_index(conn, WEEK)

    with backup(database_url), pytest.raises(DatabaseUnavailable, match=r"index of the model 'all-minilm'.*pg_locks"):
        drop_index(conn, model)

    assert index_of(conn, model) is not None


# Orphans


def test_a_vector_without_a_chunk_is_marked_once_and_kept(conn: Connection, model: Model) -> None:
    replace_items(conn, [item("x://a", "stays"), item("x://b", "goes"), item("x://c", "stays")], None)
    add_vector(conn, model, "stays")
    add_vector(conn, model, "goes")
    assert refresh_index(conn, WEEK).orphans_marked == 0
    delete_items(conn, "docs", ["x://b", "x://c"])

    first, second = refresh_index(conn, WEEK), refresh_index(conn, WEEK)

    assert (first.orphans_marked, first.orphans_deleted) == (1, 0)
    assert (second.orphans_marked, second.orphans_deleted) == (0, 0)
    assert (orphans(conn), vectors(conn)) == (1, 2)


def test_a_text_that_returns_finds_its_vector(conn: Connection, model: Model) -> None:
    add_vector(conn, model, "reverted")
    refresh_index(conn, WEEK)
    assert orphans(conn) == 1
    conn.execute("UPDATE embeddings SET orphaned_at = now() - interval '1 year'")
    replace_items(conn, [item("x://a", "reverted")], None)

    report = refresh_index(conn, WEEK)

    assert (report.orphans_marked, report.orphans_deleted) == (0, 0)
    assert (orphans(conn), vectors(conn)) == (0, 1)


@pytest.mark.parametrize(("age", "deleted"), [("6 days 23 hours", 0), ("7 days 1 hour", 1)])
def test_an_orphan_is_deleted_after_the_grace_period(conn: Connection, model: Model, age: str, deleted: int) -> None:
    add_vector(conn, model, "gone for long")
    add_vector(conn, ensure_model(conn, "other", 3), "gone now")
    conn.execute("UPDATE embeddings SET orphaned_at = now() - %s::interval WHERE model = 'all-minilm'", [age])

    report = refresh_index(conn, WEEK)

    assert (report.orphans_marked, report.orphans_deleted) == (1, deleted)
    assert vectors(conn) == 2 - deleted
    assert report.vectors == {"all-minilm": 1 - deleted, "other": 1}


def test_without_a_grace_period_orphans_are_deleted_at_once(conn: Connection, model: Model) -> None:
    add_vector(conn, model, "gone")

    assert refresh_index(conn, timedelta(0)).orphans_deleted == 1
    assert vectors(conn) == 0
