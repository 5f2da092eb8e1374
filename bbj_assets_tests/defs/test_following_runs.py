"""What runs have read of a source, whoever started them, and what its sensor makes of it."""

import os
import shutil
from typing import Any
from unittest.mock import Mock

import pytest

from bbj_assets.defs import assets, run_sources
from bbj_assets.defs.source_run import SourceRun
from bbj_assets.forget import forget
from bbj_assets.ingest.refresh import refresh_chunks
from bbj_assets.reports import ChunksReport
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.follower import Follower, contents, ranges_of, stale


def test_a_run_that_took_up_only_failures_does_not_count(follower: Follower) -> None:
    follower.settle()
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    follower.tick()
    follower.installation.run(run=SourceRun(retry_failed=True))

    assert [ranges_of(request) for request in follower.tick(later=60).run_requests or ()] == [("s03", "s03")]


def test_a_section_that_was_away_only_while_a_run_listed_it_is_ingested(follower: Follower, conn: Connection) -> None:
    follower.settle()
    section = follower.installation.folder / "guide/s05"
    section.rename(follower.installation.folder / "away")
    assert follower.installation.run() is None
    assert "guide://s05/page.md" not in contents(conn)
    (follower.installation.folder / "away").rename(section)

    assert follower.settle() == [("s05", "s05")]

    assert "guide://s05/page.md" in contents(conn)
    assert follower.settle() == []


def test_a_page_that_was_another_only_while_a_run_read_it_is_ingested(follower: Follower, conn: Connection) -> None:
    follower.settle()
    page = follower.installation.folder / "guide/s05/page.md"
    times = page.stat()
    page.write_text("# Page 5\n\nTxet 5.")
    assert follower.installation.run() is None
    page.write_text("# Page 5\n\nText 5.")
    os.utime(page, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert follower.settle() == [("s05", "s05")]

    assert contents(conn)["guide://s05/page.md"] == "Text 5."


def test_a_page_that_changes_while_a_run_reads_it_is_ingested_once_more(
    follower: Follower, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.settle()
    page = follower.installation.folder / "guide/s05/page.md"
    original = (page.stat(), page.read_text())

    def refresh_meanwhile(*args: Any, **options: Any) -> ChunksReport:
        page.write_text("# Page 5\n\nOnly for a moment.")
        return refresh_chunks(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(assets, "refresh_chunks", refresh_meanwhile)
        assert follower.installation.run() is None
    page.write_text(original[1])
    os.utime(page, ns=(original[0].st_atime_ns, original[0].st_mtime_ns))
    assert contents(conn)["guide://s05/page.md"] == "Only for a moment."

    assert follower.settle() == [("s05", "s05")]

    assert contents(conn)["guide://s05/page.md"] == "Text 5."


def test_a_file_that_pages_share_and_that_was_another_while_a_run_read_it_rebuilds_those_pages(
    follower: Follower, conn: Connection
) -> None:
    note = follower.installation.folder / "guide/_note.mdx"
    follower.installation.write("guide/_note.mdx", "The first note.")
    follower.installation.write("guide/s07/page.mdx", "# Page\n\nimport Note from '../_note.mdx'\n\n<Note />\n")
    follower.settle()
    times = note.stat()
    note.write_text("The other note.")
    assert follower.installation.run() is None
    note.write_text("The first note.")
    os.utime(note, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert follower.settle() == [("s07", "s07")]

    assert "first" in contents(conn)["guide://s07/page.mdx"]


def test_a_file_that_never_stops_growing_holds_up_nothing_for_long(follower: Follower, conn: Connection) -> None:
    follower.settle()
    follower.installation.settings = follower.installation.settings.model_copy(update={"quiet_seconds": 10.0})
    follower.installation.write("guide/_note.mdx", "The first note.")
    follower.installation.write("guide/s03/page.mdx", "# Page\n\nimport Note from '../_note.mdx'\n\n<Note />\n")
    asked: list[tuple[str, str]] = []
    for tick in range(80):
        follower.installation.write("guide/server.log", "One more line.\n" * (tick + 1))
        if tick == 40:
            follower.installation.write("guide/_note.mdx", "The second note.")
        requests = follower.tick(later=9).run_requests or ()
        asked += [ranges_of(request) for request in requests]
        assert follower.runs(requests)

    assert asked == [("s03", "s03"), ("s03", "s03")]
    assert "second" in contents(conn)["guide://s03/page.mdx"]


def test_what_was_ingested_before_the_first_tick_is_not_asked_for_and_not_out_of_date(follower: Follower) -> None:
    assert follower.installation.run() is None
    assert stale(follower) == set()

    result = follower.tick()

    assert not result.asset_events
    assert stale(follower) == set()
    assert follower.settle() == []
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    assert follower.settle() == [("s03", "s03")]


def test_what_changed_between_an_ingest_and_the_first_tick_is_asked_for(follower: Follower, conn: Connection) -> None:
    assert follower.installation.run() is None
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    shutil.rmtree(follower.installation.folder / "guide/s13")

    assert follower.settle() == [("s03", "s03"), ("s13", "s13")]

    assert contents(conn)["guide://s03/page.md"] == "New text."
    assert "guide://s13/page.md" not in contents(conn)
    assert stale(follower) == set()


def test_what_dagster_has_seen_and_the_index_does_not_hold_is_asked_for(follower: Follower, conn: Connection) -> None:
    follower.settle()
    conn.execute("DELETE FROM documents WHERE partition_key = 's03'")
    follower.cursor = None

    assert follower.settle() == [("s03", "s03")]


def test_a_source_that_was_forgotten_is_ingested_when_it_is_back(
    follower: Follower, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.settle()
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    forget(follower.installation.settings, "guide", force=True, on_wait=lambda: None)
    assert contents(conn) == {}

    assert follower.settle() == [("_root", "s13")]

    assert len(contents(conn)) == 15
    assert follower.settle() == []


def test_a_source_that_a_clean_ingest_only_emptied_is_ingested(
    follower: Follower, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.settle()
    with monkeypatch.context() as patch:
        patch.setattr(run_sources, "ingest_config", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            follower.installation.run(run=SourceRun(clean=True))
    assert contents(conn) == {}

    assert follower.settle() == [("_root", "s13")]

    assert len(contents(conn)) == 15


def test_what_another_version_has_noted_is_left_out(follower: Follower) -> None:
    follower.settle()
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    follower.cursor = '[{"s03": "12"}, {}, 0, 0.0, "", false]'

    assert follower.settle() == [("s03", "s03")]
