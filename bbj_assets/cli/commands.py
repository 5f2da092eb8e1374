"""What the commands of `bbj-assets` share: how their errors end the process."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from bbj_assets.cli.interrupts import interruptible
from bbj_assets.errors import BBjAssetsError, ConfigurationError

P = ParamSpec("P")


def clear_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Show our own errors as messages. Exit code 2 is for configuration, 1 for other errors, 130 for Ctrl-C."""

    @wraps(command)
    @interruptible("Interrupted.")
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BBjAssetsError as error:
            click.echo(str(error), err=True)
            sys.exit(2 if isinstance(error, ConfigurationError) else 1)

    return run
