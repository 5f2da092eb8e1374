"""What one ingest of a source does beside the usual. Free of Dagster, whose import takes seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """The options of one ingest.

    Attributes:
        clean: delete the source's documents first.
        retry_failed: parse only the files that failed before; embed only their texts, and those that failed before.
        allow_shrink: delete also when more than half of the source is gone.
        invocation: a tag that the runs of one command share.
        verbose: show Dagster's own log.
    """

    clean: bool = False
    retry_failed: bool = False
    allow_shrink: bool = False
    invocation: str | None = None
    verbose: bool = False
