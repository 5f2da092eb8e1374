"""The sensor that evaluates the automation conditions of assets (`assets.automation`)."""

import dagster as dg

from bbj_assets.settings import Settings


def automation_sensor(*, settings: Settings) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that materializes the assets whose automation condition is true."""
    return dg.AutomationConditionSensorDefinition(
        "follow_all_sources",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.sensor_seconds,
        description="Builds the search index and the list of failures anew when a source has changed.",
    )
