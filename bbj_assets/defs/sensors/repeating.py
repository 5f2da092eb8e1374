"""A sensor that follows runs, evaluated again for the same run.

Dagster takes what such a sensor raises for said, and moves on to the next run: whatever the sensor was to do for this
one is lost. Only an error of Dagster's own ends the tick before it has moved on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterError


class TickFailed(DagsterError):
    """The tick fails, and the next one begins with the same run."""


@contextmanager
def repeated_after(*errors: type[Exception]) -> Iterator[None]:
    """Have the sensor evaluated again for the same run, at its next tick, after any of these errors.

    All that the tick had done before is done again, too: a sensor does one run a tick, by returning something.

    Raises:
        TickFailed: in the words of the error.
    """
    try:
        yield
    except errors as error:
        raise TickFailed(str(error)) from error
