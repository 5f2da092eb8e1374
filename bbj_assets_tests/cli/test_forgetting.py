"""A source that left sources.toml: commands warn of it, and `bbj-assets forget` removes it from the index."""

import json

import psycopg
import pytest

from bbj_assets.store.connection import connect
from bbj_assets.store.locks import source_lock
from bbj_assets_tests.cli.project import MarkdownProject

ASSETS, INGEST = "bbj-assets", "bbj-ingest-all"


@pytest.fixture
def left(project: MarkdownProject) -> MarkdownProject:
    """With an index of `guide` and `notes`, and a table that has `guide` alone."""
    assert project.call(INGEST).exit_code == 0
    project.write_table("guide")
    return project


def disable(project: MarkdownProject, name: str) -> None:
    table = (project.folder / "sources.toml").read_text()
    project.write(
        "sources.toml", f'{table}\n[[sources]]\nname = "{name}"\nparser = "mdx"\npaths = ["."]\nenabled = false'
    )


# --- warnings


def test_report_and_ingest_tell_of_a_source_that_the_table_has_no_more(left: MarkdownProject) -> None:
    warning_text = f"notes is still in the index, and found by search, but not in {left.folder / 'sources.toml'}"

    report, ingest = left.call(ASSETS, "report"), left.call(INGEST)

    assert report.exit_code == ingest.exit_code == 0
    for output in (report.output, ingest.output):
        assert f"Warning: {warning_text}" in output
        assert "`bbj-assets forget NAME`" in output
    for command in ([ASSETS, "report"], [INGEST]):
        [warning] = [w for w in json.loads(left.call(*command, "--json").stdout)["warnings"] if "forget" in w]
        assert warning.startswith(warning_text)


def test_of_one_that_is_disabled_too(left: MarkdownProject) -> None:
    disable(left, "notes")

    assert (
        "notes is still in the index, and found by search, but disabled in"
        in left.call(INGEST, "--source", "guide").output
    )


def test_a_source_of_which_only_a_failure_is_left_is_told_of(left: MarkdownProject) -> None:
    left.query("DELETE FROM documents WHERE source = 'notes' RETURNING 1")
    left.query(
        "INSERT INTO failures (stage, item, source, partition_key, error_type, error) "
        "VALUES ('parse', 'notes://bad.md', 'notes', '_root', 'ParseError', 'Bad.') RETURNING 1"
    )

    [warning] = [w for w in json.loads(left.call(ASSETS, "report", "--json").stdout)["warnings"] if "notes" in w]
    assert warning.startswith("notes is still in the index")  # and not that an ingest of it would mend anything


def test_without_a_left_over_source_there_is_no_warning(project: MarkdownProject) -> None:
    assert project.call(INGEST).exit_code == 0

    assert "still in the index" not in project.call(INGEST).output
    assert "still in the index" not in project.call(ASSETS, "report").output


# --- forgetting


def test_what_is_forgotten_is_found_no_more(left: MarkdownProject) -> None:
    found = left.call(ASSETS, "search", "zither", "--json").stdout
    assert json.loads(found)[0]["source"] == "notes"

    done = left.call(ASSETS, "forget", "notes")

    assert done.exit_code == 0, done.output
    assert "Removed notes from the index: 1 documents, 1 chunks, 0 failures." in done.output
    assert {hit["source"] for hit in json.loads(left.call(ASSETS, "search", "zither", "--json").stdout)} == {"guide"}
    assert left.query("SELECT DISTINCT source FROM documents") == [("guide",)]
    assert "still in the index" not in left.call(INGEST).output


def test_nothing_of_it_stays_and_its_vectors_are_collected_in_their_time(project: MarkdownProject) -> None:
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


def test_a_source_that_the_next_ingest_would_bring_back_is_kept_unless_it_is_meant(left: MarkdownProject) -> None:
    refused = left.call(ASSETS, "forget", "guide")

    assert refused.exit_code == 2
    assert "the next ingest would bring it back" in refused.stderr
    assert "--force" in refused.stderr
    assert left.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(2,)]

    assert left.call(ASSETS, "forget", "guide", "--force").exit_code == 0

    assert left.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(0,)]
    assert left.call(INGEST).exit_code == 0
    assert left.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(2,)]


def test_a_disabled_source_is_forgotten_without_more_ado(left: MarkdownProject) -> None:
    disable(left, "notes")

    assert left.call(ASSETS, "forget", "notes").exit_code == 0

    assert left.query("SELECT DISTINCT source FROM documents") == [("guide",)]


def test_without_a_table_of_sources_only_force_forgets(left: MarkdownProject) -> None:
    (left.folder / "sources.toml").unlink()

    assert left.call(ASSETS, "forget", "notes").exit_code == 2
    assert left.call(ASSETS, "forget", "notes", "--force").exit_code == 0


def test_a_source_that_the_index_does_not_have_is_named_with_those_that_it_has(left: MarkdownProject) -> None:
    done = left.call(ASSETS, "forget", "ntes")

    assert done.exit_code == 2
    assert "There is no source 'ntes' in the index. It has: guide, notes." in done.stderr


def test_pages_that_were_fetched_stay_and_it_is_said_where(left: MarkdownProject) -> None:
    mirror = left.home / "web" / "notes"
    mirror.mkdir(parents=True)

    done = left.call(ASSETS, "forget", "notes")

    assert str(mirror) in done.output
    assert mirror.is_dir()


def test_it_waits_for_a_run_over_the_source(left: MarkdownProject) -> None:
    with connect(left.url) as conn, source_lock(conn, "notes"):
        process = left.start(ASSETS, "forget", "notes")
        assert process.stderr is not None
        assert "Another run over notes has to end first" in process.stderr.readline()
        assert left.query("SELECT count(*) FROM documents WHERE source = 'notes'") == [(1,)]
    out, _ = process.communicate(timeout=60)

    assert "Removed notes" in out


def test_it_is_all_or_nothing(left: MarkdownProject) -> None:
    left.query("INSERT INTO failures (stage, item, source, partition_key, error_type, error) "
               "VALUES ('parse', 'notes://bad.md', 'notes', '_root', 'ParseError', 'Bad.') RETURNING 1")  # fmt: skip
    with connect(left.url) as conn:
        conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'no space'; END $$"
        )
        conn.execute("CREATE TRIGGER refuse BEFORE DELETE ON documents EXECUTE FUNCTION refuse()")

    done = left.call(ASSETS, "forget", "notes")

    assert done.exit_code == 1
    assert "no space" in done.stderr
    assert not isinstance(done.exception, psycopg.Error)
    assert left.query("SELECT count(*) FROM failures WHERE source = 'notes'") == [(1,)]
