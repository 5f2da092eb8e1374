"""The partitions of a source: its sections, as its parser names them.

They are dynamic, because sections come and go with the documentation. One definition is shared by a source's
chunks and embeddings, so that one run covers both.
"""

from collections.abc import Collection

import dagster as dg

from bbj_assets.defs.instance.private_names import unfinished_backfills
from bbj_assets.defs.tags import PARTITION_TAG, RANGE_START_TAG
from bbj_assets.defs.unfinished_runs import has_assets_of, unfinished_runs
from bbj_assets.ingest.listing import current_partitions
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection


def sections(source: Source) -> dg.DynamicPartitionsDefinition:
    """Return the partitions definition of a source."""
    return dg.DynamicPartitionsDefinition(name=sections_name(source))


def sections_name(source: Source) -> str:
    """Return the name under which Dagster keeps the sections of a source."""
    return f"{source.group}_sections"


def register_sections(instance: dg.DagsterInstance, conn: Connection, source: Source) -> list[str]:
    """Register every section that the source or the store has, and return all keys in Dagster's order.

    Sections that are in neither are deleted, unless a run or a backfill still needs them.

    Raises:
        ListingError: the source cannot be listed; nothing was registered.
    """
    listed, stored = current_partitions(conn, source)
    name = sections_name(source)
    known = instance.get_dynamic_partitions(name)
    new = sorted((listed | stored) - set(known))
    if new:
        instance.add_dynamic_partitions(name, new)
    for key in deletable_sections(instance, source, set(known) - listed - stored):
        instance.delete_dynamic_partition(name, key)
    return list(instance.get_dynamic_partitions(name))


def deletable_sections(instance: dg.DagsterInstance, source: Source, removed: Collection[str]) -> list[str]:
    """Return the removed sections that may be deleted now; the rest are left for a later call.

    Dagster ends a backfill as failed, with all of its sections, when one of them is no partition any more, and a run
    over a range when that happens to the first or the last one.
    """
    return sorted(removed) if removed and not _are_needed(instance, source) else []


def _are_needed(instance: dg.DagsterInstance, source: Source) -> bool:
    return any(_is_over_sections(record.dagster_run) for record in unfinished_runs(instance, source)) or any(
        backfill.asset_selection is None or has_assets_of(source, backfill.asset_selection)
        for backfill in unfinished_backfills(instance)
    )


def _is_over_sections(run: dg.DagsterRun) -> bool:
    """Return whether a run has partitions. A crawl has none: it registers sections, and must not wait for itself."""
    return not run.tags.keys().isdisjoint({PARTITION_TAG, RANGE_START_TAG})
