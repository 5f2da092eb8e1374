"""The sensor of a source on a real instance: what it requests, and that nothing is left to do afterwards."""

import shutil

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    DagsterRun,
    DagsterRunStatus,
    SkipReason,
    build_sensor_context,
)
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from bbj_assets.defs.tags import PERMANENT_TAG, RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.ingest.fingerprints import SHARED
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.sensor_driver import SensorDriver, contents, ranges_of, stale


def test_sections_are_partitions_from_the_first_tick_on(driver: SensorDriver) -> None:
    result = driver.tick()

    assert driver.project.sections() == {"_root", *(f"s{number:02}" for number in range(14))}
    assert not result.run_requests, "it is not known yet whether the source is quiet"
    assert {event.partition for event in result.asset_events} == driver.project.sections()


def test_new_sections_are_requested_once_and_then_are_in_the_index(driver: SensorDriver, conn: Connection) -> None:
    driver.tick()
    requests = driver.tick().run_requests or ()
    assert [ranges_of(request) for request in requests] == [("_root", "s13")]
    assert requests[0].tags[SOURCE_TAG] == "guide"

    assert driver.runs(requests)

    assert len(contents(conn)) == 15
    assert driver.settle() == []


def test_nothing_is_requested_until_the_tree_is_quiet(driver: SensorDriver) -> None:
    driver.project.settings = driver.project.settings.model_copy(update={"quiet_seconds": 100.0})
    driver.tick()
    assert not driver.tick(later=90).run_requests
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    assert not driver.tick().run_requests
    assert not driver.tick(later=90).run_requests
    assert driver.tick(later=11).run_requests


def test_exactly_the_sections_that_changed_are_requested(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    driver.project.write("guide/s13/more.md", "# More\n\nOne more.")

    assert driver.settle() == [("s03", "s03"), ("s13", "s13")]

    assert contents(conn)["guide://s03/page.md"] == "New text."
    assert "guide://s13/more.md" in contents(conn)
    assert driver.project.materializations("guide", "chunks", section="s00") == 1


def test_a_section_that_is_gone_leaves_the_index_and_the_partitions_and_may_come_back(
    driver: SensorDriver, conn: Connection
) -> None:
    driver.settle()
    folder = driver.project.folder / "guide/s05"
    for _ in range(2):
        shutil.rmtree(folder)
        assert driver.settle() == [("s05", "s05")]
        assert "s05" not in driver.project.sections()
        assert "guide://s05/page.md" not in contents(conn)

        driver.project.write("guide/s05/page.md", "# Page 5\n\nText 5.")
        assert driver.settle() == [("s05", "s05")]
        assert "s05" in driver.project.sections()
        assert "guide://s05/page.md" in contents(conn)


def test_a_file_that_pages_share_rebuilds_the_sections_with_those_pages_and_no_others(
    driver: SensorDriver, conn: Connection
) -> None:
    page = "# Page\n\nimport Note from '../_note.mdx'\n\n<Note />\n"
    driver.project.write("guide/_note.mdx", "The first note.")
    driver.project.write("guide/s07/page.mdx", page)
    driver.settle()
    driver.project.write("guide/_note.mdx", "The second note.")

    assert driver.settle() == [("s07", "s07")]

    assert "second" in contents(conn)["guide://s07/page.mdx"]


def test_a_shared_file_that_no_page_includes_requests_nothing(driver: SensorDriver) -> None:
    driver.project.write("guide/_unused.mdx", "A note.")
    driver.settle()
    driver.project.write("guide/_unused.mdx", "Another note.")

    assert driver.settle() == []


def test_what_another_run_has_ingested_is_not_requested(driver: SensorDriver) -> None:
    driver.tick()
    assert driver.project.run() is None

    assert not driver.tick(later=60).run_requests
    assert driver.pending <= {SHARED}


def test_a_failed_run_is_requested_again_and_again(driver: SensorDriver) -> None:
    driver.tick()
    names = []
    for _ in range(20):
        names += [request.run_key for request in driver.tick(later=3600).run_requests or ()]
    assert len(names) == len(set(names)) == 20


def test_an_embedder_that_is_down_for_a_night_is_found_when_it_is_back(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")
    up = driver.project.settings
    driver.project.settings = up.model_copy(update={"ollama_host": "http://127.0.0.1:1"})
    driver.tick()
    for _ in range(5):
        [request] = driver.tick(later=3600).run_requests or ()
        assert not driver.runs([request])
    driver.project.settings = up

    [request] = driver.tick(later=3600).run_requests or ()

    assert driver.runs([request])
    without_vector = "SELECT count(*) FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL"
    assert conn.execute(without_vector).fetchone() == (0,)


def test_a_tree_that_could_not_be_read_for_a_moment_is_requested_again(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    driver.project.write("guide/s05/page.md", "# Page 5\n\nNew text.")
    driver.tick()
    requests = driver.tick(later=60).run_requests or ()
    guide = driver.project.folder / "guide"
    guide.rename(guide.with_name("away"))
    assert not driver.runs(requests)
    guide.with_name("away").rename(guide)

    requests = driver.tick(later=3600).run_requests or ()

    assert [ranges_of(request) for request in requests] == [("s05", "s05")]
    assert driver.runs(requests)
    assert contents(conn)["guide://s05/page.md"] == "New text."


@pytest.mark.parametrize("reason", ["canceled", "permanent"])
def test_what_a_person_canceled_or_what_would_fail_again_waits_for_a_change(driver: SensorDriver, reason: str) -> None:
    driver.tick()
    [request] = driver.tick(later=60).run_requests or ()
    instance = driver.project.instance
    tags = dict(request.tags) | ({PERMANENT_TAG: "true"} if reason == "permanent" else {})
    status = DagsterRunStatus.CANCELED if reason == "canceled" else DagsterRunStatus.FAILURE
    instance.add_run(_run(tags, status))

    assert not driver.tick(later=100_000).run_requests
    driver.project.write("guide/s03/page.md", "# Page 3\n\nChanged.")
    driver.tick()
    assert driver.tick(later=60).run_requests


@pytest.mark.parametrize("status", [DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED])
def test_nothing_is_requested_while_a_run_over_the_source_is_under_way_however_long_it_takes(
    driver: SensorDriver, status: DagsterRunStatus
) -> None:
    driver.tick()
    driver.project.instance.add_run(_run({SOURCE_TAG: "guide"}, status))

    assert not driver.tick(later=60).run_requests
    assert not driver.tick(later=5 * 3600).run_requests


def test_a_run_that_was_created_and_never_started_is_waited_for_for_a_limited_time(driver: SensorDriver) -> None:
    driver.tick()
    driver.project.instance.add_run(_run({SOURCE_TAG: "guide"}, DagsterRunStatus.NOT_STARTED))

    assert not driver.tick(later=60).run_requests
    assert driver.tick(later=3600).run_requests


def test_a_section_that_is_gone_stays_a_partition_while_a_run_over_it_waits(driver: SensorDriver) -> None:
    driver.settle()
    shutil.rmtree(driver.project.folder / "guide/s13")
    driver.tick()
    requests = driver.tick(later=60).run_requests or ()
    waiting = driver.project.instance.add_run(
        _run({SOURCE_TAG: "guide", RANGE_START_TAG: "s10", RANGE_END_TAG: "s13"}, DagsterRunStatus.NOT_STARTED)
    )
    assert driver.runs(requests)

    driver.tick(later=60)
    assert "s13" in driver.project.sections()

    driver.project.instance.report_run_canceled(waiting)
    driver.tick(later=60)
    assert "s13" not in driver.project.sections()


def test_a_listing_that_fails_changes_nothing(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    shutil.rmtree(driver.project.folder / "guide")

    assert "Cannot list" in skipped(driver)
    assert len(contents(conn)) == 15
    assert len(driver.project.sections()) == 15


def test_a_source_that_is_no_longer_in_the_table_is_skipped_before_the_code_is_reloaded(driver: SensorDriver) -> None:
    driver.tick()
    table = '[[sources]]\nname = "guide"\nparser = "mdx"\npaths = ["guide"]\nenabled = '
    driver.project.write("sources.toml", f"{table}false")
    assert "is not enabled" in skipped(driver)

    driver.project.write("sources.toml", f"{table}true")
    assert skipped(driver) == ""


def skipped(driver: SensorDriver) -> str:
    """Return why the sensor as the daemon has it does nothing; empty if it does something."""
    [sensor] = [s for s in driver.project.defs().sensors or () if s.name == "follow_guide"]
    with build_sensor_context(driver.project.instance, cursor=driver.cursor) as context:
        result = sensor(context)
    return (result.skip_message or "") if isinstance(result, SkipReason) else ""


def test_sections_that_only_the_store_has_are_removed_from_it(driver: SensorDriver, conn: Connection) -> None:
    driver.settle()
    shutil.rmtree(driver.project.folder / "guide/s05")
    for key in driver.project.sections():
        driver.project.instance.delete_dynamic_partition("guide_sections", key)
    driver.cursor = None

    driver.settle()

    assert "guide://s05/page.md" not in contents(conn)
    assert "s05" not in driver.project.sections()


def test_the_raw_section_that_changed_is_seen_and_what_is_built_of_it_is_stale_until_it_is_built_anew(
    driver: SensorDriver,
) -> None:
    driver.settle()
    assert stale(driver) == set()
    driver.project.write("guide/s03/page.md", "# Page 3\n\nNew text.")

    result = driver.tick()

    assert {(event.asset_key, event.partition) for event in result.asset_events} == {
        (AssetKey(["guide", "raw"]), "s03")
    }
    assert all(
        (event.tags or {})["dagster/data_version"]
        for event in result.asset_events
        if not isinstance(event, AssetCheckEvaluation)
    )
    assert stale(driver) == {"s03"}
    assert driver.settle() == [("s03", "s03")]
    assert stale(driver) == set()
    assert not driver.tick().asset_events


def test_other_chunk_settings_make_every_section_stale(driver: SensorDriver) -> None:
    driver.settle()

    driver.project.settings = driver.project.settings.model_copy(update={"chunk_tokens": 200})

    assert stale(driver) == driver.project.sections()


def _run(tags: dict[str, str], status: DagsterRunStatus) -> DagsterRun:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
    origin = RemoteJobOrigin(repository, "ingest_guide")  # Dagster refuses to queue a run without one
    return DagsterRun(job_name="ingest_guide", tags=tags, status=status, remote_job_origin=origin)
