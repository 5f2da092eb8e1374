"""What the fake model servers share: HTTP on a loopback port, vectors, faults, and a record of the requests.

The HTTP is written by hand over asyncio, because many tests need broken HTTP: bodies that stop in the middle, and
connections that are reset. It is also fast: 64 texts are answered in two milliseconds, so a benchmark measures the
ingester and not the fake.
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
    """A fault of one request.

    Attributes:
        kind: `refuse` answers with `status`, and `refuse_in_plain_json` does so with `reason` as a JSON string instead
            of an object. `reset` breaks the connection before an answer, `cut` in the middle of one. `hang` never
            answers. `dribble` sends a byte at a time, without end. `truncated` sends half of an answer as if it were
            complete, `garbage` is not JSON, `empty` is `{}`, `list` is `[]`. `fewer` leaves out the last vector.
            `dimensions` removes one number from each vector, `ragged` only from the first. `nan` and `zero` replace
            numbers of the first vector.
        status: the status of a refusal.
        reason: the message of a refusal.
        headers: further headers of a refusal.
    """

    kind: Literal[
        "refuse",
        "refuse_in_plain_json",
        "reset",
        "cut",
        "hang",
        "dribble",
        "truncated",
        "garbage",
        "empty",
        "list",
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
    """Return a fault that answers with this status."""
    return Fault("refuse", status, reason, {"Retry-After": retry_after} if retry_after is not None else {})


def redirect(url: str) -> Fault:
    """Return a fault that redirects the request, with its body, to another URL."""
    return Fault("refuse", 307, "moved", {"Location": url})


def refuse_in_plain_json(status: int, reason: str) -> Fault:
    """Return a fault that answers with this status and a JSON string instead of an object, as some proxies do."""
    return Fault("refuse_in_plain_json", status, reason)


@dataclass(frozen=True)
class Embedding:
    """A request for vectors."""

    model: str
    texts: tuple[str, ...]
    body: Mapping[str, object]


@dataclass(frozen=True)
class Reply:
    """An answer, before it is sent."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def signs(text: str, dimensions: int) -> bytes:
    """Return the bits of a text's vector: a hash of the text, one bit for each dimension."""
    return hashlib.shake_128(text.encode()).digest((dimensions + 7) // 8)


def vector_for(text: str, dimensions: int = 768) -> NDArray[np.float32]:
    """Return the vector of a text at a fake server: a corner of a cube, so of length 1, and different for each text."""
    bits = np.unpackbits(np.frombuffer(signs(text, dimensions), dtype=np.uint8))[:dimensions]
    return np.where(bits == 1, np.float32(_component(dimensions)), -np.float32(_component(dimensions)))


def vectors_for(texts: Sequence[str], dimensions: int = 768) -> NDArray[np.float32]:
    """Return one row for each text."""
    return np.array([vector_for(text, dimensions) for text in texts]).reshape(len(texts), dimensions)


def _component(dimensions: int) -> str:
    return f"{dimensions**-0.5:.9f}"


class FakeModelServer(LoopbackServer):
    """A server in a thread of its own; a context manager.

    Args:
        models: the models that it has; other names are a 404.
        dimensions: of its vectors.
        latency: seconds that each answer takes, independent of the number of concurrent requests.
        context: the longest text that it accepts, in characters; None for any.
        poison: a batch is refused if one of its texts contains this.
        port: 0 for any free one.

    Attributes:
        faults: of the next requests for vectors, one each; None for no fault.
        outage: the fault of every request after those.
        requests: the requests for vectors so far.
        embedded: how often each text was embedded.
        most_at_once: the largest number of concurrent requests for vectors.
        authorizations: the Authorization header of each request, None if it had none.
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
        self.authorizations: list[str | None] = []
        self._at_once = 0
        self._rendered: list[str] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def inject(self, *faults: Fault | None) -> None:
        """Add faults for the next requests for vectors, one each; None for no fault."""
        self.faults.extend(faults)

    @abstractmethod
    def route(self, method: str, path: str, body: Mapping[str, object]) -> Reply | Embedding:
        """Return the answer to a request, or the request for vectors that it is."""

    @abstractmethod
    def render(self, request: Embedding, vectors: Sequence[str]) -> str:
        """Return the answer in JSON; `vectors` are JSON arrays already."""

    @abstractmethod
    def error(self, status: int, reason: str, headers: Mapping[str, str]) -> Reply:
        """Return a refusal in the format of this protocol."""

    async def work(self) -> None:
        """Take as long as a model would."""
        if self.latency:
            await asyncio.sleep(self.latency)

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it, or do what the next fault says."""
        method, path, headers, body = await _read_request(reader)
        self.authorizations.append(headers.get("authorization"))
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
        if fault and fault.kind == "refuse_in_plain_json":
            return Reply(json.dumps(fault.reason).encode(), fault.status, fault.headers)
        if fault and fault.kind == "garbage":
            return Reply(b"<html>Welcome to nginx!</html>")
        if fault and fault.kind == "empty":
            return Reply(b"{}")
        if fault and fault.kind == "list":
            return Reply(b"[]")
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
        """Return a vector in JSON. A byte is eight components, and each of the 256 bytes is rendered only once."""
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


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, _ = head.split(" ", 2)
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    headers = {name.lower(): value.strip() for name, _, value in lines}
    length = int(headers.get("content-length", 0))
    return method, path, headers, await reader.readexactly(length) if length else b""


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
