"""The sensor of a source, and the daemon that evaluates it, on a real instance and with a clock that a test moves."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import (
    AssetKey,
    DeleteDynamicPartitionsRequest,
    RunRequest,
    SensorResult,
)
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from bbj_assets.defs.sensors import follow
from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG
from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.ingest.following import Watch
from bbj_assets.store.connection import Connection

if TYPE_CHECKING:
    from bbj_assets_tests.defs.conftest import Installation


@dataclass
class Follower:
    """A sensor and its daemon: ticks are applied as the daemon does, with a clock that the test moves."""

    installation: "Installation"
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


def contents(conn: Connection) -> dict[str, str]:
    return dict(conn.execute("SELECT source_url, content FROM chunks").fetchall())


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
