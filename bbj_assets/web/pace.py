"""The pace of a site's requests: a fixed interval between them, and pauses that the site demands (Retry-After)."""

import asyncio


class Pace:
    """A queue of requests that are let through `interval` seconds apart."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._next = 0.0
        self._queue = asyncio.Lock()

    async def wait(self) -> None:
        """Wait until the next request may be sent. Requests are let through in the order of their calls."""
        now = asyncio.get_running_loop().time
        async with self._queue:
            while (delay := self._next - now()) > 0:  # noqa: ASYNC110 - a pause may begin during the sleep
                await asyncio.sleep(delay)
            self._next = now() + self.interval

    def pause(self, seconds: float) -> None:
        """Hold all requests for this time. A pause that ends later stays as it is."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)
