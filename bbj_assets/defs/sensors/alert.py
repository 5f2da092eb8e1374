"""Telling of failed runs, where BBJ_ASSETS_ALERT_WEBHOOK says where."""

from dagster import DefaultSensorStatus, RunFailureSensorContext, SensorDefinition, run_failure_sensor
from pydantic import SecretStr

from bbj_assets.alerts import post_alert
from bbj_assets.defs.run_errors import error_of
from bbj_assets.defs.tags import SOURCE_TAG


def alert_sensor(*, webhook: SecretStr) -> SensorDefinition:
    """Post every failed run to a webhook."""

    @run_failure_sensor(
        name="alert",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=5,
        description="Posts every failed run to the webhook of BBJ_ASSETS_ALERT_WEBHOOK.",
    )
    def alert(context: RunFailureSensorContext) -> None:
        run = context.dagster_run
        error = error_of(context.get_step_failure_events()) or context.failure_event.message or "no reason was given"
        source = run.tags.get(SOURCE_TAG, "")
        over = f" over {source!r}" if source else ""
        text = f"BBj Assets: the run {run.run_id[:8]} of {run.job_name}{over} failed: {error}"
        post_alert(webhook, text, {"run_id": run.run_id, "job": run.job_name, "source": source, "error": error})

    return alert
