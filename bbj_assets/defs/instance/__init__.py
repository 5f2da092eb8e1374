"""Everything that changes Dagster itself or uses a private name of it."""
