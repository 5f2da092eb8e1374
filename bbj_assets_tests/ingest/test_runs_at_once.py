"""Two runs at once: over one source the second waits, over two sources neither does."""

import threading
from dataclasses import replace

from bbj_assets.ingest.listing import current_partitions
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.reports import ChunksReport
from bbj_assets.source import ChunkSettings
from bbj_assets.store.connection import Connection, connect
from bbj_assets_tests.fakes.progress import ListeningProgress
from bbj_assets_tests.ingest.conftest import Refresh
from bbj_assets_tests.ingest.pages import PAGES
from bbj_assets_tests.ingest.stored import physical_rows
from bbj_assets_tests.sources.mdx.pages import Site


def test_of_two_runs_over_a_source_the_second_waits_and_then_changes_nothing(
    conn: Connection, site: Site, database_url: str
) -> None:
    site.write(PAGES)
    partitions = current_partitions(conn, site.source)[0]
    first_has_begun, second_waits = threading.Event(), threading.Event()
    reports: dict[str, ChunksReport] = {}

    def first() -> None:
        def progress(done: int, _total: int) -> None:
            if done == 0:
                first_has_begun.set()
                assert second_waits.wait(60)

        with connect(database_url) as own:
            options = ParseOptions(ChunkSettings(), processes=1)
            reports["first"] = refresh_chunks(
                own, site.source, partitions, options, ListeningProgress(on_progress=progress)
            )

    def second() -> None:
        assert first_has_begun.wait(60)
        with connect(database_url) as own:
            options = ParseOptions(ChunkSettings(), processes=1)
            reports["second"] = refresh_chunks(
                own, site.source, partitions, options, ListeningProgress(on_wait=second_waits.set)
            )

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (reports["first"].total.changed, reports["second"].total.changed) == (4, 0)
    assert reports["second"].total.unchanged == 4
    assert {xmin for _, xmin, _ in physical_rows(conn)[0].values()} != set()


def test_runs_over_two_sources_do_not_wait_for_each_other(site: Site, refresh: Refresh, database_url: str) -> None:
    site.write(PAGES)
    waited = []

    def meanwhile(done: int, _total: int) -> None:
        if done == 0:
            with connect(database_url) as own:
                other = replace(site.source, name="mdx-other")
                options = ParseOptions(ChunkSettings(), processes=1)
                report = refresh_chunks(
                    own, other, ["grids"], options, ListeningProgress(on_wait=lambda: waited.append("other"))
                )
                assert report.total.changed == 2

    assert refresh(on_progress=meanwhile).total.changed == 4
    assert waited == []
