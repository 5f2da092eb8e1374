"""What is built of all sources follows them by itself, also when one of them failed."""

from dagster import AssetSelection, AutomationCondition, AutomationConditionSensorDefinition, DefaultSensorStatus

from bbj_assets.settings import Settings

FOLLOWS_ITS_INPUTS = (
    AutomationCondition.any_deps_updated().since_last_handled()
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
).with_label("an input is new and none is being made")
"""Dagster's own `eager` waits until no input is missing: one source that never succeeded would hold up all others."""


def automation_sensor(*, settings: Settings) -> AutomationConditionSensorDefinition:
    """Materialize what has an automation condition."""
    return AutomationConditionSensorDefinition(
        "follow_all_sources",
        target=AssetSelection.all(),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.sensor_seconds,
        description="Builds the search index and the list of failures anew when a source has changed.",
    )
