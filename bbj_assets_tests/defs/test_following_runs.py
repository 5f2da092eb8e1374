"""What runs have read of a source, whatever started them, and what its sensor requests then."""

import os
import shutil
from typing import Any
from unittest.mock import Mock

import pytest

from bbj_assets.defs import run_sources
from bbj_assets.defs.assets import chunks
from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.forget import forget
from bbj_assets.ingest.refresh import refresh_chunks
from bbj_assets.reports import ChunksReport
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.sensor_driver import SensorDriver, contents, ranges_of, stale


def test_a_run_that_took_up_only_failures_does_not_count(driver: SensorDriver) -> None:
    driver.settle()
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    driver.tick()
    driver.project.run(options=IngestOptions(retry_failed=True))

    assert [ranges_of(request) for request in driver.tick(later=60).run_requests or ()] == [("s03", "s03")]


def test_a_section_that_was_away_only_while_a_run_listed_it_is_ingested(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    section = driver.project.folder / "guide/s05"
    section.rename(driver.project.folder / "away")
    assert driver.project.run() is None
    assert "guide://s05/page.md" not in contents(conn)
    (driver.project.folder / "away").rename(section)

    assert driver.settle() == [("s05", "s05")]

    assert "guide://s05/page.md" in contents(conn)
    assert driver.settle() == []


def test_a_page_that_was_another_only_while_a_run_read_it_is_ingested(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    page = driver.project.folder / "guide/s05/page.md"
    times = page.stat()
    page.write_text("# Page 5\n\nTxet 5.")
    assert driver.project.run() is None
    page.write_text("# Page 5\n\nText 5.")
    os.utime(page, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert driver.settle() == [("s05", "s05")]

    assert contents(conn)["guide://s05/page.md"] == "Text 5."


def test_a_page_that_changes_while_a_run_reads_it_is_ingested_once_more(
    driver: SensorDriver, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.settle()
    page = driver.project.folder / "guide/s05/page.md"
    original = (page.stat(), page.read_text())

    def refresh_meanwhile(*args: Any, **options: Any) -> ChunksReport:
        page.write_text("# Page 5\n\nOnly for a moment.")
        return refresh_chunks(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(chunks, "refresh_chunks", refresh_meanwhile)
        assert driver.project.run() is None
    page.write_text(original[1])
    os.utime(page, ns=(original[0].st_atime_ns, original[0].st_mtime_ns))
    assert contents(conn)["guide://s05/page.md"] == "Only for a moment."

    assert driver.settle() == [("s05", "s05")]

    assert contents(conn)["guide://s05/page.md"] == "Text 5."


def test_a_file_that_pages_share_and_that_was_another_while_a_run_read_it_rebuilds_those_pages(
    driver: SensorDriver, conn: Connection
) -> None:
    note = driver.project.folder / "guide/_note.mdx"
    driver.project.write("guide/_note.mdx", "The first note.")
    driver.project.write("guide/s07/page.mdx", "# Page\n\nimport Note from '../_note.mdx'\n\n<Note />\n")
    driver.settle()
    times = note.stat()
    note.write_text("The other note.")
    assert driver.project.run() is None
    note.write_text("The first note.")
    os.utime(note, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert driver.settle() == [("s07", "s07")]

    assert "first" in contents(conn)["guide://s07/page.mdx"]


def test_a_file_that_never_stops_growing_delays_nothing_for_long(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    driver.project.settings = driver.project.settings.model_copy(update={"quiet_seconds": 10.0})
    driver.project.write("guide/_note.mdx", "The first note.")
    driver.project.write("guide/s03/page.mdx", "# Page\n\nimport Note from '../_note.mdx'\n\n<Note />\n")
    requested: list[tuple[str, str]] = []
    for tick in range(80):
        driver.project.write("guide/server.log", "One more line.\n" * (tick + 1))
        if tick == 40:
            driver.project.write("guide/_note.mdx", "The second note.")
        requests = driver.tick(later=9).run_requests or ()
        requested += [ranges_of(request) for request in requests]
        assert driver.runs(requests)

    assert requested == [("s03", "s03"), ("s03", "s03")]
    assert "second" in contents(conn)["guide://s03/page.mdx"]


def test_what_was_ingested_before_the_first_tick_is_not_requested_and_not_stale(driver: SensorDriver) -> None:
    assert driver.project.run() is None
    assert stale(driver) == set()

    result = driver.tick()

    assert not result.asset_events
    assert stale(driver) == set()
    assert driver.settle() == []
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    assert driver.settle() == [("s03", "s03")]


def test_what_changed_between_an_ingest_and_the_first_tick_is_requested(driver: SensorDriver, conn: Connection) -> None:
    assert driver.project.run() is None
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    shutil.rmtree(driver.project.folder / "guide/s13")

    assert driver.settle() == [("s03", "s03"), ("s13", "s13")]

    assert contents(conn)["guide://s03/page.md"] == "New text."
    assert "guide://s13/page.md" not in contents(conn)
    assert stale(driver) == set()


def test_a_section_that_dagster_knows_and_the_index_lacks_is_requested(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    conn.execute("DELETE FROM documents WHERE partition_key = 's03'")
    driver.cursor = None

    assert driver.settle() == [("s03", "s03")]


def test_a_source_that_was_forgotten_is_ingested_when_it_is_back(
    driver: SensorDriver, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.settle()
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    forget(driver.project.settings, "guide", force=True, on_wait=lambda: None)
    assert contents(conn) == {}

    assert driver.settle() == [("_root", "s13")]

    assert len(contents(conn)) == 15
    assert driver.settle() == []


def test_a_source_that_a_clean_ingest_only_emptied_is_ingested(
    driver: SensorDriver, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.settle()
    with monkeypatch.context() as patch:
        patch.setattr(run_sources, "ingest_config", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            driver.project.run(options=IngestOptions(clean=True))
    assert contents(conn) == {}

    assert driver.settle() == [("_root", "s13")]

    assert len(contents(conn)) == 15


def test_a_cursor_that_cannot_be_read_is_replaced(driver: SensorDriver) -> None:
    driver.settle()
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    driver.cursor = '[{"s03": "12"}, {}, 0, 0.0, "", false]'

    assert driver.settle() == [("s03", "s03")]
