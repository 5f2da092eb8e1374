"""How busy the batch runner keeps a model server, and what rate limits cost.

The server takes 50 ms a batch and works on four batches at once. So no run can be faster than 50 ms times the number of
batches divided by four: the floor. Busy is measured in the server: the share of its four slots that worked on a batch.
With four workers a slot is empty from the end of a batch until the next request arrives. With a fifth worker that
request waits at the server already. Server, database and runner share the cores.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice

import httpx
from rich import box
from rich.console import Console
from rich.table import Table

from bbj_assets.documents import Chunk, Document
from bbj_assets.outcomes import ItemContent
from bbj_assets.store.connection import connect
from bbj_assets.store.documents import replace_items
from benchmarks.memory import PeakMemory
from benchmarks.model_server import AT_ONCE, busy_ollama

_LATENCY = 0.05
_CHUNKS = 80_000
_CHUNKS_A_PAGE = 100
_PAGES_A_TRANSACTION = 20


def measure_runner(console: Console, url: str, chunks: int = _CHUNKS) -> None:
    """Print a table of runs over the same chunks, with different servers and numbers of workers."""
    fill(url, "bench-runner", chunks)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("Model server", "Workers", "Seconds", "Floor", "Busy", "Throughput", "Retries"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "Model server" else "right")
    without_limits: dict[int, float] = {}
    for name, workers, limited, retry_after in (
        ("50 ms a batch", AT_ONCE, 0.0, None),
        ("a tenth of requests limited (429)", AT_ONCE, 0.1, None),
        ("the same, Retry-After: 1", AT_ONCE, 0.1, "1"),
        ("50 ms a batch", AT_ONCE + 1, 0.0, None),
        ("a tenth of requests limited (429)", AT_ONCE + 1, 0.1, None),
    ):
        with busy_ollama(_LATENCY, limited=limited, retry_after=retry_after) as model_server:
            figures = embed_once(url, model_server, "bench-runner", workers=workers)
            busy = httpx.get(f"{model_server}/busy", trust_env=False).json()
        delete_vectors(url)
        floor = figures["batches"] * _LATENCY / AT_ONCE
        without_limits.setdefault(workers, figures["seconds"])
        table.add_row(
            name,
            str(workers),
            f"{figures['seconds']:.2f}",
            f"{floor:.2f}",
            f"{busy['worked'] / busy['within'] / AT_ONCE:.0%}",
            f"{without_limits[workers] / figures['seconds']:.0%}",
            f"{figures['retried']:,.0f}",
        )
    console.print(
        f"\nBatch runner: {chunks:,} chunks in batches of 64 over HTTP, to a server that takes four at a time."
    )
    console.print(table)


def embed_once(url: str, model_server: str, source: str, *, workers: int = AT_ONCE) -> dict[str, float]:
    """Run the batch runner in a process of its own. Return its figures, and its peak memory in bytes.

    Raises:
        SystemExit: the run failed, or a text did.
    """
    command = [sys.executable, "-m", "benchmarks.embed_once", url, model_server, source, str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with PeakMemory(process.pid) as memory:
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    figures: dict[str, float] = json.loads(output)
    if figures["failed"]:
        raise SystemExit(f"the run is not sound: {figures}")
    return figures | {"peak": memory.peak}


def fill(url: str, source: str, chunks: int) -> None:
    """Store this number of chunks in one partition. Each has about 250 tokens, and no two are equal."""
    pages = _pages(source, chunks)
    with connect(url) as conn:
        while some := list(islice(pages, _PAGES_A_TRANSACTION)):
            replace_items(conn, some, None)
        conn.execute("ANALYZE")


def delete_vectors(url: str) -> None:
    """Delete all vectors, so that the next run embeds every text."""
    with connect(url) as conn:
        conn.execute("TRUNCATE embeddings")


def _pages(source: str, chunks: int) -> Iterator[ItemContent]:
    for first in range(0, chunks, _CHUNKS_A_PAGE):
        key = f"{source}://all/{first:07}.md"
        document = Document(
            source_url=key, title=f"Page {first}", content="", doc_type="tutorial", generations=("dwc",)
        )
        count = min(_CHUNKS_A_PAGE, chunks - first)
        texts = [f"Chunk {first + number} of {source}. " + "PRINT words " * 80 for number in range(count)]
        parts = [Chunk(ordinal, text, "Bench", 200 + ordinal % 60) for ordinal, text in enumerate(texts)]
        yield ItemContent(key, source, "all", b"sha256", "code_version", {}, [(document, parts)])
