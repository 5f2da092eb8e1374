"""A generated Flare project as large as BASIS' own, and how long it takes to make chunks of it.

    python -m benchmarks.flare [--project FOLDER]

What costs time in a real project is not the text: it is what every topic asks of the project. So the counts are those
of the real one: 7,083 topics of 55 MB, most of them in no table of contents, 205 snippets that 5,947 places include.
"""

import argparse
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from xml.sax.saxutils import escape

from rich.console import Console

from bbj_assets.documents import Item
from bbj_assets.ingest.parsing import ParseTask
from bbj_assets.ingest.workers import parse_in_processes
from bbj_assets.outcomes import Failure
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.sources import flare
from benchmarks.corpus import SAMPLE_DATA
from benchmarks.memory import PeakMemory

_TOPICS = 7_083
_BYTES = 55_000_000
_SNIPPETS = 205
_IN_TOCS = 1_557
_TOCS = 4
_ELEMENTS = {
    "keyword": 12_857,
    "snippetBlock": 3_627,
    "snippetText": 2_320,
    "xref": 1_416,
    "concept": 930,
    "toggler": 360,
    "popup": 31,
}
_CONDITIONS = (
    "Deprecated",
    "Superseded",
    "NotImplemented",
    "Upcoming Release",
    "guibuild_chm",
    "resbuild_chm",
    "ddbuild_chm",
    "Internal",
    "Print",
    "Online",
    "Draft",
    "Review",
)
_FOLDERS = ("bbjobjects", "commands", "dwc", "mnemonic", "events", "sysadmin", "usr", "util", "gridctrl", "dataserv")
_WORKERS = 2
_TASK_ITEMS = 32
_HEAD = '\ufeff<?xml version="1.0" encoding="utf-8"?>\n'
_HTML = f'{_HEAD}<html xmlns:MadCap="http://www.madcapsoftware.com/Schemas/MadCap.xsd"{{}}>\n'


def generate(folder: Path, topics: int = _TOPICS, total_bytes: int = _BYTES, seed: int = 1) -> None:
    """Write a project of so many topics; all other counts shrink and grow with it."""
    _Writer(random.Random(seed), folder, topics / _TOPICS).write(topics, total_bytes // topics)


def measure(console: Console, project: Path | None = None) -> None:
    """Print topics a second, seconds and peak memory of a generated project, and of a real one if there is one."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        _measure(console, "Generated Flare project", Path(scratch))
    if project is not None:
        _measure(console, "Real Flare project", project)


def _measure(console: Console, name: str, project: Path) -> None:
    source = Source("flare", "flare", roots=(project,), display_url="https://help.example/WebHelp")
    items = list(flare.discover(source))
    size = sum(item.file.stat().st_size for item in items)
    tasks = (ParseTask(source, batch, ChunkSettings(), "bench") for batch in _batches(items))
    documents = chunks = failed = 0
    used, started = _processor_seconds(), time.perf_counter()
    with PeakMemory(os.getpid()) as memory:
        for outcomes in parse_in_processes(tasks, _WORKERS):
            failed += sum(isinstance(outcome, Failure) for outcome in outcomes)
            parsed = [pair for outcome in outcomes if not isinstance(outcome, Failure) for pair in outcome.documents]
            documents += len(parsed)
            chunks += sum(len(of_document) for _, of_document in parsed)
    seconds, used = time.perf_counter() - started, _processor_seconds() - used
    console.print(
        f"{name}: {len(items):,} topics of {size / 1e6:.1f} MB in {seconds:.1f} s with {_WORKERS} workers "
        f"({used:.1f} s of processor): {len(items) / seconds:,.0f} topics/s, {documents:,} documents, "
        f"{chunks:,} chunks, {failed:,} failures, peak {memory.peak / 1e6:.0f} MB of all processes."
    )


def _processor_seconds() -> float:
    """Of this process and the children that have ended: what a busy machine takes no longer for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for at in range(0, len(items), _TASK_ITEMS):
        yield items[at : at + _TASK_ITEMS]


class _Writer:
    """Topics of headings, prose, lists, tables and code, with Flare's elements strewn over them."""

    def __init__(self, chance: random.Random, folder: Path, scale: float) -> None:
        self._chance = chance
        self._folder = folder
        self._scale = scale
        text = " ".join(file.read_text(encoding="utf-8-sig") for file in sorted(SAMPLE_DATA.rglob("*.htm")))
        words = sorted(set(re.findall(r"[A-Za-z][A-Za-z0-9!$]{2,}", re.sub(r"<[^>]*>", " ", text))))
        chance.shuffle(words)
        self._words = words
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
        self._paths: list[str] = []

    def write(self, topics: int, size: int) -> None:
        folders = [f"{top}/group{number:02}" for top in _FOLDERS for number in range(20)]
        self._paths = [f"{self._chance.choice(folders)}/topic_{number:05}.htm" for number in range(topics)]
        self._write_project()
        for number in range(max(1, round(_SNIPPETS * self._scale))):
            nested = '<MadCap:snippetText src="text_000.flsnp" />' if number % 10 == 5 else ""
            body = f"<p>{self._words_of(12)}{nested}</p>" if number % 3 == 0 else self._prose() + self._table(nested)
            self._put(
                f"Content/Resources/Snippets/text_{number:03}.flsnp", f"{_HTML.format('')}<body>{body}</body></html>"
            )
        elements = [name for name, count in _ELEMENTS.items() for _ in range(round(count * self._scale))]
        self._chance.shuffle(elements)
        of_topic: list[list[str]] = [[] for _ in self._paths]
        for element in elements:
            self._chance.choice(of_topic).append(element)
        for path, names in zip(self._paths, of_topic, strict=True):
            self._put(f"Content/{path}", self._topic(path, size, names))

    def _topic(self, path: str, size: int, elements: list[str]) -> str:
        conditions = f' MadCap:conditions="Primary.{self._chance.choice(_CONDITIONS[:2])}"'
        title = self._words_of(3).title()
        parts = [
            _HTML.format(conditions if self._chance.random() < 0.03 else ""),
            f"<head><title>{title}</title></head>\n<body>\n<MadCap:breadcrumbsProxy />\n<h1>{title}</h1>\n",
            *(self._element(name, path) for name in elements),
        ]
        # Topics are of very different lengths: most are short, a few have 400 KB.
        wanted = size * self._chance.choice((0.2, 0.3, 0.4, 0.7, 0.9, 1.4, 2.2))
        wanted = 400_000 if self._chance.random() < 0.0007 else wanted
        length = sum(map(len, parts))
        while length < wanted:
            kinds = (self._section, self._prose, self._prose, self._list, self._table, self._code)
            parts.append(self._chance.choice(kinds)())
            length += len(parts[-1])
        return "".join([*parts, "<MadCap:relatedTopicsControlProxy />\n</body>\n</html>\n"])

    def _element(self, name: str, path: str) -> str:
        up = "../" * path.count("/")
        match name:
            case "keyword" | "concept":
                return f'<p><MadCap:{name} term="{self._words_of(2)}" />{self._words_of(8)}</p>\n'
            case "snippetBlock" | "snippetText":
                number = self._chance.randrange(max(1, round(_SNIPPETS * self._scale)))
                snippet = f'<MadCap:{name} src="{up}Resources/Snippets/text_{number:03}.flsnp" />'
                return f"{snippet}\n" if name == "snippetBlock" else f"<p>{self._words_of(4)} {snippet}.</p>\n"
            case "xref":
                href = f"{up}{self._chance.choice(self._paths)}"
                return f'<p>See <MadCap:xref href="{href}">{self._words_of(3)}</MadCap:xref>.</p>\n'
            case "toggler":
                return f'<p><MadCap:toggler targets="more">{self._words_of(3)}</MadCap:toggler></p>\n'
            case _:
                head = f"<MadCap:popupHead>{self._words_of(2)}</MadCap:popupHead>"
                body = f"<MadCap:popupBody>{self._words_of(9)}</MadCap:popupBody>"
                return f"<p><MadCap:popup>{head}{body}</MadCap:popup> {self._words_of(5)}</p>\n"

    def _section(self) -> str:
        tag = f"h{self._chance.randint(2, 4)}"
        return f"    <{tag}>{self._words_of(3)}</{tag}>\n{self._prose()}"

    def _prose(self) -> str:
        variable = '<MadCap:variable name="General.Product" /> ' if self._chance.random() < 0.1 else ""
        condition = f' MadCap:conditions="Primary.{self._chance.choice(_CONDITIONS)}"'
        marked = condition if self._chance.random() < 0.02 else ""
        return f"    <p{marked}>{variable}{self._words_of(40)} <b>{self._words_of(2)}</b> {self._words_of(20)}.</p>\n"

    def _list(self) -> str:
        items = "".join(f"        <li>\n            <p>{self._words_of(14)}.</p>\n        </li>\n" for _ in range(5))
        return f"    <ul>\n{items}    </ul>\n"

    def _table(self, cell: str = "") -> str:
        rows = "".join(
            f"        <tr>\n            <td>{self._words_of(2)}</td>\n            <td>\n                "
            f"<p>{self._words_of(15)}{cell}</p>\n            </td>\n        </tr>\n"
            for _ in range(self._chance.randint(3, 12))
        )
        return f"    <table>\n        <col /><col />\n{rows}    </table>\n"

    def _code(self) -> str:
        lines = "\n".join(f"{self._words_of(1)}! = {self._words_of(1)}!.{self._words_of(1)}()" for _ in range(8))
        return f'    <pre xml:space="preserve">{lines}</pre>\n'

    def _write_project(self) -> None:
        in_books = self._chance.sample(self._paths, min(len(self._paths), round(_IN_TOCS * self._scale)))
        for number in range(_TOCS):
            books = []
            own = in_books[number::_TOCS]
            for at in range(0, len(own), 12):
                head, *rest = own[at : at + 12]
                entries = "".join(_entry(path) + " />\n" for path in rest)
                books.append(f"{_entry(head)}>\n{entries}</TocEntry>\n")
            content = "".join(f'<TocEntry Title="Book {at}">\n{book}</TocEntry>\n' for at, book in enumerate(books))
            self._put(
                f"Project/TOCs/Book{number}.fltoc", f'{_HEAD}<CatapultToc Version="1">\n{content}</CatapultToc>\n'
            )
        names = "".join(f'<ConditionTag Name="{name}" />' for name in _CONDITIONS)
        self._put(
            "Project/ConditionTagSets/Primary.flcts",
            f"{_HEAD}<CatapultConditionTagSet>{names}</CatapultConditionTagSet>",
        )
        variable = '<Variable Name="Product" EvaluatedDefinition="BBj">BBj</Variable>'
        self._put("Project/VariableSets/General.flvar", f"{_HEAD}<CatapultVariableSet>{variable}</CatapultVariableSet>")

    def _words_of(self, count: int) -> str:
        return escape(" ".join(self._chance.choices(self._words, cum_weights=self._weights, k=count)))

    def _put(self, path: str, text: str) -> None:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _entry(path: str) -> str:
    return f'<TocEntry Title="[%=System.LinkedTitle%]" Link="/Content/{path}"'


def main() -> None:
    """Measure, and print a line a project."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, help="the folder of a real Flare project, if there is one")
    measure(Console(highlight=False, soft_wrap=True), parser.parse_args().project)


if __name__ == "__main__":
    main()
