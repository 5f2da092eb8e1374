"""A tick of the sensor over a tree of 50,000 pages: its seconds, and the length of the cursor that it leaves."""

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bbj_assets.defs.instance.opening import open_instance
from bbj_assets.defs.sensors.follow import SourceLook, tick
from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.settings import load_settings
from bbj_assets.source import Source
from bbj_assets.store.database import database

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
    docs = folder / "docs"
    source = Source("guide", "mdx", roots=(docs,))
    settings = load_settings(home=folder / "home", config=folder / "sources.toml")
    with open_instance(settings) as instance, database(settings):  # which stays up between the ticks
        for upto in (files // 10, files):
            _grow(docs, upto)
            cursor, seconds = None, []
            for _ in range(4):
                started = time.perf_counter()
                listing = fingerprints(source)
                look = SourceLook(instance=instance, source=source, settings=settings, listing=listing, now=time.time())
                cursor = tick(look, cursor).cursor
                seconds.append(time.perf_counter() - started)
            first, *others = seconds
            console.print(
                f"  {upto:>7,} files  {min(others):.2f} s, the first {first:.2f} s  "
                f"a cursor of {len(cursor or ''):,} characters"
            )


def _grow(folder: Path, files: int) -> None:
    for number in range(files):
        page = folder / f"section-{number % _SECTIONS:03}" / f"page-{number:05}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.touch()


if __name__ == "__main__":
    main()
