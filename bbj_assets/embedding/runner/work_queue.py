"""What the workers of a run have before them: fresh batches, and parts of batches that are to be tried again.

A batch that has to wait for its next try does not keep a worker waiting: it lies here until it is due, and the worker
takes another one. Measured with 50 ms a batch, four workers and a tenth of the requests answered by 429: the pace is
that without, up to the last two seconds, in which nothing else is left to do. A run of 13 seconds reaches 74 to 90 %
of the throughput that way, and 38 % when workers wait with their batch.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import NamedTuple

from bbj_assets.store.embeddings import PendingText

_WAITING_PER_WORKER = 8
"""Enough for a tenth of the requests to wait a second each at 15 ms a batch; and memory stays flat."""


@dataclass(slots=True, eq=False)
class Batch:
    """Texts that were read together, until each of them is stored or has failed.

    Attributes:
        number: from 1.
        left: how many texts are neither stored nor failed.
        failed: how many have failed.
    """

    number: int
    size: int
    left: int = field(init=False)
    failed: int = 0

    def __post_init__(self) -> None:
        self.left = self.size


@dataclass(slots=True, eq=False)
class Part:
    """Texts of a batch that are asked for together: all of them at first.

    Attributes:
        retries: how often it may be tried again after a transient error.
        tries: how often it failed with one; being turned away counts anew when others were served meanwhile.
        served: how many requests the server had served when it failed last.
        was_rejected: whether it is a single text that the server refused before.
    """

    batch: Batch
    texts: Sequence[PendingText]
    retries: int
    tries: int = 0
    served: int = 0
    was_rejected: bool = False

    @property
    def is_suspect(self) -> bool:
        """Whether it may take the server down: nothing else is asked for meanwhile."""
        return self.texts[0].is_suspect


class _Due(NamedTuple):
    part: Part
    remove: Callable[[], object]


class Agenda:
    """The parts that are to be done, for one event loop.

    The reader waits while there is no room for another batch; the workers wait for something to do.
    """

    def __init__(self, workers: int) -> None:
        self._fresh: deque[Part] = deque()
        self._next: list[Part] = []
        self._waiting: list[tuple[float, int, Part]] = []
        self._order = count()
        self._room = 2 * workers
        self._room_to_wait = _WAITING_PER_WORKER * workers
        self._in_hand = 0
        self._has_suspect_in_hand = False
        self._is_complete = False
        self._changed = asyncio.Event()

    async def add(self, part: Part) -> None:
        """Put a fresh batch at the end, when there is room for it."""
        while len(self._fresh) >= self._room:
            await self._change(None)
        self._fresh.append(part)
        self._changed.set()

    def complete(self) -> None:
        """No fresh batch follows."""
        self._is_complete = True
        self._changed.set()

    async def take(self) -> Part | None:
        """What is to be done next; None when all is done. Whoever took it says `done` when it is dealt with."""
        while True:
            now = asyncio.get_running_loop().time()
            due = self._due(now)
            if due and not (self._in_hand and (due.part.is_suspect or self._has_suspect_in_hand)):
                due.remove()
                self._in_hand += 1
                self._has_suspect_in_hand = due.part.is_suspect
                self._changed.set()
                return due.part
            if self._is_complete and not (due or self._waiting or self._in_hand):
                return None
            await self._change(self._waiting[0][0] - now if self._waiting and not due else None)

    def done(self) -> None:
        """What was taken is dealt with; what is left of it was put back before."""
        self._in_hand -= 1
        self._changed.set()

    def put_back(self, *parts: Part) -> None:
        """Have them done next, the first one first: a batch is dealt with before the others."""
        self._next += reversed(parts)
        self._changed.set()

    def put_back_in(self, seconds: float, part: Part) -> None:
        """Have it done again in so many seconds; then it comes before fresh batches."""
        due = asyncio.get_running_loop().time() + seconds
        heapq.heappush(self._waiting, (due, next(self._order), part))
        self._changed.set()

    def _due(self, now: float) -> "_Due | None":
        """What comes next, left where it lies."""
        if self._next:
            return _Due(self._next[-1], self._next.pop)
        if self._waiting and self._waiting[0][0] <= now:
            return _Due(self._waiting[0][2], partial(heapq.heappop, self._waiting))
        if self._fresh:
            return _Due(self._fresh[0], self._fresh.popleft)
        return None

    @property
    def has_room_to_wait(self) -> bool:
        """Whether another part may lie here until it is due, rather than keep a worker waiting."""
        return len(self._waiting) < self._room_to_wait

    async def _change(self, seconds: float | None) -> None:
        """Return when something changed, or after so many seconds."""
        self._changed.clear()  # whoever waits already is woken all the same by the next `set`
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
