"""What the daemon does with the sensor of a source, on a real instance and with a clock that a test moves."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from dagster import (
    AssetKey,
    DeleteDynamicPartitionsRequest,
    RunRequest,
    SensorResult,
)
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from bbj_assets.defs.sensors.follow import SourceLook, tick
from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG
from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.ingest.following import SensorCursor
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.project import Project


@dataclass
class SensorDriver:
    """A sensor and its daemon: ticks are applied as the daemon does, with a clock that the test moves."""

    project: Project
    cursor: str | None = None
    ahead: float = 0.0

    def tick(self, *, later: float = 0.0) -> SensorResult:
        """Evaluate the sensor, `later` by that many seconds, and apply all of the result but the runs."""
        self.ahead += later
        source = self.project.source()
        look = SourceLook(
            instance=self.project.instance,
            source=source,
            settings=self.project.settings,
            listing=fingerprints(source),
            now=time.time() + self.ahead,
        )
        result = tick(look, self.cursor)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or ():
            if isinstance(request, DeleteDynamicPartitionsRequest):
                for key in request.partition_keys:
                    self.project.instance.delete_dynamic_partition(request.partitions_def_name, key)
            else:
                self.project.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        for event in result.asset_events or ():
            self.project.instance.report_runless_asset_event(event)
        return result

    @property
    def pending(self) -> set[str]:
        cursor = SensorCursor.loads(self.cursor)
        assert cursor is not None
        return set(cursor.pending)

    def runs(self, requests: Sequence[RunRequest]) -> bool:
        """Execute the requested runs, and return whether all of them succeeded."""
        job = self.project.defs().resolve_job_def("ingest_guide")
        return all(
            job.execute_in_process(instance=self.project.instance, tags=request.tags, raise_on_error=False).success
            for request in requests
        )

    def settle(self) -> list[tuple[str, str]]:
        """Tick and run until nothing is left to do, and return the ranges that were requested."""
        requested = []
        for _ in range(8):
            requests = self.tick().run_requests or ()
            requested += [ranges_of(request) for request in requests]
            assert self.runs(requests)
            if not requests and not self.pending:
                return requested
        raise AssertionError(f"still something to do: {self.cursor}")


def ranges_of(request: RunRequest) -> tuple[str, str]:
    return request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]


def contents(conn: Connection) -> dict[str, str]:
    return dict(conn.execute("SELECT source_url, content FROM chunks").fetchall())


def stale(driver: SensorDriver) -> set[str]:
    """Return the sections whose chunks Dagster shows as out of date."""
    instance = driver.project.instance
    graph = driver.project.defs().resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    key = AssetKey(["guide", "chunks"])
    return {
        section for section in driver.project.sections() if resolver.get_status(key, section) is not StaleStatus.FRESH
    }
