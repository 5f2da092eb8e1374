"""Documents and their chunks: replaced together, or not at all."""

from dataclasses import replace

import psycopg
import pytest

from bbj_assets.outcomes import Failure, ItemContent
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import (
    StoredItem,
    chunk_totals,
    count_documents,
    delete_items,
    delete_source,
    replace_items,
    stored_items,
    stored_partitions,
)
from bbj_assets.store.failures import list_failures, record_failures
from bbj_assets.store.ownership import Owner, owners, takeover_from_removed
from bbj_assets_tests.store.samples import chunks, document, item, parse_failure


def stored(conn: Connection) -> dict[str, list[str]]:
    """Return the texts of every document, and those of chunks without a document."""
    rows = conn.execute(
        "SELECT source_url, array_agg(content ORDER BY ordinal) FILTER (WHERE content IS NOT NULL) "
        "FROM documents FULL JOIN chunks USING (source_url) GROUP BY 1 ORDER BY 1"
    )
    return {url: texts or [] for url, texts in rows}


def failed(*items: str, source: str = "docs") -> list[Failure]:
    return [parse_failure(key, source=source) for key in items]


def test_every_field_of_a_document_comes_back(conn: Connection) -> None:
    page = document(
        "x://a",
        title="Été",
        doc_type="reference",
        generations=("dwc", "vpro5"),
        deprecated=True,
        display_url="https://example.com/a",
        section_path=("Guide", 'with "quotes", and {braces}'),
        metadata={"n": 1, "nested": {"list": [None, True, "x"]}},
    )
    replace_items(conn, [replace(item("x://a"), documents=[(page, chunks("one", "two"))])], "run-7")

    row = conn.execute(
        "SELECT item, source, partition_key, title, doc_type, generations, deprecated, display_url, section_path, "
        "content_sha256, code_version, dependencies, metadata, run_id FROM documents"
    ).fetchone()
    assert row == (
        "x://a", "docs", "_root", page.title, page.doc_type, list(page.generations), True, page.display_url,
        list(page.section_path), b"\1" * 32, "code_version", {"_note.md": "ab"}, dict(page.metadata), "run-7",
    )  # fmt: skip
    rows = conn.execute("SELECT ordinal, content, context_header, content_hash, token_count FROM chunks ORDER BY 1")
    assert rows.fetchall() == [
        (c.ordinal, c.content, c.context_header, c.content_hash, c.token_count) for c in chunks("one", "two")
    ]


def test_a_new_version_replaces_the_document_and_all_its_chunks(conn: Connection) -> None:
    replace_items(conn, [item("x://a", "1", "2", "3"), item("x://b", "other")], None)

    replace_items(conn, [item("x://a", "new")], None)

    assert stored(conn) == {"x://a": ["new"], "x://b": ["other"]}


def test_pages_that_an_item_no_longer_has_are_deleted(conn: Connection) -> None:
    replace_items(conn, [item("x://p", pages={"x://p/1": ("1",), "x://p/2": ("2",)})], None)

    replace_items(conn, [item("x://p", pages={"x://p/2": ("2",), "x://p/3": ("3",)})], None)

    assert stored(conn) == {"x://p/2": ["2"], "x://p/3": ["3"]}


def test_an_item_that_has_no_page_any_more_leaves_no_document(conn: Connection) -> None:
    replace_items(conn, [item("x://a", "1")], None)

    replace_items(conn, [replace(item("x://a"), documents=[])], None)

    assert stored(conn) == {}


def test_a_page_that_another_item_of_the_source_has_now_belongs_to_that_item(conn: Connection) -> None:
    replace_items(conn, [item("x://old", pages={"x://page": ("old",), "x://rest": ("rest",)})], None)

    replace_items(conn, [item("x://new", pages={"x://page": ("new",)})], None)

    assert stored(conn) == {"x://page": ["new"], "x://rest": ["rest"]}
    assert owners(conn, ["x://page", "x://rest", "x://none"]) == {
        "x://page": Owner("docs", "x://new"),
        "x://rest": Owner("docs", "x://old"),
    }


def test_the_documents_and_failures_of_another_source_stay(conn: Connection) -> None:
    replace_items(conn, [item("x://a", "theirs", source="other")], None)
    record_failures(conn, failed("x://a", "x://b", source="other"), None)

    with pytest.raises(psycopg.errors.UniqueViolation):
        replace_items(conn, [item("x://a", "ours")], None, takeover_from_removed(["docs", "other"]))
    replace_items(conn, [item("x://b", "ours")], None)
    delete_items(conn, "docs", ["x://a", "x://b"])

    assert stored(conn) == {"x://a": ["theirs"]}
    assert [failure.item for failure in list_failures(conn)] == ["x://a", "x://b"]
    replace_items(conn, [item("x://a", "ours")], None, takeover_from_removed(["docs"]))
    assert stored(conn) == {"x://a": ["ours"]}
    assert [failure.item for failure in list_failures(conn)] == ["x://b"]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(item("x://b", "fine", "nul \0"), id="a chunk with NUL"),
        pytest.param(item("x://b", "text", metadata={"x": "\0"}), id="metadata with NUL"),
        pytest.param(
            replace(item("x://b"), documents=[(document("x://b"), [*chunks("one"), *chunks("one again")])]),
            id="two chunks at one place",
        ),
        pytest.param(
            replace(item("x://b"), documents=[(document("x://b"), chunks("1")), (document("x://b"), chunks("2"))]),
            id="two documents of one URL",
        ),
    ],
)
def test_a_row_that_cannot_be_stored_leaves_the_old_documents_unchanged(conn: Connection, bad: ItemContent) -> None:
    replace_items(conn, [item("x://a", "old a"), item("x://b", "old b", "more")], None)
    record_failures(conn, failed("x://a"), None)

    with pytest.raises(psycopg.Error):
        replace_items(conn, [item("x://a", "new a"), bad], None)

    assert stored(conn) == {"x://a": ["old a"], "x://b": ["old b", "more"]}
    assert len(list_failures(conn)) == 1
    replace_items(conn, [item("x://a", "new a")], None)
    assert stored(conn)["x://a"] == ["new a"]


def test_storing_an_item_deletes_its_failure_only(conn: Connection) -> None:
    embedding = replace(parse_failure("x://a"), stage="embed")
    record_failures(conn, [*failed("x://a", "x://b"), embedding], None)

    replace_items(conn, [item("x://a", "1")], None)

    assert [(failure.stage, failure.item) for failure in list_failures(conn)] == [
        ("parse", "x://b"),
        ("embed", "x://a"),
    ]


def test_deleting_items_deletes_their_chunks_and_failures(conn: Connection) -> None:
    replace_items(conn, [item("x://a", "1", "2"), item("x://b", "3")], None)
    record_failures(conn, failed("x://a", "x://b", "x://never"), None)

    delete_items(conn, "docs", ["x://a", "x://never", "x://unknown"])

    assert stored(conn) == {"x://b": ["3"]}
    assert [failure.item for failure in list_failures(conn)] == ["x://b"]


def test_deleting_a_source_leaves_the_others(conn: Connection) -> None:
    replace_items(conn, [item("x://a", "1"), item("x://b", "2"), item("y://a", "3", source="other")], None)
    record_failures(conn, [*failed("x://c"), *failed("y://c", source="other")], None)

    assert delete_source(conn, "docs") == 2

    assert stored(conn) == {"y://a": ["3"]}
    assert [failure.item for failure in list_failures(conn)] == ["y://c"]


def test_stored_items_are_selected_by_source_and_partition(conn: Connection) -> None:
    replace_items(
        conn,
        [
            item("x://a", "1", "2"),
            item("x://p", partition="part", pages={"x://p/1": ("1",), "x://p/2": ("2", "3")}),
            item("x://q", "4", partition="rest"),
            item("y://a", "5", source="other"),
        ],
        None,
    )
    record_failures(conn, [parse_failure("x://f", partition="failed")], None)
    a = StoredItem("_root", b"\1" * 32, "code_version", {"_note.md": "ab"}, 1)
    p = replace(a, partition_key="part", documents=2)

    assert stored_items(conn, "docs", ["_root", "part"]) == {"x://a": a, "x://p": p}
    assert stored_items(conn, "docs").keys() == {"x://a", "x://p", "x://q"}
    assert stored_items(conn, "docs", []) == {}
    assert stored_partitions(conn, "docs") == {"_root", "part", "rest", "failed"}
    assert count_documents(conn, "docs") == 4
    assert chunk_totals(conn, "docs", ["_root", "part", "failed"]) == {"_root": 2, "part": 3}
