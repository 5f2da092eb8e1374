"""What asset bodies need besides Dagster's context: one resource, a plain object."""

from collections.abc import Iterator
from dataclasses import dataclass

from dagster import InitResourceContext, ResourceDefinition, resource

from bbj_assets.defs.instance.run_processes import marked_alive
from bbj_assets.embedding.runner.batches import BatchOptions
from bbj_assets.progress import SILENT, ProgressOfSources
from bbj_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """The settings of this installation, and who listens to its progress."""

    settings: Settings
    progress: ProgressOfSources = SILENT

    @property
    def batch_options(self) -> BatchOptions:
        """How embeddings are made."""
        return BatchOptions(
            workers=self.settings.embedding_workers,
            batch_size=self.settings.embedding_batch_size,
            initial_delay=self.settings.embedding_retry_seconds,
        )


def runtime_resource(runtime: Runtime) -> ResourceDefinition:
    """The runtime as Dagster's resource, which also shows that the process of its run lives."""

    @resource(description="The settings of this installation, and who listens to its progress.")
    def shown(context: InitResourceContext) -> Iterator[Runtime]:
        if context.instance is None or context.run is None:  # not of a run: definitions that are validated
            yield runtime
            return
        with marked_alive(context.instance, context.run.run_id):
            yield runtime

    return shown
