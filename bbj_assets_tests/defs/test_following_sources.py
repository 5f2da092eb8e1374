"""The sensor of a source on a real instance: what it asks for, and that doing so makes it content."""

import shutil

import pytest
from dagster import (
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
from bbj_assets_tests.defs.follower import Follower, contents, ranges_of, stale


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


def _run(tags: dict[str, str], status: DagsterRunStatus) -> DagsterRun:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
    origin = RemoteJobOrigin(repository, "ingest_guide")  # Dagster refuses to queue a run without one
    return DagsterRun(job_name="ingest_guide", tags=tags, status=status, remote_job_origin=origin)
