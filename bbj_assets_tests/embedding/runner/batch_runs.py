"""Helpers of the batch runner's tests: store documents, run over them, read what is stored."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bbj_assets.documents import Chunk, Document, embedded_text
from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.embedding.runner.batches import PROBE_TEXT, BatchOptions, EmbeddingTask, embed_pending
from bbj_assets.outcomes import ItemContent
from bbj_assets.progress import Progress
from bbj_assets.reports import EmbeddingsReport
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.documents import replace_items
from bbj_assets.store.failures import list_failures
from bbj_assets_tests.fakes.model_server import Embedding, FakeModelServer, Fault, Reply, vector_for
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.progress import ListeningProgress

MODEL = "nomic-embed-text"
DIMENSIONS = 32
SOURCE = "mdx-dwc"
PARTITION = "guide"
HEADER = "DWC > Guide"
BAD = "☠"
"""Marks the texts that a fake server fails on."""


class OllamaWithGate(FakeOllama):
    """A fake Ollama that holds requests back while its `gate` is closed, and that always fails on some texts.

    Attributes:
        gate: open at first.
        arrived: released once for each request that arrives at the gate.
        trouble: the fault of a request that has a text with this mark; `nan` spoils only the vector of that text.
    """

    def __init__(self) -> None:
        super().__init__(models=[MODEL], dimensions=DIMENSIONS)
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        self.trouble: dict[str, Fault] = {}
        self._let_through = 0

    def fail_after(self, requests: int, outage: Fault) -> None:
        """Answer the next requests for vectors, and fail all that follow."""
        self.inject(*[None] * requests)
        self.outage = outage

    def stop(self) -> None:
        """Stop the server, if the test has not done so."""
        if self._thread.is_alive():
            super().stop()

    def close_the_gate(self, *, after: int = 0) -> None:
        """Hold back all requests from now on, except the first `after`."""
        self._let_through = after
        self.gate.clear()
        while self.arrived.acquire(blocking=False):
            pass

    async def has_a_request(self) -> None:
        """Return when a request waits at the gate."""
        await until(lambda: self.arrived.acquire(blocking=False))

    async def _answer(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> None:
        if self._let_through:
            self._let_through -= 1
        else:
            self.arrived.release()
            while not self.gate.is_set():  # noqa: ASYNC110 - another thread opens it
                await asyncio.sleep(0.002)
        await super()._answer(writer, method, path, body)

    def _reply(self, request: Embedding, fault: Fault | None) -> Reply:
        troubles = (fault for mark, fault in self.trouble.items() if any(mark in text for text in request.texts))
        return super()._reply(request, fault or next((trouble for trouble in troubles if trouble.kind != "nan"), None))

    def _vector(self, text: str) -> str:
        vector = super()._vector(text)
        spoilt = any(fault.kind == "nan" and mark in text for mark, fault in self.trouble.items())
        return "[NaN," + vector.split(",", 1)[1] if spoilt else vector

    @property
    def batches(self) -> list[tuple[str, ...]]:
        """The texts of each request, without the probes."""
        return [request.texts for request in self.requests if request.texts != (PROBE_TEXT,)]

    @property
    def probes(self) -> int:
        """The number of probes."""
        return len(self.requests) - len(self.batches)


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds. Fail after half a minute."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the state is in another process
            await asyncio.sleep(0.005)


def put(
    conn: Connection, texts: Sequence[str], *, page: str = "page", partition: str = PARTITION, source: str = SOURCE
) -> str:
    """Store a document with these texts as its chunks, or replace it. Return its key."""
    key = f"{source}://{partition}/{page}.md"
    document = Document(source_url=key, title=page, content="", doc_type="tutorial", generations=("dwc",))
    chunks = [Chunk(ordinal, text, HEADER, len(text)) for ordinal, text in enumerate(texts)]
    item = ItemContent(key, source, partition, b"sha256", "code_version", {}, [(document, chunks)])
    replace_items(conn, [item], None)
    return key


def as_embedded(text: str) -> str:
    """Return a chunk's text as the embedder gets it."""
    return embedded_text(HEADER, text)


def hash_of(text: str) -> str:
    """Return the item of a chunk's text in `failures`."""
    return hashlib.sha256(as_embedded(text).encode()).hexdigest()


def hashes(texts: Collection[str]) -> set[str]:
    """Return the items of these texts in `failures`."""
    return {hash_of(text) for text in texts}


def failed(conn: Connection) -> set[str]:
    """Return the items in `failures`."""
    return {failure.item for failure in list_failures(conn)}


def lengths(count: int, mark: str = "") -> list[str]:
    """Return texts of different lengths, no two alike."""
    return [f"{mark}{number:03d} " + "x" * (7 * number % 41) for number in range(count)]


def options(**changes: Any) -> BatchOptions:
    """Return options with one worker, so that events have an order, and with short delays."""
    return BatchOptions(**{"workers": 1, "batch_size": 4, "initial_delay": 0.001, **changes})


async def embedding(
    url: str,
    server: FakeModelServer,
    how: BatchOptions | None = None,
    *,
    embedder: Embedder | None = None,
    partitions: Collection[str] = (PARTITION,),
    source: str = SOURCE,
    progress: Progress | None = None,
    only_failed: bool = False,
    parsed_in: Collection[str] = (),
    run_id: str | None = None,
    **callbacks: Any,
) -> EmbeddingsReport:
    """Embed, and return the report."""
    task = EmbeddingTask(
        source=source, partitions=partitions, only_failed=only_failed, parsed_in=parsed_in, run_id=run_id
    )
    embedder = embedder or OllamaEmbedder(server.url, model=MODEL)
    try:
        return await embed_pending(url, embedder, task, how or options(), progress or ListeningProgress(**callbacks))
    finally:
        await embedder.aclose()


def embed(url: str, server: FakeModelServer, how: BatchOptions | None = None, **more: Any) -> EmbeddingsReport:
    """Embed in an event loop of its own, and return the report."""
    return asyncio.run(embedding(url, server, how, **more))


def store(conn: Connection, text: str, vector: Sequence[float] | NDArray[np.floating]) -> None:
    """Store a vector, as another run does."""
    conn.execute(
        "INSERT INTO embeddings (model, content_hash, embedding) VALUES (%s, decode(%s, 'hex'), %s::real[]::vector)",
        [MODEL, hash_of(text), list(vector)],
    )


def embed_and_meanwhile(
    url: str, server: OllamaWithGate, action: Callable[[], None], how: BatchOptions | None = None, **more: Any
) -> EmbeddingsReport:
    """Embed, and call `action` while the server holds the first request."""

    async def scenario() -> EmbeddingsReport:
        server.close_the_gate()
        run = asyncio.create_task(embedding(url, server, how, **more))
        await server.has_a_request()
        await asyncio.sleep(0.1)  # for a reader that would run ahead
        action()
        server.gate.set()
        return await run

    return asyncio.run(scenario())


@contextmanager
def storing_held_up(conn: Connection) -> Iterator[None]:
    """Hold a lock under which no other session can store a vector, but can read."""
    with conn.transaction():
        conn.execute("LOCK TABLE embeddings IN SHARE MODE")
        yield


def waiting_for_locks(url: str) -> int:
    """Return the number of sessions of this database that wait for a lock."""
    with connect(url) as watcher:
        row = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return row[0] if row else 0


def vectors(conn: Connection, model: str = MODEL) -> Mapping[str, NDArray[np.float32]]:
    """Return the stored vectors by the hash of their text."""
    rows = conn.execute(
        "SELECT encode(content_hash, 'hex'), embedding::real[] FROM embeddings WHERE model = %s", [model]
    )
    return {content_hash: np.array(vector, dtype=np.float32) for content_hash, vector in rows}


def assert_stored(conn: Connection, texts: Collection[str]) -> None:
    """Assert that exactly these texts have a vector, and the one that the server returns for them."""
    stored = vectors(conn)
    assert stored.keys() == {hash_of(text) for text in texts}
    for text in texts:
        assert np.array_equal(stored[hash_of(text)], vector_for(as_embedded(text), DIMENSIONS)), text
