"""Waiting for a command that runs in a process of its own."""

import subprocess
import time
from collections.abc import Callable


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until a condition holds. Fails with the output of the process when that ends before."""
    while not reached():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
