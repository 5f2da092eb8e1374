"""The run queue: Dagster's own, which also tags a run with the source that it is over.

The limit of one run a source goes by a tag of the run. Jobs and sensors set it; a run that comes of "Materialize" or
of a backfill in the UI has only the tags that a person typed. dagster.yaml names this class:

    run_coordinator:
      module: bbj_assets.defs.instance.run_queue
      class: SourceRunQueue

The daemon of every home opens this queue, so it is also where that process is made to wait for its code servers.
"""

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext

from bbj_assets.defs.instance.code_servers import install_waiting_for_code_servers
from bbj_assets.defs.tags import SOURCE_TAG


class SourceRunQueue(dg.QueuedRunCoordinator):
    """Tags a run over the assets of one source with its name before it is queued."""

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Open the queue for an instance; Dagster calls this once, before its daemons start."""
        super().register_instance(instance)
        install_waiting_for_code_servers()

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Queue the run."""
        run = context.dagster_run
        groups = {key.path[0] for key in run.asset_selection or () if len(key.path) > 1}
        if len(groups) == 1 and SOURCE_TAG not in run.tags:
            self._instance.add_run_tags(run.run_id, {SOURCE_TAG: groups.pop().replace("_", "-")})
        return super().submit_run(context)
