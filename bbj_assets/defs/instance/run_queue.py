"""The run queue: Dagster's own, which is told what source a run is over.

A limit of one run a source goes by a tag of the run. Jobs and sensors set it; a run that comes of "Materialize" or
of a backfill in the UI has only the tags that a person typed. dagster.yaml names this class:

    run_coordinator:
      module: bbj_assets.defs.instance.run_queue
      class: SourceRunQueue

Whoever has this queue, as the daemon does, also waits with retries and backfills until the code server is there.
"""

from typing import Any

from dagster import DagsterRun, QueuedRunCoordinator
from dagster._core.run_coordinator.base import SubmitRunContext

from bbj_assets.defs.instance.code_servers import wait_for_code_servers
from bbj_assets.defs.tags import SOURCE_TAG


class SourceRunQueue(QueuedRunCoordinator):
    """Tags a run over the assets of one source with its name before it is queued."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        wait_for_code_servers()

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Queue the run."""
        run = context.dagster_run
        groups = {key.path[0] for key in run.asset_selection or () if len(key.path) > 1}
        if len(groups) == 1 and SOURCE_TAG not in run.tags:
            self._instance.add_run_tags(run.run_id, {SOURCE_TAG: groups.pop().replace("_", "-")})
        return super().submit_run(context)
