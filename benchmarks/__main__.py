"""`make bench`: the ingest of real and generated Markdown, with an embedder that costs nothing or 50 ms a batch."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.migrate import migrate
from bbj_assets.store.vector_index import refresh_index
from benchmarks.corpus import change, generate
from benchmarks.flare import measure as measure_flare
from benchmarks.floors import copy_rows, walk_and_hash
from benchmarks.memory import PeakMemory
from benchmarks.runner import measure_runner
from benchmarks.sensor import print_tick

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
_BATCH_SECONDS = 0.05
_BATCH = 64
_WORKERS = 4
_TICK_FILES = 50_000


def main() -> None:
    """Measure, and print a table a corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2_000, help="pages of the generated corpus [2000]")
    parser.add_argument("--megabytes", type=float, default=16, help="their size in all [16]")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="a folder of real Markdown, if there is one")
    parser.add_argument("--flare", type=Path, help="a real Flare project, beside the generated one")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as scratch:
        real = Path(scratch) / "real"
        if _copy_markdown(options.corpus, real):
            _measure(console, f"Real Markdown: {options.corpus.name}", real)
        generated = Path(scratch) / "generated"
        generate(generated, options.files, int(options.megabytes * 1e6))
        _measure(console, "Generated Markdown", generated)
        tree = Path(scratch) / "tree"
        tree.mkdir()
        print_tick(console, tree, _TICK_FILES)
    with _server() as (url, _):
        measure_runner(console, url)
    measure_flare(console, options.flare)


def _measure(console: Console, title: str, folder: Path) -> None:
    files = list(folder.rglob("*.md")) + list(folder.rglob("*.mdx"))
    size = sum(file.stat().st_size for file in files)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("Run", "Seconds", "Floor", "Files/s", "Chunks/s", "MB", "PG MB"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "Run" else "right")
    with _server() as (url, home):
        first = _ingest(url, folder, home)
        hashing, copying = walk_and_hash(folder), copy_rows(url)
        _row(table, "first, embedder at once", first, hashing + copying, len(files))
        started = time.perf_counter()
        with connect(url) as conn:
            refresh_index(conn, timedelta(days=7))
        table.add_row("  then the vector index", f"{time.perf_counter() - started:.2f}", "", "", "", "", "")
        _row(table, "nothing changed", _ingest(url, folder, home), walk_and_hash(folder), len(files))
        changed = change(folder, 0.01)
        _row(table, f"1% changed ({changed} files)", _ingest(url, folder, home), walk_and_hash(folder), len(files))
    with _server() as (url, home):
        slow = _ingest(url, folder, home, _BATCH_SECONDS)
        batches = -(-slow["embedded"] // _BATCH)
        _row(table, "first, 50 ms a batch", slow, batches / _WORKERS * _BATCH_SECONDS, len(files))
    console.print(
        f"\n{title}: {len(files):,} files, {size / 1e6:.1f} MB, {first['total_chunks']:,.0f} chunks. "
        "Floors: walk and sha256, plus binary COPY of the same rows; for 50 ms a batch of 64, four at a time, the "
        "waiting alone. MB: peak of the ingest and its children; PG MB: of PostgreSQL. Process start aside."
    )
    console.print(table)
    console.print(
        f"Of the first run: chunks {first['parse_seconds']:.2f} s (hash {hashing:.2f}), "
        f"embeddings {first['embed_seconds']:.2f} s; COPY floor {copying:.2f} s."
    )


def _ingest(url: str, folder: Path, home: Path, seconds_a_batch: float = 0.0) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.ingest_once", url, str(folder), str(seconds_a_batch)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    server = int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    with PeakMemory(process.pid) as ours, PeakMemory(server) as theirs:
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the ingest ended with {process.returncode}")
    figures: dict[str, float] = json.loads(output)
    if figures["failed"] or figures["total_chunks"] == 0:
        raise SystemExit(f"the ingest is not sound: {figures}")
    return figures | {"peak": ours.peak, "peak_server": theirs.peak}


def _row(table: Table, name: str, run: dict[str, float], floor: float, files: int) -> None:
    table.add_row(
        name,
        f"{run['seconds']:.2f}",
        f"{floor:.2f}",
        f"{files / run['seconds']:,.0f}",
        f"{run['total_chunks'] / run['seconds']:,.0f}",
        f"{run['peak'] / 1e6:.0f}",
        f"{run['peak_server'] / 1e6:.0f}",
    )


@contextmanager
def _server() -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory() as home, EmbeddedServer(Path(home)).use() as url:
        with connect(url) as conn:
            migrate(conn)
        yield url, Path(home)


def _copy_markdown(corpus: Path, folder: Path) -> bool:
    """Copy the pages, so that they can be changed; False if there are none."""
    found = False
    for file in sorted(corpus.rglob("*.md*")):
        if file.suffix in (".md", ".mdx") and file.parent != corpus:
            target = folder / file.relative_to(corpus)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
            found = True
    return found


if __name__ == "__main__":
    main()
