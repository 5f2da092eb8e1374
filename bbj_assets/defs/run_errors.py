"""What made a run fail, in our words rather than Dagster's."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dagster as dg

from bbj_assets import errors
from bbj_assets.defs.tags import PERMANENT_TAG


@contextmanager
def failing_the_step(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Raise every error of a `with` as the failure of the step.

    Bugs too: Dagster would apply the step's retry policy to them, in vain.

    Raises:
        Failure: its cause is the error.
    """
    try:
        yield
    except Exception as error:
        raise step_failure(context, error) from error


def step_failure(context: dg.AssetExecutionContext, error: Exception) -> dg.Failure:
    """Return the failure of a step. An error that would come again in the same way is also marked on the run."""
    # These two are what the RetryPolicy is for.
    may_pass = isinstance(error, errors.TransientEmbeddingError | errors.DatabaseUnavailable)
    if not may_pass and not isinstance(error, errors.ListingError):  # a share that is away comes back by itself
        context.instance.add_run_tags(context.run.run_id, {PERMANENT_TAG: "true"})
    known = isinstance(error, errors.BBjAssetsError)
    return dg.Failure(str(error) if known else f"{type(error).__name__}: {error}", allow_retries=may_pass)


def error_of(events: Iterable[dg.DagsterEvent]) -> str | None:
    """Return the error of the first step that failed: ours, or the innermost. None if no step did."""
    for event in events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            error = data.error
            while error is not None and error.cause is not None and not hasattr(errors, str(error.cls_name)):
                error = error.cause
            if error is not None:
                return error.message.strip()
    return None


def was_stopped(events: Iterable[dg.DagsterEvent]) -> bool:
    """Return whether a step ended because the user stopped it."""
    for event in events:
        error = event.step_failure_data.error if event.is_step_failure else None
        while error is not None:
            if error.cls_name == errors.Stopped.__name__:
                return True
            error = error.cause
    return False
