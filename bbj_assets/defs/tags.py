"""The tags of runs: what a person filters by in the UI, and what queues and sensors go by."""

SOURCE_TAG = "bbj_assets/source"
"""The source that a run is over. dagster.yaml lets one run with the same value be under way at a time."""

REQUEST_TAG = "bbj_assets/request"
"""What the sensor of a source asked for; runs with the same value are one request."""

PERMANENT_TAG = "bbj_assets/permanent_failure"
"""On a run that would fail again in the same way, so that nobody tries."""

INVOCATION_TAG = "bbj_assets/invocation"
"""The `bbj-ingest-all` that started the run."""

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
