"""Worker processes that parse: one pipe each, a time limit per item, and a limit of memory.

They are started as programs of their own, not by `multiprocessing`, whose children import the parent's main module
first: under Dagster that takes 2.5 seconds and 70 MB for each. A worker whose parent was killed reads the end of its
input and ends, so no process is left behind.
"""

import contextlib
import os
import pickle
import queue
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import IO

from bbj_assets.errors import ParseError
from bbj_assets.ingest.parsing import ParseTask, input_of, item_failure, run_task
from bbj_assets.outcomes import Outcome

HEADER = struct.Struct(">Q")
"""The header of a message: the length of the pickle that follows."""

_SECONDS_PER_ITEM = 120.0
_SECONDS_TO_DIE = 2.0
_MEMORY_BYTES = 2 * 1024**3


def parse_in_processes(tasks: Iterable[ParseTask], processes: int) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes of all tasks, in the order in which they finish.

    An item that takes too long, takes too much memory or kills its process is a `Failure`; the other items of its task
    are parsed anyway. A task is started when outcomes are fetched, so memory stays flat.
    """
    team = _Team(tasks, processes)
    try:
        yield from team.outcomes()
    finally:
        team.stop()


def serve(seconds: float) -> None:
    """Run a worker process: read tasks and write their outcomes until the input ends.

    The process ends itself when a task takes longer than `seconds`, because its parent, which keeps the time, may have
    been killed.
    """
    _limit_memory()
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a parser prints must not mix with the replies
    while (task := _receive(requests, seconds)) is not None:
        payload = pickle.dumps(run_task(task), protocol=pickle.HIGHEST_PROTOCOL)
        signal.setitimer(signal.ITIMER_REAL, 0)
        replies.write(HEADER.pack(len(payload)))
        replies.write(payload)
        replies.flush()


class _Team:
    """One thread per worker process. The threads share the tasks, and pass outcomes on through a bounded queue."""

    def __init__(self, tasks: Iterable[ParseTask], processes: int) -> None:
        self._tasks = iter(tasks)
        self._tasks_lock = threading.Lock()
        self._stopping = threading.Event()
        self._done: queue.Queue[list[Outcome] | BaseException | None] = queue.Queue(maxsize=2 * processes)
        self._workers = [_Worker() for _ in range(processes)]
        self._threads = [threading.Thread(target=self._work, args=(w,), daemon=True) for w in self._workers]
        for thread in self._threads:
            thread.start()

    def outcomes(self) -> Iterator[list[Outcome]]:
        running = len(self._workers)
        while running:
            result = self._done.get()
            if result is None:
                running -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result

    def stop(self) -> None:
        self._stopping.set()
        for worker in self._workers:
            worker.interrupt()
        for thread in self._threads:
            thread.join()

    def _work(self, worker: "_Worker") -> None:
        try:
            while not self._stopping.is_set():
                with self._tasks_lock:
                    task = next(self._tasks, None)
                if task is None:
                    break
                self._put(_parse(worker, task))
        except BaseException as error:  # noqa: BLE001 - `outcomes` raises it again
            self._put(error)
        finally:
            worker.close()
            self._put(None)

    def _put(self, result: list[Outcome] | BaseException | None) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._done.put(result, timeout=0.2)
                return


class _WorkerLost(Exception):
    """The process ended or was stopped before it answered. The message says why."""


class _Worker:
    """A process that is started when it is needed, and again after it was lost. It belongs to one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def call(self, task: ParseTask, seconds: float) -> list[Outcome]:
        process = self._running()
        assert process.stdin is not None  # noqa: S101 - given with PIPE
        assert process.stdout is not None  # noqa: S101 - given with PIPE
        payload = pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
        deadline = time.monotonic() + seconds
        try:
            process.stdin.write(HEADER.pack(len(payload)) + payload)
            process.stdin.flush()
            (length,) = HEADER.unpack(_read_exactly(process.stdout, HEADER.size, deadline))
            outcomes: list[Outcome] = pickle.loads(  # noqa: S301 - from our own process
                _read_exactly(process.stdout, length, deadline)
            )
        except TimeoutError:
            self._kill()
            raise _WorkerLost(f"parsing took longer than {seconds:.0f} s") from None
        except (EOFError, BrokenPipeError):
            code = self._kill(died=True)
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise _WorkerLost(f"the parsing process died ({reason}; memory limit {_MEMORY_BYTES >> 20} MB)") from None
        return outcomes

    def close(self) -> None:
        self._closed = True
        self._kill()

    def interrupt(self) -> None:
        """End a running `call` now, from another thread, and every later call at once.

        The pipes are left to the thread that reads them. If they were closed here, a thread that waits for one would
        not wake up before its deadline.
        """
        self._closed = True
        if (process := self._process) is not None:
            process.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None and not self._closed:
            program = f"from bbj_assets.ingest.workers import serve; serve({_SECONDS_PER_ITEM + _SECONDS_TO_DIE})"
            command = [sys.executable, "-c", program]
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and arguments of ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        if self._closed or self._process is None:  # `interrupt` may have been called while the process started
            self._kill()
            raise _WorkerLost("the run was stopped")
        return self._process

    def _kill(self, *, died: bool = False) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with process:  # closes the pipes and reaps the process
            if died:  # it is ending by itself: its exit code says why
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_SECONDS_TO_DIE)
            process.kill()
        return process.returncode


def _parse(worker: _Worker, task: ParseTask) -> list[Outcome]:
    """Return the outcomes of a task. If the process is lost, parse item by item, so that only the culprit fails."""
    try:
        return worker.call(task, _SECONDS_PER_ITEM)
    except _WorkerLost as lost:
        if len(task.items) == 1:
            [item] = task.items
            error = ParseError(f"{item.path}: {lost}. Split the file, or leave it out with `exclude` in sources.toml.")
            return [item_failure(task, item, error, input_of(item, task.code_version))]
    return [outcome for item in task.items for outcome in _parse(worker, replace(task, items=[item]))]


def _read_exactly(stream: IO[bytes], length: int, deadline: float) -> bytearray:
    buffer = bytearray(length)
    view, filled = memoryview(buffer), 0
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while filled < length:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            count = stream.readinto(view[filled:])  # type: ignore[attr-defined]  # raw stream: bufsize is 0
            if not count:
                raise EOFError
            filled += count
    return buffer


def _receive(stream: IO[bytes], seconds: float) -> ParseTask | None:
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    signal.setitimer(signal.ITIMER_REAL, seconds)  # its signal has no handler, so it ends the process
    task: ParseTask = pickle.loads(stream.read(HEADER.unpack(header)[0]))  # noqa: S301 - from our own parent
    return task


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every platform
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
