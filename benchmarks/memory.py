"""Peak memory of some processes and all their children."""

import threading
from typing import Self

import psutil

_SECONDS = 0.1  # reading the map of a process costs milliseconds: more often, and it slows what it measures


class PeakMemory:
    """Samples proportional set sizes (shared pages count once) while it is entered; `peak` is in bytes."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(_SECONDS):
            self.peak = max(self.peak, sum(_with_children(pid) for pid in self._pids))


def _with_children(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(_proportional(one) for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
        return 0
