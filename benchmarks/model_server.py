"""A fake Ollama for benchmarks, in a process of its own: it keeps nothing of what it was asked, and may turn some away.

python -m benchmarks.model_server --latency 0.05 --turned-away 0.1
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
"""Batches that it works on at once; others wait at the server, as with Ollama's OLLAMA_NUM_PARALLEL."""


class BusyOllama(FakeOllama):
    """Answers a share of the requests by 429, at once, as a server with a full queue does."""

    def __init__(self, latency: float, turned_away: float, retry_after: str | None) -> None:
        super().__init__(models=[MODEL], dimensions=DIMENSIONS, latency=latency)
        self.requests = _Forgetful()
        self.embedded = _Uncounted()
        self._turned_away = turned_away
        self._headers = {"Retry-After": retry_after} if retry_after else {}
        self._chance = random.Random(1)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._worked = 0.0
        self._began = self._ended = 0.0

    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        """As of the fake; `/busy` says how long it worked, added up over all batches, and within how many seconds."""
        if path == "/busy":
            return Reply(json.dumps({"worked": self._worked, "within": self._ended - self._began}).encode())
        if self._chance.random() < self._turned_away:
            return self.error(429, "server busy, please try again", self._headers)
        return super().route(method, path, body)

    async def work(self) -> None:
        """As of the fake, on so many batches at once; neither reading a request nor sending its answer is work."""
        async with self._slots:
            started = time.monotonic()
            await super().work()
            self._began = self._began or started
            self._ended = time.monotonic()
            self._worked += self._ended - started


class _Forgetful(list[Embedding]):
    def append(self, request: Embedding) -> None:
        pass


class _Uncounted(Counter[str]):
    def update(self, *_: object, **__: object) -> None:
        pass


@contextmanager
def busy_ollama(latency: float, turned_away: float = 0.0, retry_after: str | None = None) -> Iterator[str]:
    """Run one in a process of its own; gives its URL."""
    command = [sys.executable, "-m", __name__, "--latency", str(latency), "--turned-away", str(turned_away)]
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
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a request")
    parser.add_argument("--turned-away", type=float, default=0.0, help="share of the requests that get a 429")
    parser.add_argument("--retry-after", help="its header of this name")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with BusyOllama(options.latency, options.turned_away, options.retry_after) as server:
        print(server.url, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
