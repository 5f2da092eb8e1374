"""A website on loopback: it serves the pages of a test, simulates faults, and records its requests.

HTTP is written by hand over asyncio, as in the fake model servers, because half of its use is bad HTTP: bodies with a
wrong length, bodies that arrive slowly, stop in the middle, or never come.
"""

import asyncio
import gzip
import hashlib
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from bbj_assets_tests.fakes.loopback_server import LoopbackServer


@dataclass(frozen=True)
class Answer:
    """The response to one request.

    Attributes:
        delay: seconds before anything is sent.
        length: the Content-Length: the true one, none at all (`none`), or a number of bytes.
        breaks: whether the connection ends after half of the body.
        repeats: how often the body is sent.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/html; charset=utf-8"
    delay: float = 0.0
    length: Literal["true", "none"] | int = "true"
    breaks: bool = False
    repeats: int = 1

    @property
    def etag(self) -> str:
        """Return a strong validator of the body."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


def redirect(to: str, status: int = 301) -> Answer:
    """Return a redirect."""
    return Answer(status=status, headers={"Location": to})


def refusal(status: int, *, retry_after: str | None = None) -> Answer:
    """Return an error response."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(b"<h1>not today</h1>", status, headers)


def zipped(body: bytes) -> Answer:
    """Return a response with gzip as its Content-Encoding."""
    return Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})


@dataclass(frozen=True)
class Request:
    """A recorded request: its path, time (`time.monotonic`), headers (names in lower case), and the status sent."""

    path: str
    time: float
    headers: Mapping[str, str]
    status: int


class SiteServer(LoopbackServer):
    """A site in a thread of its own; a context manager. A path that is not in `pages` is a 404, also robots.txt.

    Pages with status 200 have an ETag, and a request with that ETag gets a 304.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__()
        self.host = host
        self.pages: dict[str, Answer] = {}
        self.faults: dict[str, deque[Answer]] = {}
        self.latency = 0.0
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._at_once = 0

    @property
    def url(self) -> str:
        """Return the URL it listens at, without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    def put(self, path: str, page: Answer | bytes | str) -> None:
        """Serve a page at a path (with its query) from now on."""
        if isinstance(page, str):
            page = page.encode()
        self.pages[path] = Answer(page) if isinstance(page, bytes) else page

    def fail_next(self, path: str, *answers: Answer) -> None:
        """Send these responses to the next requests for a path."""
        self.faults.setdefault(path, deque()).extend(answers)

    def paths(self) -> list[str]:
        """Return the requested paths, in order."""
        return [request.path for request in self.requests]

    def counts(self) -> Counter[int]:
        """Return the number of requests by status."""
        return Counter(request.status for request in self.requests)

    def clear_requests(self) -> None:
        """Clear the recorded requests."""
        self.requests.clear()
        self.most_at_once = 0

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request. Return whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        arrived = time.monotonic()
        request, *lines = head.rstrip().split("\r\n")
        path = request.split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            answer = self._answer(path, headers)
            self.requests.append(Request(path, arrived, headers, answer.status))
            if not await _is_awaited(reader, answer.delay or self.latency):
                return False
            return await _send(writer, answer)
        finally:
            self._at_once -= 1

    def _answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        if self.faults.get(path):
            return self.faults[path].popleft()
        page = self.pages.get(path)
        if page is None:
            return Answer(b"<h1>Not found</h1>", 404)
        if page.status == 200 and headers.get("if-none-match") == page.etag:
            return Answer(status=304, headers={"ETag": page.etag})
        return page


async def _is_awaited(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Wait for some seconds. Return whether the client is still connected after them."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not reader.at_eof():  # noqa: ASYNC110 - no event signals it
        await asyncio.sleep(min(left, 0.05))
    return not reader.at_eof()


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    headers = {"Content-Type": answer.content_type, **answer.headers}
    if answer.status == 200:
        headers.setdefault("ETag", answer.etag)
    if answer.length == "true":
        headers["Content-Length"] = str(len(answer.body) * answer.repeats)
    elif answer.length != "none":
        headers["Content-Length"] = str(answer.length)
    if answer.status == 304:
        headers.pop("Content-Length", None)
    whole = answer.length == "true" and not answer.breaks
    if not whole:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    for piece in _pieces(answer):
        writer.write(piece)
        await writer.drain()
    return whole


def _pieces(answer: Answer) -> Iterator[bytes]:
    if answer.breaks:
        yield answer.body[: len(answer.body) // 2]
        return
    for _ in range(answer.repeats):
        yield answer.body
