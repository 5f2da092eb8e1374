"""How often a site is asked: never more than so many requests a second, and not at all while it asks to wait."""

import asyncio


class Pace:
    """A line in which every request waits for its turn; the turns are `interval` seconds apart."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._next = 0.0
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time
        async with self._line:
            while (wait := self._next - now()) > 0:  # noqa: ASYNC110 - again, as a pause may have come in between
                await asyncio.sleep(wait)
            self._next = now() + self.interval

    def pause(self, seconds: float) -> None:
        """Nobody's turn comes sooner than that."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)
