"""The private names of Dagster that the definitions need, behind names of ours.

Each is small enough that no class or patch has to be made for it. instance/README.md says why each is needed.
"""

from collections.abc import Sequence
from typing import TypeAlias

import dagster as dg
from dagster._core.definitions.run_request import DagsterRunReaction
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster_shared.error import SerializableErrorInfo

AssetJob: TypeAlias = UnresolvedAssetJobDefinition
"""What `dg.define_asset_job` returns."""

RunReaction: TypeAlias = DagsterRunReaction
"""What a sensor that follows runs returns for one of them."""

_UNFINISHED_BACKFILLS = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]


def unfinished_backfills(instance: dg.DagsterInstance) -> Sequence[PartitionBackfill]:
    """Return the backfills that will still look up their partitions."""
    return instance.get_backfills(BulkActionsFilter(statuses=_UNFINISHED_BACKFILLS))


def last_passed_check(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """Return the last evaluation of a check that passed."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, status={AssetCheckExecutionRecordStatus.SUCCEEDED}
    )
    return next((record.event.asset_check_evaluation for record in history if record.event), None)


def reacted_to(run: dg.DagsterRun, error: Exception | None) -> RunReaction:
    """Return that a sensor is done with a failed run; `error` shows in its tick, and does not repeat it."""
    shown = SerializableErrorInfo(str(error), [], type(error).__name__) if error else None
    return DagsterRunReaction(run, shown, dg.DagsterRunStatus.FAILURE)
