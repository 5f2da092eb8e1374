"""What the partitioned assets of a source share: their backfills, their metadata, and the failures in their logs."""

from collections.abc import Mapping, Sequence

import dagster as dg

from bbj_assets.defs.metadata import Metadata
from bbj_assets.outcomes import Failure
from bbj_assets.settings import Settings

_LOGGED_FAILURES = 20
"""Each line of a run's log is a write to Dagster's event log; thousands of them would take minutes."""


def backfill_policy(settings: Settings) -> dg.BackfillPolicy:
    """Return how a backfill becomes runs: one over all partitions, unless the settings limit their number."""
    if settings.backfill_partitions_per_run:
        return dg.BackfillPolicy.multi_run(settings.backfill_partitions_per_run)
    return dg.BackfillPolicy.single_run()


def record_partitions(
    context: dg.AssetExecutionContext, by_partition: Mapping[str, Metadata]
) -> dg.MaterializeResult[None]:
    """Record the metadata of each partition, and return that the asset is materialized."""
    for key, metadata in by_partition.items():
        context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=key)
    return dg.MaterializeResult()


def log_failures(log: dg.DagsterLogManager, failures: Sequence[Failure]) -> None:
    """Log the first failed items as warnings, and how many more there are."""
    for failure in failures[:_LOGGED_FAILURES]:
        log.warning("%s: %s", failure.item, failure.error)
    more = len(failures) - _LOGGED_FAILURES
    if more > 0:
        log.warning("%d more failed. `bbj-assets failures` and the asset `failures` list all of them.", more)
