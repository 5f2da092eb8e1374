"""The counts of the index."""

from bbj_assets.store.connection import Connection
from bbj_assets.store.corpus import CorpusCounts, SourceCounts, corpus_counts, has_chunks
from bbj_assets.store.documents import replace_items
from bbj_assets.store.failures import record_failures
from bbj_assets.store.models import ensure_model
from bbj_assets_tests.store.samples import chunks, item, parse_failure


def test_an_empty_index_counts_nothing(conn: Connection) -> None:
    assert corpus_counts(conn, None) == CorpusCounts((), {}, {})
    assert not has_chunks(conn)


def test_a_document_without_text_has_no_chunks(conn: Connection) -> None:
    replace_items(conn, [item("a://1")], None)
    assert not has_chunks(conn)

    replace_items(conn, [item("a://2", "one")], None)
    assert has_chunks(conn)


def test_documents_chunks_vectors_and_failures_are_counted_by_source(conn: Connection) -> None:
    replace_items(
        conn,
        [
            item("a://1", "one", "two", source="a", generations=("dwc", "bbj_gui")),
            item("a://2", "one", source="a", generations=("untagged",)),
            item("a://3", source="a", doc_type="reference"),
            item("b://1", "three", source="b"),
        ],
        None,
    )
    active, other = ensure_model(conn, "active", 3), ensure_model(conn, "other", 3)
    for model, text in ((active, "one"), (other, "one"), (other, "three")):
        (chunk,) = chunks(text)
        conn.execute("INSERT INTO embeddings VALUES (%s, %s, '[1,0,0]')", [model.name, chunk.content_hash])
    record_failures(
        conn,
        [parse_failure(f"{source}://bad", source=source) for source in ("a", "c")],
        None,
    )

    counts = corpus_counts(conn, active)

    assert counts.sources == (
        SourceCounts("a", documents=3, untagged=1, chunks=3, embedded=2, failures=1),
        SourceCounts("b", documents=1, untagged=0, chunks=1, embedded=0, failures=0),
        SourceCounts("c", documents=0, untagged=0, chunks=0, embedded=0, failures=1),
    )
    assert counts.generations == {"dwc": 3, "bbj_gui": 1, "untagged": 1}
    assert list(counts.generations) == ["dwc", "bbj_gui", "untagged"]
    assert counts.doc_types == {"tutorial": 3, "reference": 1}
    assert [source.embedded for source in corpus_counts(conn, other).sources] == [2, 1, 0]
    assert [source.embedded for source in corpus_counts(conn, None).sources] == [0, 0, 0]
