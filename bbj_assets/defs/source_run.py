"""What one run over a whole source is told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceRun:
    """The wishes of whoever starts it.

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
    invocation: str = ""
    verbose: bool = False
