"""Every fault of PostgreSQL, under an ingest.

A row of the table is what is injected and what the user then sees. Whatever it is: what is stored is wholly old or
wholly new, and the next run completes the index to what a run without the fault would have given.
"""

import asyncio
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bbj_assets.errors import DatabaseError, DatabaseUnavailable, Stopped
from bbj_assets.ingest import writing
from bbj_assets.ingest.listing import current_partitions
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.progress import SILENT
from bbj_assets.reports import ChunksReport
from bbj_assets.source import ChunkSettings
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.documents import delete_source
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.failures import list_failures
from bbj_assets.store.locks import source_lock
from bbj_assets.store.migrate import migrate
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.embedding.runner import batch_runs
from bbj_assets_tests.fakes.progress import ListeningProgress
from bbj_assets_tests.ingest.stored import contents, texts
from bbj_assets_tests.sources.mdx.pages import Site
from bbj_assets_tests.store.database_faults import (
    FAULTS,
    PASSING,
    Striking,
    configured,
    end_sessions,
)

PAGES = 12


@pytest.fixture
def site(conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Pages in the index, all of which have changed since, and which are written in several transactions."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setattr("bbj_assets.ingest.refresh._TASK_ITEMS", 2)
    monkeypatch.setattr(writing, "_BATCH_CHUNKS", 2)
    site = Site(tmp_path / "docs")
    write(site, "old")
    refresh(conn, site)
    write(site, "new")
    return site


def write(site: Site, version: str) -> None:
    site.write(
        {f"{n}.md": f"# Page {n}\n\nThe {version} page.\n\n## Part\n\nThe {version} part.\n" for n in range(PAGES)}
    )


def refresh(conn: Connection, site: Site, striking: Striking | None = None) -> ChunksReport:
    listed, deleted = current_partitions(conn, site.source)
    options = ParseOptions(ChunkSettings(), processes=1, initial_delay=0.001)
    progress = ListeningProgress(on_progress=striking.on_progress, on_outage=striking.on_outage) if striking else SILENT
    return refresh_chunks(conn, site.source, sorted(listed | deleted), options, progress)


def clean_contents(conn: Connection, site: Site) -> object:
    delete_source(conn, site.source.name)
    refresh(conn, site)
    return contents(conn)


def assert_each_page_is_of_one_version(conn: Connection) -> None:
    assert len(texts(conn)) == PAGES
    for url, text in texts(conn).items():
        assert re.fullmatch(r"The (old|new) page\.\s*The \1 part\.\s*", re.sub("#.*", "", text)), (url, text)


@pytest.mark.parametrize("name", FAULTS)
def test_an_ingest_with_a_permanent_fault_ends_with_one_clear_error_and_nothing_half_written(
    name: str, conn: Connection, visitor: str, site: Site
) -> None:
    striking = Striking(FAULTS[name], conn, "chunks")

    with pytest.raises(DatabaseError) as raised, connect(visitor) as own:
        refresh(own, site, striking)

    assert isinstance(raised.value, DatabaseUnavailable) == FAULTS[name].passes
    assert re.search(FAULTS[name].says, str(raised.value))
    assert re.match(
        r"(Cannot bring source 'mdx-test' up to date: |Cannot connect to )PostgreSQL at postgresql://visitor@",
        str(raised.value),
    )
    assert "\n" not in str(raised.value)
    assert len(striking.outages) == FAULTS[name].tries
    striking.heal()
    assert_each_page_is_of_one_version(conn)
    assert list_failures(conn) == []

    with connect(visitor) as own:
        refresh(own, site)

    assert contents(conn) == clean_contents(conn, site)


@pytest.mark.parametrize("name", PASSING)
def test_an_ingest_with_a_passing_fault_is_completed_and_counted_once(
    name: str, conn: Connection, visitor: str, site: Site
) -> None:
    striking = Striking(FAULTS[name], conn, "chunks")
    striking.heals_when_seen = True
    (site.root / "0-bad.md").write_bytes(b"\x00\xff\xfe\x81")  # among the first, so before the fault

    with connect(visitor) as own:
        report = refresh(own, site, striking)

    assert re.search(rf"{FAULTS[name].says}.* Trying again \(\d/4\)", striking.outages[-1])
    total = report.total
    assert (total.seen, total.changed, total.unchanged, total.failed) == (PAGES + 1, PAGES, 0, 1)
    [failure] = list_failures(conn)
    assert (failure.item, failure.attempts) == (f"{site.source.name}://0-bad.md", 1)
    assert total.chunks_written == total.chunks_total
    assert contents(conn) == clean_contents(conn, site)


def test_an_ingest_that_is_stopped_during_an_outage_ends_at_once(
    conn: Connection, visitor: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    striking = Striking(FAULTS["a deadlock"], conn, "chunks")

    def stop(_message: object) -> None:
        raise Stopped("enough")

    monkeypatch.setattr(striking, "on_outage", stop)
    with pytest.raises(Stopped), connect(visitor) as own:
        refresh(own, site, striking)


def test_waiting_for_another_run_does_not_time_out(conn: Connection, visitor: str) -> None:
    with configured(conn, "statement_timeout", "100ms"), source_lock(conn, "guide"):
        waited = asyncio.run(_wait_for_lock(visitor, conn))

    assert waited == "still waiting"


async def _wait_for_lock(url: str, holder: Connection) -> str:
    def wait() -> None:
        with connect(url) as own, source_lock(own, "guide"):
            pass

    waiting = asyncio.create_task(asyncio.to_thread(wait))
    await batch_runs.until(lambda: batch_runs.waiting_for_locks(holder.info.dsn) == 1)
    await asyncio.sleep(0.5)
    state = "gave up" if waiting.done() else "still waiting"
    end_sessions(holder)
    await asyncio.wait([waiting])
    return state


def test_an_ingest_goes_on_after_a_restart_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setattr("bbj_assets.ingest.refresh._TASK_ITEMS", 2)
    monkeypatch.setattr(writing, "_BATCH_CHUNKS", 2)
    site = Site(tmp_path / "docs")
    write(site, "new")
    with TemporaryDirectory(prefix="bbj-assets-faults-") as home:
        server = EmbeddedServer(Path(home))
        outages: list[str] = []

        def stop(done: int, _total: int) -> None:
            if done and not outages:
                server.stop()

        def start(message: str) -> None:
            outages.append(message)
            server.keep()

        try:
            with connect(server.keep()) as own:
                migrate(own)
                options = ParseOptions(ChunkSettings(), processes=1, initial_delay=0.001)
                report = refresh_chunks(
                    own, site.source, ["_root"], options, ListeningProgress(on_progress=stop, on_outage=start)
                )
            with connect(server.url) as after:
                assert_each_page_is_of_one_version(after)
        finally:
            server.stop()
    assert len(outages) == 1
    assert (report.total.changed, report.total.unchanged) == (PAGES, 0)
