"""The sensors, a module each.

`follow` has what changed in a source ingested, `automation` evaluates the conditions of the assets over all sources,
`retry` starts the runs that `retry_failed` asks for, and `alert` posts failed runs to a webhook. What an asset is made
of, and when it is out of date, belongs to `assets`.

Dagster's page: https://docs.dagster.io/guides/automate/sensors
"""

from bbj_assets.defs.sensors.alert import alert_sensor
from bbj_assets.defs.sensors.automation import automation_sensor
from bbj_assets.defs.sensors.follow import follow_sensor
from bbj_assets.defs.sensors.retry import retry_sensor

__all__ = ["alert_sensor", "automation_sensor", "follow_sensor", "retry_sensor"]
