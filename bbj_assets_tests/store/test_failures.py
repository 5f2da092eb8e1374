"""A failure is a row with item, error and number of attempts, until the item succeeds or is deleted."""

import asyncio
from dataclasses import fields

import pytest
from psycopg import AsyncConnection

from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import replace_items
from bbj_assets.store.failures import (
    clear_parse_failures,
    list_failures,
    record_failures,
    settle_embedding_failures,
)
from bbj_assets.store.models import ensure_model
from bbj_assets_tests.store.samples import chunks, item


def failure(key: str, error: str = "bad", **fields: object) -> Failure:
    given = {"stage": "parse", "source": "docs", "partition_key": "_root", "error_type": "ParseError", **fields}
    return Failure(item=key, error=error, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("what went wrong"), "what went wrong"),
        (ValueError(), "ValueError"),
        (ValueError("nul \0 inside"), "nul \\0 inside"),
        (ValueError("half a pair \udce9"), "half a pair \\udce9"),
        (ValueError("x" * 5000), "x" * 2000),
    ],
)
def test_any_exception_can_be_recorded(conn: Connection, error: Exception, text: str) -> None:
    record_failures(conn, [Failure.of_item(key="x://a", source="docs", partition_key="_root", error=error)], "run-1")

    (found,) = list_failures(conn)
    assert (found.error_type, found.error) == ("ValueError", text)


def test_recording_a_stored_failure_again_adds_up_its_attempts_and_replaces_its_error(conn: Connection) -> None:
    record_failures(conn, [failure("x://a", "first")], "run-1")
    (first,) = list_failures(conn)

    record_failures(conn, [failure("x://a", "second", partition_key="moved"), failure("x://b")], "run-2")

    again, other = list_failures(conn)
    assert (again.error, again.partition_key, again.attempts) == ("second", "moved", 2)
    assert again.first_failed_at == first.first_failed_at
    assert other.attempts == 1
    assert conn.execute("SELECT DISTINCT run_id FROM failures").fetchall() == [("run-2",)]


def test_failures_are_listed_by_source_stage_and_partition(conn: Connection) -> None:
    record_failures(
        conn,
        [
            failure("x://1"),
            failure("x://2", partition_key="part"),
            failure("y://1", source="other"),
            failure("00", stage="embed"),
        ],
        None,
    )

    def keys(**selection: object) -> list[str]:
        return [found.item for found in list_failures(conn, **selection)]  # type: ignore[arg-type]

    assert keys() == ["x://1", "x://2", "y://1", "00"]
    assert keys(source="docs") == ["x://1", "x://2", "00"]
    assert keys(source="docs", stage="parse") == ["x://1", "x://2"]
    assert keys(partitions=["part"]) == ["x://2"]
    assert keys(partitions=[]) == []
    assert keys(limit=2) == ["x://1", "x://2"]


def test_a_failure_comes_back_as_it_was_recorded(conn: Connection) -> None:
    replace_items(conn, [item("x://a", "text")], None)
    (chunk,) = chunks("text")
    url = {"source_url": "x://a"}
    recorded = [
        failure("x://a", input=b"hash", attempts=2, **url),
        failure(chunk.content_hash.hex(), stage="embed", model="m", **url),
    ]

    record_failures(conn, recorded, "run-1")

    found = list_failures(conn)
    assert [Failure(**{each.name: getattr(row, each.name) for each in fields(Failure)}) for row in found] == recorded
    assert {row.run_id for row in found} == {"run-1"}


def test_clearing_deletes_only_the_named_parse_failures(conn: Connection) -> None:
    record_failures(conn, [failure("x://1"), failure("x://2"), failure("x://1", stage="embed")], None)

    clear_parse_failures(conn, "docs", [])
    assert len(list_failures(conn)) == 3
    clear_parse_failures(conn, "docs", ["x://1"])

    assert [(found.stage, found.item) for found in list_failures(conn)] == [("parse", "x://2"), ("embed", "x://1")]


def test_embedding_failures_are_deleted_when_the_text_has_a_vector_or_is_deleted(
    conn: Connection, database_url: str
) -> None:
    ensure_model(conn, "m", 3)
    ensure_model(conn, "another", 3)
    replace_items(conn, [item("x://a", "embedded", "waiting", "of another model")], None)
    embedded, waiting, of_another = (chunk.content_hash for chunk in chunks("embedded", "waiting", "of another model"))
    for model, content_hash in (("m", embedded), ("another", of_another)):
        conn.execute("INSERT INTO embeddings VALUES (%s, %s, '[1,0,0]')", [model, content_hash])
    record_failures(
        conn,
        [failure(key, stage="embed", model="m") for key in (embedded.hex(), waiting.hex(), of_another.hex(), "ff" * 32)]
        + [failure("x://b")],
        None,
    )

    async def settle() -> None:
        async with await AsyncConnection.connect(database_url, autocommit=True) as own:
            await settle_embedding_failures(own, "m")

    asyncio.run(settle())

    assert {found.item for found in list_failures(conn)} == {waiting.hex(), of_another.hex(), "x://b"}
