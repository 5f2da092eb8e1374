"""The work queue of a run: whole batches, and sub-batches that are to be retried.

A sub-batch that has to wait for its retry does not keep a worker waiting. It stays in the queue until it is due, and
the worker takes another one. Measured with 50 ms a batch, four workers and a tenth of the requests answered by 429: the
pace is the same as without rate limits, up to the last two seconds, in which nothing else is left to do. So a run of 13
seconds reaches 74 to 90 % of the throughput without limits. It reaches 38 % when workers wait with their batch.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from bbj_assets.embedding.runner.policy import Attempt
from bbj_assets.store.embeddings import PendingText


@dataclass(slots=True, eq=False)
class Batch:
    """Texts that were read together, until each of them is stored or has failed.

    Attributes:
        number: from 1.
        size: the number of its texts.
        left: the number of texts that are neither stored nor failed.
        failed: the number of texts that failed.
    """

    number: int
    size: int
    left: int = field(init=False)
    failed: int = 0

    def __post_init__(self) -> None:
        self.left = self.size


@dataclass(slots=True, eq=False)
class SubBatch:
    """Texts of a batch that are sent in one request: all of them at first, then halves of halves.

    Attributes:
        attempt: its state in the retry policy; replaced after each failed request.
        worker: the worker that took it last, from 1; None while no worker has taken it.
    """

    batch: Batch
    texts: Sequence[PendingText]
    attempt: Attempt
    worker: int | None = None

    @classmethod
    def whole(cls, batch: Batch, texts: Sequence[PendingText], retries: int) -> "SubBatch":
        """Return all texts of a batch as one sub-batch."""
        is_suspect = texts[0].is_suspect
        attempt = Attempt(texts=len(texts), max_retries=retries, retries=retries, is_suspect=is_suspect)
        return cls(batch, texts, attempt)

    def halves(self, retries: int) -> "tuple[SubBatch, SubBatch]":
        """Return both halves. A half of several texts has `retries`, a single text has all retries."""
        first, second = self.attempt.halves(retries)
        return (
            SubBatch(self.batch, self.texts[: first.texts], first),
            SubBatch(self.batch, self.texts[first.texts :], second),
        )


class _Delayed(NamedTuple):
    due: float
    order: int
    sub_batch: SubBatch


class WorkQueue:
    """A queue for one event loop, with the method names of `asyncio.Queue`.

    The reader waits while there is no room for another batch; the workers wait for something to do. A suspect is
    handed out only when nothing else is in hand, and nothing else is handed out while a worker has it.
    """

    def __init__(self, workers: int) -> None:
        self._requeued: deque[SubBatch] = deque()
        self._due: deque[SubBatch] = deque()
        self._fresh: deque[SubBatch] = deque()
        self._delayed: list[_Delayed] = []  # a heap
        self._order = count()
        self._room = 2 * workers
        self._in_hand = 0
        self._has_suspect_in_hand = False
        self._is_closed = False
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of sub-batches that wait for their retry."""
        return len(self._delayed) + len(self._due)

    async def put(self, sub_batch: SubBatch) -> None:
        """Append a whole batch. Wait while there is no room for it."""
        while len(self._fresh) >= self._room:
            await self._wait_for_change(None)
        self._fresh.append(sub_batch)
        self._changed.set()

    def close(self) -> None:
        """Let `get` return None once all work is done: no further batch will be put."""
        self._is_closed = True
        self._changed.set()

    async def get(self) -> SubBatch | None:
        """Return the next sub-batch, or None when all work is done. The caller must call `task_done` for each one."""
        while True:
            now = asyncio.get_running_loop().time()
            self._collect_due(now)
            line = self._requeued or self._due or self._fresh
            if line and not self._is_blocked(line[0]):
                sub_batch = line.popleft()
                self._in_hand += 1
                self._has_suspect_in_hand = sub_batch.attempt.is_suspect
                self._changed.set()
                return sub_batch
            if self._is_closed and not (line or self._delayed or self._in_hand):
                return None
            await self._wait_for_change(self._delayed[0].due - now if self._delayed and not line else None)

    def task_done(self) -> None:
        """Mark one sub-batch as done. Requeue its remaining texts first, or `get` may return None too early."""
        self._in_hand -= 1
        self._changed.set()

    def requeue(self, *sub_batches: SubBatch) -> None:
        """Hand these out next, in this order: a batch is finished before another one begins."""
        self._requeued.extendleft(reversed(sub_batches))
        self._changed.set()

    def requeue_after(self, delay: float, sub_batch: SubBatch) -> None:
        """Hand it out again after `delay` seconds, before any fresh batch."""
        due = asyncio.get_running_loop().time() + delay
        heapq.heappush(self._delayed, _Delayed(due, next(self._order), sub_batch))
        self._changed.set()

    def _collect_due(self, now: float) -> None:
        while self._delayed and self._delayed[0].due <= now:
            self._due.append(heapq.heappop(self._delayed).sub_batch)

    def _is_blocked(self, sub_batch: SubBatch) -> bool:
        return self._in_hand > 0 and (sub_batch.attempt.is_suspect or self._has_suspect_in_hand)

    async def _wait_for_change(self, seconds: float | None) -> None:
        self._changed.clear()  # tasks that wait already are woken all the same by the next `set`
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
