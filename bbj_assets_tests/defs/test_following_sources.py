"""The sensor of a source on a real instance: what it asks for, and that doing so makes it content."""

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import pytest
from dagster import (
    AssetKey,
    DagsterRun,
    DagsterRunStatus,
    DeleteDynamicPartitionsRequest,
    RunRequest,
    SensorResult,
    SkipReason,
    build_sensor_context,
)
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from bbj_assets.cli.forgetting import forget
from bbj_assets.defs import assets, run_sources
from bbj_assets.defs.sensors import follow
from bbj_assets.defs.tags import PERMANENT_TAG, RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.ingest.chunks import ChunksReport, refresh_chunks
from bbj_assets.ingest.fingerprints import SHARED, fingerprints
from bbj_assets.ingest.following import Watch
from bbj_assets.ingest.source_run import SourceRun
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.conftest import Installation


@dataclass
class Follower:
    """A sensor and its daemon: ticks are applied as the daemon does, with a clock that the test moves."""

    installation: Installation
    cursor: str | None = None
    ahead: float = 0.0

    def tick(self, *, later: float = 0.0) -> SensorResult:
        """Look at the source, `later` by so many seconds, and apply what comes of it but for the runs."""
        self.ahead += later
        source = self.installation.source()
        result = follow.tick(
            self.installation.instance,
            source,
            self.installation.settings,
            fingerprints(source),
            self.cursor,
            time.time() + self.ahead,
        )
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or ():
            if isinstance(request, DeleteDynamicPartitionsRequest):
                for key in request.partition_keys:
                    self.installation.instance.delete_dynamic_partition(request.partitions_def_name, key)
            else:
                self.installation.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        for event in result.asset_events or ():
            self.installation.instance.report_runless_asset_event(event)
        return result

    @property
    def pending(self) -> set[str]:
        watch = Watch.loads(self.cursor)
        assert watch is not None
        return set(watch.pending)

    def runs(self, requests: Sequence[RunRequest]) -> bool:
        """Do what was asked for; gives whether all of it succeeded."""
        job = self.installation.defs().resolve_job_def("ingest_guide")
        return all(
            job.execute_in_process(instance=self.installation.instance, tags=request.tags, raise_on_error=False).success
            for request in requests
        )

    def settle(self) -> list[tuple[str, str]]:
        """Tick and run until nothing is left to do; gives the ranges that were asked for."""
        asked = []
        for _ in range(8):
            requests = self.tick().run_requests or ()
            asked += [ranges_of(request) for request in requests]
            assert self.runs(requests)
            if not requests and not self.pending:
                return asked
        raise AssertionError(f"not content: {self.cursor}")


def ranges_of(request: RunRequest) -> tuple[str, str]:
    return request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]


@pytest.fixture
def follower(installation: Installation) -> Follower:
    installation.settings = installation.settings.model_copy(update={"quiet_seconds": 0.0})
    installation.write("guide/index.md", "# Welcome\n\nStart here.")
    for number in range(14):
        installation.write(f"guide/s{number:02}/page.md", f"# Page {number}\n\nText {number}.")
    return Follower(installation)


def contents(conn: Connection) -> dict[str, str]:
    return dict(conn.execute("SELECT source_url, content FROM chunks").fetchall())


def test_sections_are_partitions_from_the_first_tick_on(follower: Follower) -> None:
    result = follower.tick()

    assert follower.installation.sections() == {"_root", *(f"s{number:02}" for number in range(14))}
    assert not result.run_requests, "it is not known yet whether somebody is still writing"
    assert {event.partition for event in result.asset_events} == follower.installation.sections()


def test_what_is_new_is_asked_for_once_and_then_it_is_in_the_index(follower: Follower, conn: Connection) -> None:
    follower.tick()
    requests = follower.tick().run_requests or ()
    assert [ranges_of(request) for request in requests] == [("_root", "s13")]
    assert requests[0].tags[SOURCE_TAG] == "guide"

    assert follower.runs(requests)

    assert len(contents(conn)) == 15
    assert follower.settle() == []


def test_a_tree_is_left_alone_until_it_is_quiet(follower: Follower) -> None:
    follower.installation.settings = follower.installation.settings.model_copy(update={"quiet_seconds": 100.0})
    follower.tick()
    assert not follower.tick(later=90).run_requests
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    assert not follower.tick().run_requests
    assert not follower.tick(later=90).run_requests
    assert follower.tick(later=11).run_requests


def test_exactly_the_section_that_changed_is_asked_for(follower: Follower, conn: Connection) -> None:
    follower.settle()
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    follower.installation.write("guide/s13/more.md", "# More\n\nOne more.")

    assert follower.settle() == [("s03", "s03"), ("s13", "s13")]

    assert contents(conn)["guide://s03/page.md"] == "New text."
    assert "guide://s13/more.md" in contents(conn)
    assert follower.installation.materializations("guide", "chunks", section="s00") == 1


def test_a_section_that_is_gone_leaves_the_index_and_the_partitions_and_may_come_back(
    follower: Follower, conn: Connection
) -> None:
    follower.settle()
    folder = follower.installation.folder / "guide/s05"
    for _ in range(2):
        shutil.rmtree(folder)
        assert follower.settle() == [("s05", "s05")]
        assert "s05" not in follower.installation.sections()
        assert "guide://s05/page.md" not in contents(conn)

        follower.installation.write("guide/s05/page.md", "# Page 5\n\nText 5.")
        assert follower.settle() == [("s05", "s05")]
        assert "s05" in follower.installation.sections()
        assert "guide://s05/page.md" in contents(conn)


def test_a_file_that_pages_share_rebuilds_the_sections_with_those_pages_and_no_others(
    follower: Follower, conn: Connection
) -> None:
    page = "# Page\n\nimport Note from '../_note.mdx'\n\n<Note />\n"
    follower.installation.write("guide/_note.mdx", "The first note.")
    follower.installation.write("guide/s07/page.mdx", page)
    follower.settle()
    follower.installation.write("guide/_note.mdx", "The second note.")

    assert follower.settle() == [("s07", "s07")]

    assert "second" in contents(conn)["guide://s07/page.mdx"]


def test_a_shared_file_that_no_page_has_asks_for_nothing(follower: Follower) -> None:
    follower.installation.write("guide/_unused.mdx", "A note.")
    follower.settle()
    follower.installation.write("guide/_unused.mdx", "Another note.")

    assert follower.settle() == []


def test_what_somebody_else_has_ingested_is_not_asked_for(follower: Follower) -> None:
    follower.tick()
    assert follower.installation.run() is None

    assert not follower.tick(later=60).run_requests
    assert follower.pending <= {SHARED}


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


def test_a_failed_run_is_asked_for_again_and_again(follower: Follower) -> None:
    follower.tick()
    names = []
    for _ in range(20):
        names += [request.run_key for request in follower.tick(later=3600).run_requests or ()]
    assert len(names) == len(set(names)) == 20


def test_an_embedder_that_is_down_for_a_night_is_found_when_it_is_back(follower: Follower, conn: Connection) -> None:
    follower.settle()
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    up = follower.installation.settings
    follower.installation.settings = up.model_copy(update={"ollama_host": "http://127.0.0.1:1"})
    follower.tick()
    for _ in range(5):
        [request] = follower.tick(later=3600).run_requests or ()
        assert not follower.runs([request])
    follower.installation.settings = up

    [request] = follower.tick(later=3600).run_requests or ()

    assert follower.runs([request])
    without_vector = "SELECT count(*) FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL"
    assert conn.execute(without_vector).fetchone() == (0,)


def test_a_tree_that_could_not_be_read_for_a_moment_is_asked_for_again(follower: Follower, conn: Connection) -> None:
    follower.settle()
    follower.installation.write("guide/s05/page.md", "# Page 5\n\nNew text.")
    follower.tick()
    requests = follower.tick(later=60).run_requests or ()
    guide = follower.installation.folder / "guide"
    guide.rename(guide.with_name("away"))
    assert not follower.runs(requests)
    guide.with_name("away").rename(guide)

    requests = follower.tick(later=3600).run_requests or ()

    assert [ranges_of(request) for request in requests] == [("s05", "s05")]
    assert follower.runs(requests)
    assert contents(conn)["guide://s05/page.md"] == "New text."


@pytest.mark.parametrize("reason", ["canceled", "permanent"])
def test_what_a_person_canceled_or_what_would_fail_again_waits_for_a_change(follower: Follower, reason: str) -> None:
    follower.tick()
    [request] = follower.tick(later=60).run_requests or ()
    instance = follower.installation.instance
    tags = dict(request.tags) | ({PERMANENT_TAG: "true"} if reason == "permanent" else {})
    status = DagsterRunStatus.CANCELED if reason == "canceled" else DagsterRunStatus.FAILURE
    instance.add_run(_run(tags, status))

    assert not follower.tick(later=100_000).run_requests
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nChanged.")
    follower.tick()
    assert follower.tick(later=60).run_requests


@pytest.mark.parametrize("status", [DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED])
def test_nothing_is_asked_for_while_a_run_over_the_source_is_under_way_however_long_it_takes(
    follower: Follower, status: DagsterRunStatus
) -> None:
    follower.tick()
    follower.installation.instance.add_run(_run({SOURCE_TAG: "guide"}, status))

    assert not follower.tick(later=60).run_requests
    assert not follower.tick(later=5 * 3600).run_requests


def test_a_run_that_was_never_handed_to_anybody_is_not_waited_for_for_ever(follower: Follower) -> None:
    follower.tick()
    follower.installation.instance.add_run(_run({SOURCE_TAG: "guide"}, DagsterRunStatus.NOT_STARTED))

    assert not follower.tick(later=60).run_requests
    assert follower.tick(later=3600).run_requests


def test_a_section_that_is_gone_stays_a_partition_while_a_run_over_it_waits(follower: Follower) -> None:
    follower.settle()
    shutil.rmtree(follower.installation.folder / "guide/s13")
    follower.tick()
    asked = follower.tick(later=60).run_requests or ()
    waiting = follower.installation.instance.add_run(
        _run({SOURCE_TAG: "guide", RANGE_START_TAG: "s10", RANGE_END_TAG: "s13"}, DagsterRunStatus.NOT_STARTED)
    )
    assert follower.runs(asked)

    follower.tick(later=60)
    assert "s13" in follower.installation.sections()

    follower.installation.instance.report_run_canceled(waiting)
    follower.tick(later=60)
    assert "s13" not in follower.installation.sections()


def test_a_listing_that_fails_changes_nothing(follower: Follower, conn: Connection) -> None:
    follower.settle()
    shutil.rmtree(follower.installation.folder / "guide")

    assert "Cannot list" in skipped(follower)
    assert len(contents(conn)) == 15
    assert len(follower.installation.sections()) == 15


def test_a_source_that_the_table_has_no_more_is_left_alone_before_the_code_is_loaded_anew(follower: Follower) -> None:
    follower.tick()
    table = '[[sources]]\nname = "guide"\nparser = "mdx"\npaths = ["guide"]\nenabled = '
    follower.installation.write("sources.toml", f"{table}false")
    assert "is not enabled" in skipped(follower)

    follower.installation.write("sources.toml", f"{table}true")
    assert skipped(follower) == ""


def skipped(follower: Follower) -> str:
    """Why the sensor as the daemon has it does nothing; empty if it does something."""
    [sensor] = [s for s in follower.installation.defs().sensors or () if s.name == "follow_guide"]
    with build_sensor_context(follower.installation.instance, cursor=follower.cursor) as context:
        result = sensor(context)
    return (result.skip_message or "") if isinstance(result, SkipReason) else ""


def test_what_the_store_has_of_a_source_that_dagster_never_saw_is_looked_after(
    follower: Follower, conn: Connection
) -> None:
    follower.settle()
    shutil.rmtree(follower.installation.folder / "guide/s05")
    for key in follower.installation.sections():
        follower.installation.instance.delete_dynamic_partition("guide_sections", key)
    follower.cursor = None

    follower.settle()

    assert "guide://s05/page.md" not in contents(conn)
    assert "s05" not in follower.installation.sections()


def test_the_raw_section_that_changed_is_seen_and_what_is_built_of_it_is_stale_until_it_is_built_anew(
    follower: Follower,
) -> None:
    follower.settle()
    assert stale(follower) == set()
    follower.installation.write("guide/s03/page.md", "# Page 3\n\nNew text.")

    result = follower.tick()

    assert {(event.asset_key, event.partition) for event in result.asset_events} == {
        (AssetKey(["guide", "raw"]), "s03")
    }
    assert all(event.tags["dagster/data_version"] for event in result.asset_events)
    assert stale(follower) == {"s03"}
    assert follower.settle() == [("s03", "s03")]
    assert stale(follower) == set()
    assert not follower.tick().asset_events


def test_other_chunk_settings_make_every_section_stale(follower: Follower) -> None:
    follower.settle()

    follower.installation.settings = follower.installation.settings.model_copy(update={"chunk_tokens": 200})

    assert stale(follower) == follower.installation.sections()


def stale(follower: Follower) -> set[str]:
    """The sections whose chunks Dagster shows as out of date."""
    instance = follower.installation.instance
    graph = follower.installation.defs().resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    key = AssetKey(["guide", "chunks"])
    return {
        section
        for section in follower.installation.sections()
        if resolver.get_status(key, section) is not StaleStatus.FRESH
    }


def _run(tags: dict[str, str], status: DagsterRunStatus) -> DagsterRun:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
    origin = RemoteJobOrigin(repository, "ingest_guide")  # Dagster refuses to queue a run without one
    return DagsterRun(job_name="ingest_guide", tags=tags, status=status, remote_job_origin=origin)
