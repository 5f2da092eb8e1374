"""What asset bodies need besides Dagster's context: one resource, a plain object."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from bbj_assets.defs.instance.run_processes import marked_alive
from bbj_assets.defs.logged_progress import LoggedProgress
from bbj_assets.progress import SILENT, ProgressOfSources
from bbj_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """The settings of this installation, and what listens to its progress."""

    settings: Settings
    progress: ProgressOfSources = SILENT

    def logged_progress(self, source: str, log: dg.DagsterLogManager) -> LoggedProgress:
        """Return the progress of one source, whose outages are also lines in the log of its run."""
        return LoggedProgress(self.progress.of(source), log)


def runtime_resource(runtime: Runtime) -> dg.ResourceDefinition:
    """Return the runtime as a resource, which also marks the process of its run as alive."""

    # No ConfigurableResource: its fields are configuration that Dagster copies, and the listener is a live object.
    @dg.resource(description="The settings of this installation, and what listens to its progress.")
    def of_run(context: dg.InitResourceContext) -> Iterator[Runtime]:
        if context.instance is None or context.run is None:  # not of a run: definitions that are validated
            yield runtime
            return
        with marked_alive(context.instance, context.run.run_id):
            yield runtime

    return of_run
