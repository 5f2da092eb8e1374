"""What is built of all sources follows them by itself, also when one of them failed."""

from dagster import AssetSelection, AutomationCondition, AutomationConditionSensorDefinition, DefaultSensorStatus

from bbj_assets.settings import Settings

_INPUT_IS_NEW = AutomationCondition.any_deps_updated()

FOLLOWS_ITS_INPUTS = (
    _INPUT_IS_NEW.since(
        (AutomationCondition.newly_requested() & ~_INPUT_IS_NEW) | AutomationCondition.initial_evaluation()
    )
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
).with_label("an input is new and none is being made")
"""Dagster's own `eager` waits until no input is missing: one source that never succeeded would hold up all others.

Its `since_last_handled` would forget an input that came while a run was building and did not look at it any more. So an
input counts until it was asked for, and none came since; that somebody else has built meanwhile does not count.
"""


def automation_sensor(*, settings: Settings) -> AutomationConditionSensorDefinition:
    """Materialize what has an automation condition."""
    return AutomationConditionSensorDefinition(
        "follow_all_sources",
        target=AssetSelection.all(),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.sensor_seconds,
        description="Builds the search index and the list of failures anew when a source has changed.",
    )
