"""Ctrl-C and SIGTERM end a command in order, and with the same exit code.

Without this, SIGTERM ends Python at once, and an embedded database that the command started runs on for ever.
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
    """A second Ctrl-C. Runs are still at work in threads, which end only with the process."""


@contextmanager
def interruptible(message: str) -> Iterator[None]:
    """End the process with code 130 and a message when it is interrupted. Works as a decorator, too.

    The code inside has cleaned up by then, but for an `InterruptedAtOnce`, which ends the process without it.
    """
    with _sigterm_as_ctrl_c():
        try:
            yield
        except InterruptedAtOnce:
            click.echo(message, err=True)
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # the usual end would wait for the threads of the runs
        except KeyboardInterrupt:
            click.echo(message, err=True)
            sys.exit(INTERRUPTED)


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, _act_as_ctrl_c)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _act_as_ctrl_c(_number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)  # an event loop, for example, has one of its own while it runs
    if not callable(handler):  # a command in the background of a script ignores Ctrl-C
        handler = signal.default_int_handler
    handler(signal.SIGINT, frame)
