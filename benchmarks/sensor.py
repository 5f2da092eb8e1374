"""A tick of the sensor over a tree of 50,000 pages: its seconds, and the length of the cursor that it leaves."""

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.ingest.following import Watch, notice
from bbj_assets.source import Source

_SECTIONS = 300
_LIMIT = 2.0


def main() -> None:
    """Measure, and print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50_000, help="pages [50000]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print_tick(Console(highlight=False), Path(scratch), options.files)


def print_tick(console: Console, folder: Path, files: int) -> None:
    """Grow a tree to a tenth of the files and then to all, and print a tick over each."""
    console.print(f"\nA tick of the sensor, {_SECTIONS} sections (at most {_LIMIT:.0f} s for 50,000 files):")
    for upto in (files // 10, files):
        _grow(folder, upto)
        source = Source("guide", "mdx", roots=(folder,))
        watch = Watch()
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            watch = notice(watch, fingerprints(source), watch.seen, time.time())
            cursor = watch.dumps()
            seconds.append(time.perf_counter() - started)
        console.print(f"  {upto:>7,} files  {min(seconds):.2f} s  a cursor of {len(cursor):,} characters")


def _grow(folder: Path, files: int) -> None:
    for number in range(files):
        page = folder / f"section-{number % _SECTIONS:03}" / f"page-{number:05}.md"
        page.parent.mkdir(exist_ok=True)
        page.touch()


if __name__ == "__main__":
    main()
