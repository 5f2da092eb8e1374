"""What made a run fail, in its own words rather than Dagster's."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from dagster import AssetExecutionContext, DagsterEvent, Failure

from bbj_assets import errors
from bbj_assets.defs.tags import PERMANENT_TAG


@contextmanager
def failing_the_step(context: AssetExecutionContext) -> Iterator[None]:
    """Raise every error of a `with` as the failure of the step.

    Also those that are bugs: of them, Dagster would apply the step's retry policy, in vain.

    Raises:
        Failure: whose cause is the error.
    """
    try:
        yield
    except Exception as error:
        raise step_failure(context, error) from error


def step_failure(context: AssetExecutionContext, error: Exception) -> Failure:
    """The failure of a step; of one that nobody need try again before something has changed, the run says so too."""
    # What a RetryPolicy is for.
    may_pass = isinstance(error, errors.TransientEmbeddingError | errors.DatabaseUnavailable)
    if not may_pass and not isinstance(error, errors.ListingError):  # a share that is away comes back by itself
        context.instance.add_run_tags(context.run.run_id, {PERMANENT_TAG: "true"})
    known = isinstance(error, errors.BBjAssetsError)
    return Failure(str(error) if known else f"{type(error).__name__}: {error}", allow_retries=may_pass)


def error_of(events: Iterable[DagsterEvent]) -> str | None:
    """The error of the first step that failed: ours, or the innermost; None if no step did."""
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


def was_stopped(events: Iterable[DagsterEvent]) -> bool:
    """Whether a step ended because somebody asked for it."""
    for event in events:
        error = event.step_failure_data.error if event.is_step_failure else None
        while error is not None:
            if error.cls_name == errors.Stopped.__name__:
                return True
            error = error.cause
    return False
