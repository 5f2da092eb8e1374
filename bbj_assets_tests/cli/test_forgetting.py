"""A source that left sources.toml: commands warn of it, and `bbj-assets forget` removes it from the index."""

import json

import psycopg
import pytest

from bbj_assets.store.connection import connect
from bbj_assets.store.locks import source_lock
from bbj_assets_tests.cli.project import MarkdownProject

ASSETS, INGEST = "bbj-assets", "bbj-ingest-all"


@pytest.fixture
def with_left_source(project: MarkdownProject) -> MarkdownProject:
    """A project with `guide` and `notes` in the index, and `guide` alone in the table."""
    assert project.call(INGEST).exit_code == 0
    project.write_table("guide")
    return project


def disable(project: MarkdownProject, name: str) -> None:
    table = (project.folder / "sources.toml").read_text()
    project.write(
        "sources.toml", f'{table}\n[[sources]]\nname = "{name}"\nparser = "mdx"\npaths = ["."]\nenabled = false'
    )


# --- warnings


def test_report_and_ingest_warn_of_a_source_that_left_the_table(with_left_source: MarkdownProject) -> None:
    warning_text = (
        f"notes is still in the index, and found by search, but not in {with_left_source.folder / 'sources.toml'}"
    )

    report, ingest = with_left_source.call(ASSETS, "report"), with_left_source.call(INGEST)

    assert report.exit_code == ingest.exit_code == 0
    for output in (report.output, ingest.output):
        assert f"Warning: {warning_text}" in output
        assert "`bbj-assets forget NAME`" in output
    for command in ([ASSETS, "report"], [INGEST]):
        [warning] = [
            w for w in json.loads(with_left_source.call(*command, "--json").stdout)["warnings"] if "forget" in w
        ]
        assert warning.startswith(warning_text)


def test_report_and_ingest_warn_of_a_disabled_source_in_the_index(with_left_source: MarkdownProject) -> None:
    disable(with_left_source, "notes")

    assert (
        "notes is still in the index, and found by search, but disabled in"
        in with_left_source.call(INGEST, "--source", "guide").output
    )


def test_a_source_with_only_a_failure_left_is_warned_of(with_left_source: MarkdownProject) -> None:
    with_left_source.query("DELETE FROM documents WHERE source = 'notes' RETURNING 1")
    with_left_source.query(
        "INSERT INTO failures (stage, item, source, partition_key, error_type, error) "
        "VALUES ('parse', 'notes://bad.md', 'notes', '_root', 'ParseError', 'Bad.') RETURNING 1"
    )

    [warning] = [
        w for w in json.loads(with_left_source.call(ASSETS, "report", "--json").stdout)["warnings"] if "notes" in w
    ]
    assert warning.startswith("notes is still in the index")  # and not that an ingest of it would mend anything


def test_without_a_left_over_source_there_is_no_warning(project: MarkdownProject) -> None:
    assert project.call(INGEST).exit_code == 0

    assert "still in the index" not in project.call(INGEST).output
    assert "still in the index" not in project.call(ASSETS, "report").output


# --- forgetting


def test_search_does_not_find_a_forgotten_source(with_left_source: MarkdownProject) -> None:
    found = with_left_source.call(ASSETS, "search", "zither", "--json").stdout
    assert json.loads(found)[0]["source"] == "notes"

    done = with_left_source.call(ASSETS, "forget", "notes")

    assert done.exit_code == 0, done.output
    assert "Removed notes from the index: 1 documents, 1 chunks, 0 failures." in done.output
    assert {
        hit["source"] for hit in json.loads(with_left_source.call(ASSETS, "search", "zither", "--json").stdout)
    } == {"guide"}
    assert with_left_source.query("SELECT DISTINCT source FROM documents") == [("guide",)]
    assert "still in the index" not in with_left_source.call(INGEST).output


def test_all_rows_of_a_forgotten_source_go_and_its_vectors_after_the_grace_period(project: MarkdownProject) -> None:
    (project.folder / "notes/bad.md").write_bytes(b"\x00\xff\xfe\x81")
    project.call(INGEST)
    [(text,)] = project.query(
        "SELECT content_hash FROM chunks JOIN documents USING (source_url) WHERE source = 'notes'"
    )
    project.query("INSERT INTO suspects (model, content_hash) SELECT name, %s FROM models RETURNING 1", text)
    project.query(
        "INSERT INTO pageless_items (item, source, partition_key, content_sha256, code_version) "
        "VALUES ('notes://a.txt', 'notes', '_root', '', '') RETURNING 1"
    )
    guide = project.query("SELECT * FROM documents WHERE source = 'guide' ORDER BY source_url")
    project.write_table("guide")

    done = project.call(ASSETS, "forget", "notes", "--json")

    assert json.loads(done.stdout) == {
        "source": "notes", "documents": 1, "chunks": 1, "failures": 1, "fetched_pages": None,
    }  # fmt: skip
    for table in ("documents", "pageless_items", "failures"):
        assert project.query(f"SELECT * FROM {table} WHERE source = 'notes'") == []  # noqa: S608
    assert project.query("SELECT * FROM suspects") == []
    assert project.query("SELECT orphaned_at IS NOT NULL FROM embeddings WHERE content_hash = %s", text) == [(True,)]
    assert project.query("SELECT * FROM documents WHERE source = 'guide' ORDER BY source_url") == guide


def test_a_source_that_the_next_ingest_would_restore_needs_force(with_left_source: MarkdownProject) -> None:
    refused = with_left_source.call(ASSETS, "forget", "guide")

    assert refused.exit_code == 2
    assert "the next ingest would bring it back" in refused.stderr
    assert "--force" in refused.stderr
    assert with_left_source.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(2,)]

    assert with_left_source.call(ASSETS, "forget", "guide", "--force").exit_code == 0

    assert with_left_source.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(0,)]
    assert with_left_source.call(INGEST).exit_code == 0
    assert with_left_source.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(2,)]


def test_a_disabled_source_needs_no_force(with_left_source: MarkdownProject) -> None:
    disable(with_left_source, "notes")

    assert with_left_source.call(ASSETS, "forget", "notes").exit_code == 0

    assert with_left_source.query("SELECT DISTINCT source FROM documents") == [("guide",)]


def test_without_a_table_of_sources_only_force_forgets(with_left_source: MarkdownProject) -> None:
    (with_left_source.folder / "sources.toml").unlink()

    assert with_left_source.call(ASSETS, "forget", "notes").exit_code == 2
    assert with_left_source.call(ASSETS, "forget", "notes", "--force").exit_code == 0


def test_an_unknown_source_is_an_error_with_the_known_ones(with_left_source: MarkdownProject) -> None:
    done = with_left_source.call(ASSETS, "forget", "ntes")

    assert done.exit_code == 2
    assert "There is no source 'ntes' in the index. It has: guide, notes." in done.stderr


def test_fetched_pages_stay_and_their_folder_is_printed(with_left_source: MarkdownProject) -> None:
    mirror = with_left_source.home / "web" / "notes"
    mirror.mkdir(parents=True)

    done = with_left_source.call(ASSETS, "forget", "notes")

    assert str(mirror) in done.output
    assert mirror.is_dir()


def test_it_waits_for_a_run_over_the_source(with_left_source: MarkdownProject) -> None:
    with connect(with_left_source.url) as conn, source_lock(conn, "notes"):
        process = with_left_source.start(ASSETS, "forget", "notes")
        assert process.stderr is not None
        assert "Another run over notes has to end first" in process.stderr.readline()
        assert with_left_source.query("SELECT count(*) FROM documents WHERE source = 'notes'") == [(1,)]
    out, _ = process.communicate(timeout=60)

    assert "Removed notes" in out


def test_it_is_all_or_nothing(with_left_source: MarkdownProject) -> None:
    with_left_source.query("INSERT INTO failures (stage, item, source, partition_key, error_type, error) "
               "VALUES ('parse', 'notes://bad.md', 'notes', '_root', 'ParseError', 'Bad.') RETURNING 1")  # fmt: skip
    with connect(with_left_source.url) as conn:
        conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'no space'; END $$"
        )
        conn.execute("CREATE TRIGGER refuse BEFORE DELETE ON documents EXECUTE FUNCTION refuse()")

    done = with_left_source.call(ASSETS, "forget", "notes")

    assert done.exit_code == 1
    assert "no space" in done.stderr
    assert not isinstance(done.exception, psycopg.Error)
    assert with_left_source.query("SELECT count(*) FROM failures WHERE source = 'notes'") == [(1,)]
