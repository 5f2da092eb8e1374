"""Texts without a vector are listed once each, and vectors are stored as they are."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import TypeVar

import numpy as np
import psycopg
import pytest

from bbj_assets.documents import Chunk, Vectors
from bbj_assets.reports import Coverage
from bbj_assets.store.connection import AsyncConnection, Connection, configure
from bbj_assets.store.documents import delete_items, replace_items
from bbj_assets.store.embeddings import (
    coverage,
    note_pending,
    pending_page,
    store_vectors,
)
from bbj_assets.store.failures import record_failures
from bbj_assets.store.models import ensure_model
from bbj_assets_tests.store.samples import chunks, document, item, text_failure

Result = TypeVar("Result")


def with_connection(url: str, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    async def connected() -> Result:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as own:
            await configure(own)
            return await work(own)

    return asyncio.run(connected())


def hash_of(text: str) -> bytes:
    (chunk,) = chunks(text)
    return chunk.content_hash


@pytest.fixture
def _texts(conn: Connection) -> None:
    ensure_model(conn, "m", 3)
    ensure_model(conn, "n", 3)
    replace_items(
        conn,
        [
            item("x://a", "one", "two", "shared", partition="p"),
            item("x://b", "three", "shared", partition="q"),
            item("x://c", "elsewhere", partition="r"),
            item("y://a", "other source", source="other", partition="p"),
        ],
        None,
    )
    for model, text in (("m", "one"), ("n", "two")):
        conn.execute("INSERT INTO embeddings VALUES (%s, %s, '[1,0,0]')", [model, hash_of(text)])


def pending_texts(url: str, *, only_failed: bool = False, parsed_in: Collection[str] = ()) -> list[str]:
    async def work(conn: AsyncConnection) -> list[str]:
        count = await note_pending(conn, "m", "docs", ["p", "q"], only_failed=only_failed, parsed_in=parsed_in)
        page = await pending_page(conn, "m", 0, 100)
        assert len(page) == count
        return [pending.text.partition("\n\n")[2] for pending in page]

    return with_connection(url, work)


@pytest.mark.usefixtures("_texts")
def test_every_text_of_the_partitions_without_a_vector_of_the_model_is_pending_once(database_url: str) -> None:
    assert sorted(pending_texts(database_url)) == ["shared", "three", "two"]


@pytest.mark.usefixtures("_texts")
def test_with_only_failed_only_failed_texts_are_pending(conn: Connection, database_url: str) -> None:
    for text in ("two", "one"):
        record_failures(conn, [text_failure(text, model="m", partition="p")], None)

    assert pending_texts(database_url, only_failed=True) == ["two"]


@pytest.mark.usefixtures("_texts")
def test_with_only_failed_the_texts_of_items_that_given_runs_parsed_are_pending_too(
    conn: Connection, database_url: str
) -> None:
    record_failures(conn, [text_failure("two", model="m", partition="p")], None)
    replace_items(conn, [item("x://b", "three", "shared", partition="q")], "run-1")
    replace_items(conn, [item("x://d", "four", partition="q")], "run-2")
    replace_items(conn, [item("x://e", "five", partition="q")], "run-3")

    assert sorted(pending_texts(database_url, only_failed=True, parsed_in=["run-1", "run-2"])) == [
        "four",
        "shared",
        "three",
        "two",
    ]


def test_the_longest_texts_come_first(conn: Connection, database_url: str) -> None:
    ensure_model(conn, "m", 3)
    lengths = [Chunk(n, f"text {n}", "", tokens) for n, tokens in enumerate([5, 300, 20, 1000])]
    replace_items(conn, [replace(item("x://a", partition="p"), documents=[(document("x://a"), lengths)])], None)

    assert pending_texts(database_url) == ["text 3", "text 1", "text 2", "text 0"]


@pytest.mark.usefixtures("_texts")
def test_pages_cover_all_pending_texts_and_leave_out_embedded_and_deleted_ones(
    conn: Connection, database_url: str
) -> None:
    async def work(own: AsyncConnection) -> list[str]:
        assert await note_pending(own, "m", "docs", ["p", "q"]) == 3
        delete_items(conn, "docs", ["x://b"])
        await store_vectors(own, "m", [hash_of("two")], np.ones((1, 3), dtype=np.float32))
        pages = [await pending_page(own, "m", after, 1) for after in range(4)]
        return [found.text for page in pages for found in page]

    assert with_connection(database_url, work) == ["A page\n\nshared"]


@pytest.mark.usefixtures("_texts")
def test_coverage_counts_chunks_and_those_with_a_vector_of_the_model(database_url: str) -> None:
    partitions = ["p", "q", "none"]

    assert with_connection(database_url, lambda conn: coverage(conn, "m", "docs", partitions)) == {
        "p": Coverage(chunks=3, embedded=1),
        "q": Coverage(chunks=2, embedded=0),
    }


@pytest.mark.usefixtures("_texts")
def test_a_vector_comes_back_as_it_was_stored_and_the_first_one_stays(conn: Connection, database_url: str) -> None:
    async def work(own: AsyncConnection) -> None:
        await store_vectors(own, "m", [hash_of("two")], np.array([[0.5, -1, 2]], dtype=np.float32))
        both = [hash_of("three"), hash_of("two")]
        await store_vectors(own, "m", both, np.array([[1, 2, 3], [9, 9, 9]], dtype=np.float32))

    with_connection(database_url, work)

    rows = conn.execute("SELECT content_hash, embedding::text FROM embeddings WHERE model = 'm'").fetchall()
    assert dict(rows) == {
        hash_of("one"): "[1,0,0]",
        hash_of("two"): "[0.5,-1,2]",
        hash_of("three"): "[1,2,3]",
    }


def with_layout(vectors: Vectors, layout: str) -> Vectors:
    """Return the same numbers in another memory layout."""
    match layout:
        case "by columns":
            return np.asfortranarray(vectors)
        case "every second":
            wide = np.zeros((2 * vectors.shape[0], 3 * vectors.shape[1]), dtype=np.float32)
            wide[::2, 1::3] = vectors
            return wide[::2, 1::3]
        case "backwards":
            return np.ascontiguousarray(vectors[::-1, ::-1])[::-1, ::-1]
        case "big-endian":
            return vectors.astype(">f4")
    return vectors


@pytest.mark.parametrize("layout", ["as it is", "by columns", "every second", "backwards", "big-endian"])
@pytest.mark.parametrize("dimensions", [1, 3, 384, 1024])
def test_vectors_come_back_bit_for_bit(dimensions: int, layout: str, conn: Connection, database_url: str) -> None:
    model = "modèle-größer-模型-🦉"
    ensure_model(conn, model, dimensions)
    limits = np.finfo(np.float32)
    odd = np.array([limits.max, limits.min, limits.tiny, limits.smallest_subnormal, -0.0, 0.0, 1 / 3], np.float32)
    bits = np.random.default_rng(7).integers(0, 2**32, (40, dimensions), dtype=np.uint32)
    vectors = bits.view(np.float32)
    vectors[~np.isfinite(vectors)] = 1.0
    vectors[: len(odd), 0] = vectors[: len(odd), -1] = odd
    expected = {hash_of(str(number)): vector.astype(">f4").tobytes() for number, vector in enumerate(vectors)}
    given = with_layout(vectors, layout)

    with_connection(database_url, lambda own: store_vectors(own, model, list(expected), given))

    rows = conn.execute("SELECT model, content_hash, orphaned_at, vector_send(embedding) FROM embeddings").fetchall()
    head = dimensions.to_bytes(2, "big") + bytes(2)
    assert sorted(rows) == sorted((model, content_hash, None, head + v) for content_hash, v in expected.items())


def test_reading_a_page_of_texts_does_not_read_all_chunks_for_each_text(conn: Connection, database_url: str) -> None:
    ensure_model(conn, "m", 3)
    count = 4_000
    pages = [
        item(f"x://{page}", *(f"Text {text} of page {page}." for text in range(10)), partition="p")
        for page in range(count // 10)
    ]
    replace_items(conn, pages, None)

    async def work(own: AsyncConnection) -> int:
        assert await note_pending(own, "m", "docs", ["p"]) == count
        async with own.transaction():
            assert len(await pending_page(own, "m", 0, count)) == count
            cursor = await own.execute(
                "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables "
                "WHERE relname = 'chunks'"
            )
            row = await cursor.fetchone()
            return int(row[0]) if row else 0

    assert count <= with_connection(database_url, work) <= 3 * count
