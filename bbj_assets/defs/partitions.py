"""The partitions of a source: its sections, as its parser names them.

They are dynamic, because sections come and go with the documentation. One definition is shared by a source's
chunks and embeddings, so that one run covers both.
"""

from collections.abc import Collection, Iterable

from dagster import AssetKey, DagsterInstance, DagsterRun, DynamicPartitionsDefinition, RunsFilter
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from bbj_assets.defs.tags import RANGE_START_TAG, SOURCE_TAG
from bbj_assets.ingest.listing import current_partitions
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection

_UNFINISHED_BACKFILLS = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]


def sections(source: Source) -> DynamicPartitionsDefinition:
    """The partitions definition of a source."""
    return DynamicPartitionsDefinition(name=sections_name(source))


def sections_name(source: Source) -> str:
    """The name under which Dagster keeps the sections of a source."""
    return f"{source.group}_sections"


def register_sections(instance: DagsterInstance, conn: Connection, source: Source) -> list[str]:
    """Make Dagster know every section that the source or the store has; gives all keys, in Dagster's order.

    Those that are in neither are forgotten, unless a run or a backfill still needs them.

    Raises:
        ListingError: the source cannot be listed; nothing was registered.
    """
    listed, stored = current_partitions(conn, source)
    name = sections_name(source)
    known = instance.get_dynamic_partitions(name)
    new = sorted((listed | stored) - set(known))
    if new:
        instance.add_dynamic_partitions(name, new)
    for key in forgettable(instance, source, set(known) - listed - stored):
        instance.delete_dynamic_partition(name, key)
    return list(instance.get_dynamic_partitions(name))


def forgettable(instance: DagsterInstance, source: Source, gone: Collection[str]) -> list[str]:
    """Of the sections that are gone those that may stop being partitions now; of the others, whoever asks next.

    Dagster ends a backfill as failed, with all of its sections, when one of them is no partition any more, and a run
    over a range when that is so of its first or last one.
    """
    return sorted(gone) if gone and not _are_asked_for(instance, source) else []


def _are_asked_for(instance: DagsterInstance, source: Source) -> bool:
    runs = (record.dagster_run for record in instance.get_run_records(RunsFilter(statuses=NOT_FINISHED_STATUSES)))
    backfills = instance.get_backfills(BulkActionsFilter(statuses=_UNFINISHED_BACKFILLS))
    return any(_is_over_sections(run, source) for run in runs) or any(
        backfill.asset_selection is None or _has_assets_of(source, backfill.asset_selection) for backfill in backfills
    )


def _is_over_sections(run: DagsterRun, source: Source) -> bool:
    """A visit of a site is over none: it is a run in which sections are registered, and must not wait for itself."""
    return not run.tags.keys().isdisjoint({PARTITION_NAME_TAG, RANGE_START_TAG}) and (
        run.tags.get(SOURCE_TAG) == source.name or _has_assets_of(source, run.asset_selection or ())
    )


def _has_assets_of(source: Source, assets: Iterable[AssetKey]) -> bool:
    return any(key.path[0] == source.group for key in assets)
