"""Telling of failed runs, where BBJ_ASSETS_ALERT_WEBHOOK says where.

Each is told of once it can be, however long the webhook is away: the sensor stays at the run that it cannot tell of. It
tells of one run a tick, so that no other is told of again then. Only if the daemon is killed between telling and noting
that it did, the run is told of twice.
"""

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunFailureSensorContext,
    SensorDefinition,
    SkipReason,
    run_failure_sensor,
)
from dagster._core.definitions.run_request import DagsterRunReaction
from dagster_shared.error import SerializableErrorInfo
from pydantic import SecretStr

from bbj_assets.alerts import post_alert
from bbj_assets.defs.run_errors import error_of, was_stopped
from bbj_assets.defs.sensors.repeating import repeated_after
from bbj_assets.defs.tags import SOURCE_TAG
from bbj_assets.errors import AlertDelayed, AlertError


def alert_sensor(*, webhook: SecretStr) -> SensorDefinition:
    """Post every failed run to a webhook."""

    @run_failure_sensor(
        name="alert",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        monitor_all_code_locations=True,  # also those of no code location, which are those of `bbj-ingest-all`
        description="Posts every failed run, of bbj-ingest-all too, to the webhook of BBJ_ASSETS_ALERT_WEBHOOK.",
    )
    def alert(context: RunFailureSensorContext) -> DagsterRunReaction | SkipReason:
        run = context.dagster_run
        if not _is_ours(context):
            return SkipReason(f"The run {run.run_id} is of another project.")
        if was_stopped(context.get_step_failure_events()):
            return SkipReason(f"The run {run.run_id} was stopped on request.")
        refused = None
        try:
            with repeated_after(AlertDelayed):
                _tell(context, webhook)
        except AlertError as error:
            refused = SerializableErrorInfo(str(error), [], type(error).__name__)
        return DagsterRunReaction(run, refused, DagsterRunStatus.FAILURE)

    return alert


def _is_ours(context: RunFailureSensorContext) -> bool:
    """Whether the run is of a job and over assets of this project: others may share the instance."""
    repository, run = context.repository_def, context.dagster_run
    return repository is None or (
        repository.has_job(run.job_name) and all(repository.asset_graph.has(key) for key in run.asset_selection or ())
    )


def _tell(context: RunFailureSensorContext, webhook: SecretStr) -> None:
    run = context.dagster_run
    error = error_of(context.get_step_failure_events()) or context.failure_event.message or "no reason was given"
    source = run.tags.get(SOURCE_TAG, "")
    over = f" over {source!r}" if source else ""
    text = f"BBj Assets: the run {run.run_id[:8]} of {run.job_name}{over} failed: {error}"
    post_alert(webhook, text, {"run_id": run.run_id, "job": run.job_name, "source": source, "error": error})
