"""Items without a page are stored as such, so that they are parsed once as well."""

import shutil
from pathlib import Path

import pytest

from bbj_assets.documents import Item
from bbj_assets.ingest.changes import find_changes
from bbj_assets.ingest.code_version import code_version_of
from bbj_assets.ingest.listing import current_partitions, list_items
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.reports import ChunksReport
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import count_documents, stored_items

OPTIONS = ParseOptions(ChunkSettings(), processes=1, allow_shrink=True)
NOTES = "Buy milk. Call the customer back on Monday.\n"
PROGRAM = 'rem Say hello\nprint "Hello"\nend\n'


@pytest.fixture
def source(tmp_path: Path) -> Source:
    root = tmp_path / "docs"
    (root / "guide").mkdir(parents=True)
    (root / "guide" / "notes.txt").write_text(NOTES)
    return Source(name="programs", parser="bbj-source", roots=(root,))


def _refresh(conn: Connection, source: Source) -> ChunksReport:
    listed, stored = current_partitions(conn, source)
    return refresh_chunks(conn, source, listed | stored, OPTIONS)


def _to_parse(conn: Connection, source: Source) -> list[Item]:
    stored = stored_items(conn, source.name)
    return list(find_changes(list_items(source), stored, code_version_of(source, OPTIONS.chunks)).parse)


def test_prose_among_programs_is_parsed_once_and_is_no_document(conn: Connection, source: Source) -> None:
    assert len(_to_parse(conn, source)) == 1
    report = _refresh(conn, source)
    assert (report.total.seen, report.total.changed, report.failures) == (1, 0, [])
    assert count_documents(conn, source.name) == 0
    assert _to_parse(conn, source) == []


def test_prose_that_becomes_a_program_becomes_a_document_and_back(conn: Connection, source: Source) -> None:
    page = source.roots[0] / "guide" / "notes.txt"
    _refresh(conn, source)
    page.write_text(PROGRAM)
    assert _refresh(conn, source).total.changed == 1
    assert count_documents(conn, source.name) == 1
    page.write_text(NOTES)
    _refresh(conn, source)
    assert count_documents(conn, source.name) == 0
    assert _to_parse(conn, source) == []


def test_prose_that_is_removed_leaves_nothing_and_is_no_deleted_page(conn: Connection, source: Source) -> None:
    _refresh(conn, source)
    shutil.rmtree(source.roots[0] / "guide")
    assert _refresh(conn, source).total.deleted == 0
    assert stored_items(conn, source.name) == {}
