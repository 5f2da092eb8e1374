"""Pages whose every chunk names its page and version, and random changes of them.

A reader can tell from the chunks of a document whether it is wholly of one version.
"""

import random
import re
from collections.abc import Sequence
from pathlib import Path

SECTIONS = (2, 6)
_MARK = re.compile(r"page-(\d+)-version-(\d+)-part-(\d+)-of-(\d+)")


class RandomPages:
    """Pages on disk; a seed decides every change."""

    def __init__(self, folder: Path, pages: int, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.pages: dict[int, int] = {}
        self._numbers = iter(range(10**6))
        for _ in range(pages):
            self.add()

    def add(self) -> None:
        """Add a page to one of the sections."""
        number = next(self._numbers)
        self.pages[number] = 0
        self._write(number)

    def change(self) -> None:
        """Edit a fifth of the pages, delete five and add five."""
        known = sorted(self.pages)
        for number in self.random.sample(known, k=len(known) // 5):
            self.pages[number] += 1
            self._write(number)
        for number in self.random.sample(known, k=5):
            self._file(number).unlink()
            del self.pages[number]
        for _ in range(5):
            self.add()

    def _file(self, number: int) -> Path:
        return self.folder / f"section-{number % 7}" / f"page-{number}.md"

    def _write(self, number: int) -> None:
        version = self.pages[number]
        parts = random.Random(f"{number} {version}").randint(*SECTIONS)
        text = [f"# Page {number}"]
        for part in range(1, parts + 1):
            mark = f"page-{number}-version-{version}-part-{part}-of-{parts}"
            text += [f"## Part {part}", f"{mark}. " + f"A sentence about grid {number} and window {part}. " * 25]
        file = self._file(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".new")
        temporary.write_text("\n\n".join(text), encoding="utf-8")
        temporary.replace(file)


def mixed_versions(contents: Sequence[str]) -> str | None:
    """Return what is wrong with the chunks of a document that is not wholly of one version."""
    marks = [tuple(map(int, mark)) for content in contents for mark in _MARK.findall(content)]
    versions = {(page, version, parts) for page, version, _, parts in marks}
    if len(versions) != 1:
        return f"chunks of {len(versions)} versions: {sorted(versions)}"
    [(_, _, parts)] = versions
    missing = set(range(1, parts + 1)) - {part for _, _, part, _ in marks}
    return f"without its parts {sorted(missing)}" if missing else None
