"""Check that the memory of the batch runner does not grow with the corpus.

    python -m benchmarks.soak --chunks 200000

The batch runner embeds a tenth of the chunks, and then all of them, each time in a process of its own. The second run
must not need more than 1.1 times the memory of the first. The fake model server is a process of its own too.
"""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.migrate import migrate
from benchmarks.model_server import busy_ollama
from benchmarks.runner import embed_once, fill

_MAX_GROWTH = 1.1


def main() -> None:
    """Measure and print. Exit with 1 if the memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=200_000, help="chunks of the large run [200000]")
    chunks: int = parser.parse_args().chunks
    console = Console(highlight=False, soft_wrap=True)
    peaks = []
    with tempfile.TemporaryDirectory() as home, EmbeddedServer(Path(home)).use() as url, busy_ollama(0.0) as server:
        with connect(url) as conn:
            migrate(conn)
        for count in (chunks // 10, chunks):
            source = f"soak-{count}"
            fill(url, source, count)
            figures = embed_once(url, server, source)
            peaks.append(figures["peak"])
            console.print(
                f"{count:>9,} chunks: {figures['seconds']:6.1f} s, {count / figures['seconds']:6,.0f} chunks/s, "
                f"peak {figures['peak'] / 1e6:.1f} MB"
            )
    growth = peaks[1] / peaks[0]
    console.print(f"Ten times the chunks need {growth:.2f} times the memory (at most {_MAX_GROWTH}).")
    raise SystemExit(growth > _MAX_GROWTH)


if __name__ == "__main__":
    main()
