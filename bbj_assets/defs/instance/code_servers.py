"""A daemon that waits for a code server which is away, with run retries and with backfills.

When a code server dies together with its runs (its container is killed, or replaced by a new version), the daemon finds
the runs lost within seconds and starts them again, by asking the code server. If that is not back yet, Dagster notes
`dagster/will_retry: false` for good: the backfill ends as failed, and what the runs had left undone waits for a person.
Here the retry waits instead. And a backfill at which the daemon looks in these seconds, as it does every half a
minute, would fail at once, because its assets seem to exist no more. For that Dagster has a setting, if only in the
environment.
"""

import os
from collections.abc import Callable
from typing import TypeAlias

from dagster import DagsterRun
from dagster._core.errors import (
    DagsterCodeLocationLoadError,
    DagsterCodeLocationNotFoundError,
    DagsterUserCodeUnreachableError,
)
from dagster._core.workspace.context import BaseWorkspaceRequestContext, IWorkspaceProcessContext
from dagster._daemon.auto_run_reexecution import auto_run_reexecution

from bbj_assets.retrying import RetryPolicy, retry

_Workspace: TypeAlias = IWorkspaceProcessContext[BaseWorkspaceRequestContext]
_Retry: TypeAlias = Callable[[DagsterRun, _Workspace], None]

_MAX_DELAY = 180.0
"""Seconds. The daemon retries runs one after the other, so one whose code never loads again holds up the others."""

_POLICY = RetryPolicy(
    retry_on=(DagsterUserCodeUnreachableError, DagsterCodeLocationLoadError, DagsterCodeLocationNotFoundError),
    max_seconds=_MAX_DELAY,
    initial_delay=1.0,
    max_delay=1.0,
)

_OF_BACKFILLS = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
"""What makes a backfill wait, as long as a code location cannot be loaded."""


def wait_for_code_servers() -> None:
    """Have the daemon of this process wait; of retries it has no setting, so its function is wrapped, once."""
    os.environ.setdefault(_OF_BACKFILLS, "1")
    if not isinstance(auto_run_reexecution.retry_run, _Patient):
        auto_run_reexecution.retry_run = _Patient(auto_run_reexecution.retry_run)


class _Patient:
    """Dagster's `retry_run`, tried again; of a run that it had made before it failed it makes no second one."""

    def __init__(self, retry_run: _Retry) -> None:
        self._retry_run = retry_run

    def __call__(self, failed_run: DagsterRun, workspace_context: _Workspace) -> None:
        """Start a failed run again; raises what Dagster's does, after its patience."""
        retry(lambda: self._retry_run(failed_run, workspace_context), _POLICY)
