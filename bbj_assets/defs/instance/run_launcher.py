"""The run launcher: Dagster's own, which also reports whether the process of a run still lives.

Without this, a run whose code server died together with it (a container that is killed) would be under way until its
maximum runtime. The daemon's run monitoring asks, marks a lost run as failed, and run retries start it again.
dagster.yaml names this class:

    run_launcher:
      module: bbj_assets.defs.instance.run_launcher
      class: WatchfulRunLauncher
"""

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

from bbj_assets.defs.instance.run_processes import LOST, is_lost


class WatchfulRunLauncher(dg.DefaultRunLauncher):
    """Knows of every run on the storage folder of its instance, also of those that it did not launch."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True, so that run monitoring asks."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return `FAILED` if the process of a run is known to be lost, else `RUNNING`."""
        if is_lost(self._instance, run.run_id):
            return CheckRunHealthResult(WorkerStatus.FAILED, LOST)
        return CheckRunHealthResult(WorkerStatus.RUNNING)
