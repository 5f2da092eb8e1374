"""The tags of runs: what a person filters by in the UI, and what queues and sensors go by."""

SOURCE_TAG = "bbj_assets/source"
"""The source that a run is over. dagster.yaml lets one run with the same value be under way at a time."""

REQUEST_TAG = "bbj_assets/request"
"""The request of a source's sensor; runs with the same value are one request."""

PERMANENT_TAG = "bbj_assets/permanent_failure"
"""On a run that would fail again in the same way, so that it is not tried again."""

INVOCATION_TAG = "bbj_assets/invocation"
"""The `bbj-ingest-all` that started the run."""

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
"""Dagster's own: the partition of a run, or the first and the last one of a range."""
