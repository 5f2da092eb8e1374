"""A daemon that waits for a code server which is away, with run retries and with backfills.

When a code server dies together with its runs (its container is killed, or replaced by a new version), the daemon finds
the runs lost within seconds and starts them again, by asking the code server. If that is not back yet, Dagster records
`dagster/will_retry: false` for good: the backfill ends as failed, and what the runs had left undone waits for a person.
Here the retry waits instead.

A backfill that the daemon looks at in these seconds, as it does every half a minute, would fail at once, because its
assets seem to exist no more. Dagster has a setting against that, but only in the environment.
"""

import os
from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

import dagster as dg
from dagster._core.errors import (
    DagsterCodeLocationLoadError,
    DagsterCodeLocationNotFoundError,
    DagsterUserCodeUnreachableError,
)
from dagster._core.workspace.context import BaseWorkspaceRequestContext, IWorkspaceProcessContext
from dagster._daemon.auto_run_reexecution import auto_run_reexecution

from bbj_assets.retrying import RetryPolicy, retry

_Workspace: TypeAlias = IWorkspaceProcessContext[BaseWorkspaceRequestContext]
_RetryRun: TypeAlias = Callable[[dg.DagsterRun, _Workspace], None]

_MAX_SECONDS = 180.0
"""The daemon retries runs one after the other, so one whose code never loads again holds up the others."""

_POLICY = RetryPolicy(
    retry_on=(DagsterUserCodeUnreachableError, DagsterCodeLocationLoadError, DagsterCodeLocationNotFoundError),
    max_seconds=_MAX_SECONDS,
    initial_delay=1.0,
    max_delay=1.0,
)

_BACKFILLS_WAIT = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
"""Makes a backfill wait as long as a code location cannot be loaded."""

_dagsters_own: _RetryRun = auto_run_reexecution.retry_run


def install_waiting_for_code_servers() -> None:
    """Make the daemon of this process wait for its code servers. A second call changes nothing.

    This is the one patch of Dagster: its daemon calls `retry_run` by the name in its module, and gives no class of ours
    a say before it records that a run is not retried (instance/README.md).
    """
    os.environ.setdefault(_BACKFILLS_WAIT, "1")
    auto_run_reexecution.retry_run = _retry_run


@wraps(_dagsters_own)
def _retry_run(failed_run: dg.DagsterRun, workspace_context: _Workspace) -> None:
    """Start a failed run again, and wait for its code server. A run that the first attempt made is not made twice."""
    retry(lambda: _dagsters_own(failed_run, workspace_context), _POLICY)
