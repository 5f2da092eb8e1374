"""Alerts: failed runs are posted to BBJ_ASSETS_ALERT_WEBHOOK, if that is set.

Each is posted as soon as it can be, however long the webhook is away: the sensor stays at the run that it cannot post.
It posts one run a tick, so that no other is posted again then. A run is posted twice only if the daemon is killed
between the post and the commit of the sensor's cursor.
"""

import dagster as dg
from pydantic import SecretStr

from bbj_assets.alerts import post_alert
from bbj_assets.defs.instance.private_names import RunReaction, reacted_to
from bbj_assets.defs.run_errors import error_of, was_stopped
from bbj_assets.defs.sensors.repeating import repeated_after
from bbj_assets.defs.tags import SOURCE_TAG
from bbj_assets.errors import AlertDelayed, AlertError


def alert_sensor(*, webhook: SecretStr) -> dg.SensorDefinition:
    """Return the sensor that posts every failed run to a webhook."""

    @dg.run_failure_sensor(
        name="alert",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        monitor_all_code_locations=True,  # also those of no code location, which are those of `bbj-ingest-all`
        description="Posts every failed run, of bbj-ingest-all too, to the webhook of BBJ_ASSETS_ALERT_WEBHOOK.",
    )
    def alert(context: dg.RunFailureSensorContext) -> RunReaction | dg.SkipReason:
        run = context.dagster_run
        if not _is_ours(context):
            return dg.SkipReason(f"The run {run.run_id} is of another project.")
        if was_stopped(context.get_step_failure_events()):
            return dg.SkipReason(f"The run {run.run_id} was stopped on request.")
        refused: AlertError | None = None
        try:
            with repeated_after(AlertDelayed):
                _post(context, webhook)
        except AlertError as error:
            refused = error
        return reacted_to(run, refused)

    return alert


def _is_ours(context: dg.RunFailureSensorContext) -> bool:
    """Return whether the run is of a job and over assets of this project: others may share the instance."""
    repository, run = context.repository_def, context.dagster_run
    return repository is None or (
        repository.has_job(run.job_name) and all(repository.asset_graph.has(key) for key in run.asset_selection or ())
    )


def _post(context: dg.RunFailureSensorContext, webhook: SecretStr) -> None:
    run = context.dagster_run
    error = error_of(context.get_step_failure_events()) or context.failure_event.message or "no reason was given"
    source = run.tags.get(SOURCE_TAG, "")
    over = f" over {source!r}" if source else ""
    text = f"BBj Assets: the run {run.run_id[:8]} of {run.job_name}{over} failed: {error}"
    post_alert(webhook, text, {"run_id": run.run_id, "job": run.job_name, "source": source, "error": error})
