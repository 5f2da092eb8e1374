"""A fake Ollama for benchmarks, in a process of its own. It records no requests, and may limit the rate of some.

python -m benchmarks.model_server --latency 0.05 --limited 0.1
"""

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bbj_assets_tests.fakes.model_server import Embedding, Reply
from bbj_assets_tests.fakes.ollama_server import FakeOllama

MODEL = "nomic-embed-text"
DIMENSIONS = 384


AT_ONCE = 4
"""The number of batches that it works on at once. Others wait in it, as with Ollama's OLLAMA_NUM_PARALLEL."""


class BusyOllama(FakeOllama):
    """A fake Ollama that answers a share of the requests by 429, as a server with a full queue does.

    Args:
        latency: seconds a batch.
        limited: the share of the requests that get a 429.
        retry_after: the Retry-After header of a 429; None for none.
    """

    def __init__(self, latency: float, *, limited: float, retry_after: str | None) -> None:
        super().__init__(models=[MODEL], dimensions=DIMENSIONS, latency=latency)
        self.requests = _NoRequests()
        self.embedded = _NoCounts()
        self._limited = limited
        self._headers = {"Retry-After": retry_after} if retry_after else {}
        self._chance = random.Random(1)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._worked = 0.0
        self._began = self._ended = 0.0

    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        """Route as the fake does. `/busy` returns the seconds of work, and those from the first batch to the last."""
        if path == "/busy":
            return Reply(json.dumps({"worked": self._worked, "within": self._ended - self._began}).encode())
        if self._chance.random() < self._limited:
            return self.error(429, "server busy, please try again", self._headers)
        return super().route(method, path, body)

    async def work(self) -> None:
        """Work as the fake does, on `AT_ONCE` batches at once. Reading requests and sending answers is not counted."""
        async with self._slots:
            started = time.monotonic()
            await super().work()
            self._began = self._began or started
            self._ended = time.monotonic()
            self._worked += self._ended - started


class _NoRequests(list[Embedding]):
    def append(self, request: Embedding) -> None:
        pass


class _NoCounts(Counter[str]):
    def update(self, *_: object, **__: object) -> None:
        pass


@contextmanager
def busy_ollama(latency: float, *, limited: float = 0.0, retry_after: str | None = None) -> Iterator[str]:
    """Run a `BusyOllama` in a process of its own. Yield its URL."""
    command = [sys.executable, "-m", __name__, "--latency", str(latency), "--limited", str(limited)]
    if retry_after:
        command += ["--retry-after", retry_after]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a batch")
    parser.add_argument("--limited", type=float, default=0.0, help="share of the requests that get a 429")
    parser.add_argument("--retry-after", help="the Retry-After header of a 429")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with BusyOllama(options.latency, limited=options.limited, retry_after=options.retry_after) as server:
        print(server.url, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
