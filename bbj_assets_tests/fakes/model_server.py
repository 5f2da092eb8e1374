"""What the fake model servers share: HTTP on a port of loopback, vectors, faults, and a memory of what was asked.

Hand-written HTTP over asyncio, because half of what it is for is bad HTTP: bodies that stop in the middle,
connections that are reset. It is also the fast way: 64 texts are answered in two milliseconds, so that a benchmark
measures the ingester and not its fake.
"""

import asyncio
import hashlib
import json
from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bbj_assets_tests.fakes.loopback_server import LoopbackServer


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    `refuse` answers with `status`; `reset` breaks the connection before an answer, `cut` in the middle of one; `hang`
    never answers, and `dribble` a byte at a time, never to the end; `truncated` is half of an answer that pretends to
    be whole, `garbage` is no JSON and `empty` is `{}`; `fewer` leaves out the last vector; `dimensions` gives each
    vector one number less and `ragged` only the first; `nan` and `zero` spoil the first vector.
    """

    kind: Literal[
        "refuse",
        "reset",
        "cut",
        "hang",
        "dribble",
        "truncated",
        "garbage",
        "empty",
        "fewer",
        "dimensions",
        "ragged",
        "nan",
        "zero",
    ]
    status: int = 500
    reason: str = "injected"
    headers: Mapping[str, str] = field(default_factory=dict)


def refuse(status: int, reason: str = "injected", *, retry_after: str | None = None) -> Fault:
    """An answer with this status."""
    return Fault("refuse", status, reason, {"Retry-After": retry_after} if retry_after is not None else {})


@dataclass(frozen=True)
class Embedding:
    """One request for vectors."""

    model: str
    texts: tuple[str, ...]
    body: Mapping[str, object]


@dataclass(frozen=True)
class Reply:
    """An answer, before it is put on the wire."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def signs(text: str, dimensions: int) -> bytes:
    """The bits of a text's vector: a hash of it, one bit a dimension."""
    return hashlib.shake_128(text.encode()).digest((dimensions + 7) // 8)


def vector_for(text: str, dimensions: int = 768) -> NDArray[np.float32]:
    """The vector that a fake server has for a text: the corner of a cube, so of length 1, and different for each."""
    bits = np.unpackbits(np.frombuffer(signs(text, dimensions), dtype=np.uint8))[:dimensions]
    return np.where(bits == 1, np.float32(_component(dimensions)), -np.float32(_component(dimensions)))


def vectors_for(texts: Sequence[str], dimensions: int = 768) -> NDArray[np.float32]:
    """One row a text."""
    return np.array([vector_for(text, dimensions) for text in texts]).reshape(len(texts), dimensions)


def _component(dimensions: int) -> str:
    return f"{dimensions**-0.5:.9f}"


class FakeModelServer(LoopbackServer):
    """A server in a thread of its own; a context manager.

    Args:
        models: what it has; other names are a 404.
        dimensions: of its vectors.
        latency: seconds that each answer takes, however many are under way.
        context: the longest text that it takes, in characters; None for any.
        poison: a text that holds this is refused, and its batch with it.
        port: 0 for any free one.
    """

    def __init__(
        self,
        *,
        models: Sequence[str] = ("nomic-embed-text",),
        dimensions: int = 768,
        latency: float = 0.0,
        context: int | None = None,
        poison: str | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.models = set(models)
        self.dimensions = dimensions
        self.latency = latency
        self.context = context
        self.poison = poison
        self.faults: deque[Fault | None] = deque()
        self.outage: Fault | None = None
        self.requests: list[Embedding] = []
        self.embedded: Counter[str] = Counter()
        self.most_at_once = 0
        self._at_once = 0
        self._rendered: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def inject(self, *faults: Fault | None) -> None:
        """Let the next requests for vectors fail, one fault each, None for none; `outage` is for all that follow."""
        self.faults.extend(faults)

    @abstractmethod
    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        """A finished answer, or the request for vectors that this is."""

    @abstractmethod
    def render(self, request: Embedding, vectors: Sequence[str]) -> str:
        """The answer in JSON; `vectors` are JSON arrays already."""

    @abstractmethod
    def error(self, status: int, reason: str, headers: Mapping[str, str]) -> Reply:
        """A refusal in the words of this protocol."""

    async def work(self) -> None:
        """What it does for every request."""
        if self.latency:
            await asyncio.sleep(self.latency)

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it, well or not."""
        method, path, body = await _read_request(reader)
        await self._answer(writer, method, path, body)
        return True

    async def _answer(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> None:
        request = self.route(method, path, json.loads(body) if body else {})
        if isinstance(request, Reply):
            await _write(writer, request)
            return
        self.requests.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.work()
            fault = self.faults.popleft() if self.faults else self.outage
            if fault and fault.kind == "hang":
                await self._stopped.wait()
            if fault and fault.kind in ("reset", "hang"):
                writer.transport.abort()
                return
            if fault and fault.kind == "dribble":
                await _dribble(writer)
                return
            reply = self._reply(request, fault)
            await _write(writer, reply, cut=fault is not None and fault.kind == "cut")
        finally:
            self._at_once -= 1

    def _reply(self, request: Embedding, fault: Fault | None) -> Reply:
        if fault and fault.kind == "refuse":
            return self.error(fault.status, fault.reason, fault.headers)
        if fault and fault.kind == "garbage":
            return Reply(b"<html>Welcome to nginx!</html>")
        if fault and fault.kind == "empty":
            return Reply(b"{}")
        if request.model not in self.models:
            return self.error(404, f'model "{request.model}" not found, try pulling it first', {})
        if self.context is not None and any(len(text) > self.context for text in request.texts):
            return self.error(400, "the input length exceeds the context length", {})
        if self.poison is not None and any(self.poison in text for text in request.texts):
            return self.error(400, "this text cannot be tokenized", {})
        vectors = _spoilt([self._vector(text) for text in request.texts], fault)
        if fault is None:
            self.embedded.update(request.texts)
        body = self.render(request, vectors).encode()
        return Reply(body[: len(body) // 2] if fault and fault.kind == "truncated" else body)

    def _vector(self, text: str) -> str:
        """Eight components a byte, each byte rendered once."""
        if not self._rendered:
            component = _component(self.dimensions)
            self._rendered = [
                ",".join(component if byte >> bit & 1 else f"-{component}" for bit in range(7, -1, -1))
                for byte in range(256)
            ]
        bits = signs(text, self.dimensions)
        numbers = ",".join([self._rendered[byte] for byte in bits])
        if self.dimensions % 8:
            numbers = ",".join(numbers.split(",")[: self.dimensions])
        return f"[{numbers}]"


def _spoilt(vectors: list[str], fault: Fault | None) -> list[str]:
    match fault.kind if fault else None:
        case "fewer":
            return vectors[:-1]
        case "dimensions":
            return [_shorter(vector) for vector in vectors]
        case "ragged":
            return [_shorter(vectors[0]), *vectors[1:]]
        case "nan":
            return ["[NaN," + vectors[0].split(",", 1)[1], *vectors[1:]]
        case "zero":
            return ["[" + ",".join("0" for _ in vectors[0].split(",")) + "]", *vectors[1:]]
    return vectors


def _shorter(vector: str) -> str:
    return vector.rsplit(",", 1)[0] + "]"


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, _ = head.split(" ", 2)
    length = 0
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return method, path, await reader.readexactly(length) if length else b""


async def _write(writer: asyncio.StreamWriter, reply: Reply, *, cut: bool = False) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}
    head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase if reply.status != 499 else 'Gone'}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    writer.write(head.encode("latin-1") + (reply.body[: len(reply.body) // 2] if cut else reply.body))
    await writer.drain()
    if cut:
        writer.close()


async def _dribble(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()  # ends when the connection is lost
        await asyncio.sleep(0.02)
