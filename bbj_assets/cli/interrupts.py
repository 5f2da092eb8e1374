"""Ctrl-C, and the SIGTERM of whoever stops a service: both end a command in order, and with the same exit code.

Without this, SIGTERM ends Python on the spot: an embedded database that the command had started went on for ever.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

INTERRUPTED = 130


class InterruptedAtOnce(KeyboardInterrupt):
    """A second Ctrl-C: the runs are still at work, in threads that nobody can end but with the process."""


@contextmanager
def interruptible(said: str) -> Iterator[None]:
    """End the process with code 130 and a sentence when it is interrupted; to be used as a decorator, too.

    What is inside has been left in order by then, unless it said that it cannot be.
    """
    with _sigterm_as_ctrl_c():
        try:
            yield
        except InterruptedAtOnce:
            click.echo(said, err=True)
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # the usual end would wait for the threads of the runs
        except KeyboardInterrupt:
            click.echo(said, err=True)
            sys.exit(INTERRUPTED)


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, _do_as_ctrl_c_does)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _do_as_ctrl_c_does(_number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)  # an event loop, for example, has one of its own while it runs
    if not callable(handler):  # a command in the background of a script ignores Ctrl-C
        handler = signal.default_int_handler
    handler(signal.SIGINT, frame)
