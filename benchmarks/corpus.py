"""A generated corpus of Markdown pages that are as long and as varied as documentation is."""

import random
import re
from pathlib import Path

SAMPLE_DATA = Path(__file__).parent.parent / "sample_data"
_SECTIONS = 20


def generate(folder: Path, files: int, total_bytes: int, seed: int = 1) -> None:
    """Write `files` pages of about `total_bytes` in all, in twenty sections."""
    writer = _Writer(random.Random(seed))
    size = total_bytes // files
    for number in range(files):
        path = folder / f"section-{number % _SECTIONS:02}" / f"page-{number:05}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(writer.page(number, size), encoding="utf-8")


def change(folder: Path, share: float) -> int:
    """Add a sentence to a share of the pages; gives how many."""
    pages = sorted(folder.rglob("*.md"))
    changed = pages[:: max(1, round(1 / share))]
    for page in changed:
        page.write_text(page.read_text(encoding="utf-8") + "\nOne more sentence than before.\n", encoding="utf-8")
    return len(changed)


class _Writer:
    """Pages of headings, prose, lists, tables and code from the words of the sample data, by Zipf's law."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        text = " ".join(file.read_text(encoding="utf-8") for file in sorted(SAMPLE_DATA.rglob("*.md")))
        words = sorted(set(re.findall(r"[A-Za-z][A-Za-z0-9!$]{2,}", text)))
        chance.shuffle(words)
        words += [a + b.capitalize() for a, b in zip(words, reversed(words), strict=True)]
        self._words = words
        self._weights = [1 / (rank + 3) for rank in range(len(words))]

    def page(self, number: int, size: int) -> str:
        parts = [f"---\ntitle: Page {number} {self._title()}\nsidebar_position: {number}\n---\n"]
        length = 0
        # Pages are of very different lengths, as real ones are.
        wanted = size * self._chance.choice((0.3, 0.6, 0.8, 1.0, 1.3, 2.0))
        while length < wanted:
            parts.append(self._chance.choice((self._section, self._prose, self._prose, self._list, self._block))())
            length += len(parts[-1])
        return "\n".join(parts)

    def _section(self) -> str:
        return f"{'#' * self._chance.randint(2, 4)} {self._title()}\n\n{self._prose()}"

    def _prose(self) -> str:
        return " ".join(self._sentence() for _ in range(self._chance.randint(2, 7))) + "\n"

    def _list(self) -> str:
        return "\n".join(f"- {self._sentence()}" for _ in range(self._chance.randint(3, 8))) + "\n"

    def _block(self) -> str:
        if self._chance.random() < 0.3:
            rows = [f"| {self._take(2)} | {self._take(6)} |" for _ in range(self._chance.randint(3, 12))]
            return "\n".join(["| Name | Meaning |", "| --- | --- |", *rows]) + "\n"
        lines = [f"{self._take(1)}! = {self._take(1)}!.{self._take(1)}({self._take(2)!r})" for _ in range(8)]
        return "\n".join(["```bbj", *lines, "```"]) + "\n"

    def _sentence(self) -> str:
        return self._take(self._chance.randint(6, 18)).capitalize() + "."

    def _title(self) -> str:
        return self._take(self._chance.randint(1, 4)).title()

    def _take(self, count: int) -> str:
        return " ".join(self._chance.choices(self._words, self._weights, k=count))
