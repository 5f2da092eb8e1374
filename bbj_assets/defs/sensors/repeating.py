"""Repeating a tick of a sensor that follows runs for the same run.

Dagster counts an error of such a sensor as its answer, and moves on to the next run: whatever the sensor was to do for
this one is lost. Only an error of Dagster's own ends the tick before it has moved on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


class TickFailed(dg.DagsterError):
    """The tick fails, and the next one begins with the same run."""


@contextmanager
def repeated_after(*errors: type[Exception]) -> Iterator[None]:
    """Have the sensor evaluated again for the same run, at its next tick, after any of these errors.

    All that the tick did before is repeated, too. So a sensor handles one run a tick, by returning a value.

    Raises:
        TickFailed: with the message of the error.
    """
    try:
        yield
    except errors as error:
        raise TickFailed(str(error)) from error
