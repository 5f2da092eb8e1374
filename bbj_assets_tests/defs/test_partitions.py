"""Sections are added and deleted, but none that a run or a backfill still needs."""

import shutil
import time
from collections.abc import Mapping

import pytest
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import PARTITION_NAME_TAG

from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.partitions import register_sections
from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.project import Project

RANGE = {RANGE_START_TAG: "grids", RANGE_END_TAG: "windows"}


@pytest.fixture
def shrunk(project: Project, conn: Connection) -> Project:
    """With a section that only Dagster still knows."""
    for section in ("grids", "trees", "windows"):
        project.write(f"guide/{section}/page.md", f"# {section}\n\nAbout {section}.")
    register_sections(project.instance, conn, project.source())
    shutil.rmtree(project.folder / "guide/windows")
    return project


def started(instance: DagsterInstance, status: DagsterRunStatus, **over: object) -> DagsterRun:
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("bbj_assets"), "__repository__").get_job_origin("any")
    return instance.add_run(
        DagsterRun(job_name="any", status=status, remote_job_origin=origin, **over)  # type: ignore[arg-type]
    )


def backfilled(project: Project, status: BulkActionStatus, *names: str) -> PartitionBackfill:
    """A backfill over everything that the UI shows of some sources."""
    backfill: PartitionBackfill = PartitionBackfill.from_asset_partitions(
        backfill_id="abcdefgh",
        asset_graph=project.defs(*names).resolve_asset_graph(),
        partition_names=None,
        asset_selection=[AssetKey([name, kind]) for name in names for kind in ("chunks", "embeddings")],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=project.instance,
        all_partitions=True,
        title=None,
        description=None,
        run_config=None,
    ).with_status(status)  # type: ignore[no-untyped-call]
    project.instance.add_backfill(backfill)
    return backfill


@pytest.mark.parametrize(
    "over",
    [
        {"tags": {SOURCE_TAG: "guide", **RANGE}},
        {"tags": {SOURCE_TAG: "guide", PARTITION_NAME_TAG: "windows"}},
        {"tags": RANGE, "asset_selection": frozenset([AssetKey(["guide", "chunks"])])},
    ],
)
@pytest.mark.parametrize("status", [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED])
def test_a_section_that_is_gone_stays_a_partition_until_the_runs_over_its_source_have_ended(
    shrunk: Project, conn: Connection, status: DagsterRunStatus, over: Mapping[str, object]
) -> None:
    run = started(shrunk.instance, status, **over)
    register_sections(shrunk.instance, conn, shrunk.source())
    assert shrunk.sections() == {"grids", "trees", "windows"}

    shrunk.instance.report_run_failed(run)
    register_sections(shrunk.instance, conn, shrunk.source())
    assert shrunk.sections() == {"grids", "trees"}


@pytest.mark.parametrize("status", [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING])
def test_a_section_that_is_gone_stays_a_partition_until_the_backfills_of_its_source_have_ended(
    shrunk: Project, conn: Connection, status: BulkActionStatus
) -> None:
    backfill = backfilled(shrunk, status, "guide")
    register_sections(shrunk.instance, conn, shrunk.source())
    assert shrunk.sections() == {"grids", "trees", "windows"}

    shrunk.instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS))  # type: ignore[no-untyped-call]
    register_sections(shrunk.instance, conn, shrunk.source())
    assert shrunk.sections() == {"grids", "trees"}


@pytest.mark.parametrize(
    "over",
    [
        {"tags": {SOURCE_TAG: "guide"}},  # a crawl: it is over no sections, and registers them
        {"tags": {SOURCE_TAG: "other", **RANGE}},
        {"tags": RANGE, "asset_selection": frozenset([AssetKey(["other", "chunks"]), AssetKey(["search_index"])])},
    ],
)
def test_runs_over_other_sources_or_no_sections_hold_up_nothing(
    shrunk: Project, conn: Connection, over: Mapping[str, object]
) -> None:
    started(shrunk.instance, DagsterRunStatus.STARTED, **over)
    shrunk.write("other/page.md", "# Page\n\nText.")
    register_sections(shrunk.instance, conn, shrunk.source("other"))
    backfilled(shrunk, BulkActionStatus.REQUESTED, "other")

    register_sections(shrunk.instance, conn, shrunk.source())

    assert shrunk.sections() == {"grids", "trees"}


def test_a_run_from_the_command_line_deletes_the_sections_that_are_gone(shrunk: Project) -> None:
    assert shrunk.run(options=IngestOptions()) is None

    assert shrunk.sections() == {"grids", "trees"}
