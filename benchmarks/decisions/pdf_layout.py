"""The layout of PDFs: ours and pdfplumber, on generated pages of which every word's place is known.

    pip install -e . pdfplumber
    python -m benchmarks.decisions.pdf_layout [FILE...]

Each FILE is a PDF of two columns; its true order is read from the left and the right half of each page.
"""

import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import pdfplumber

from bbj_assets.convert.pdf import documents
from bbj_assets_tests.convert.pdf.pdf_writer import HEIGHT, WIDTH, PdfWriter, Text, column

_WORDS = ("a", "keyed", "file", "finds", "its", "record", "by", "the", "key", "and", "locks", "it", "while", "open")
_COLUMNS_AT = (72, 210, 390, 540)
"""Points: where the three columns of a table begin, and where its last rule is."""
_LEADING = 13.2
_LINES = 45
"""Lines in a column of text."""
_TABLE_TOP = 705
_PROSE_LINES = 3
"""Lines above and below a table."""
_LONG_RUN = 8
"""Words, where a file uses few different ones: a shorter run may stand in it twice."""

Grid = list[list[str]]


def main(files: Sequence[str]) -> None:
    """Print what each of them gets right, and the seconds that they take."""
    chance = random.Random(1)
    _print_seconds(chance)
    for name, ruled, wrapped in (("plain", False, False), ("ruled", True, False), ("ruled, wrapped", True, True)):
        _print_tables(name, [_table(chance, wrapped=wrapped) for _ in range(50)], ruled=ruled)
    for by_row in (False, True):
        pages = [_two_columns(chance, by_row=by_row) for _ in range(20)]
        _print_order(f"two columns, drawn {'row by row' if by_row else 'column by column'}", pages, run=2)
    for file in files:
        _print_order(Path(file).name, [_halves(Path(file).read_bytes())], run=_LONG_RUN)


def _print_seconds(chance: random.Random) -> None:
    writer = PdfWriter()
    for _ in range(200):
        writer.page(column("\n".join(_line(chance) for _ in range(_LINES))))
    raw = writer.build()
    for name, read in (("ours", _ours), ("pdfplumber, text", _plumbed), ("pdfplumber, tables too", _plumbed_whole)):
        started = time.perf_counter()
        read(raw)
        print(f"200 pages of prose, {name}: {time.perf_counter() - started:.1f} s")


def _print_tables(name: str, tables: list[Grid], *, ruled: bool) -> None:
    raws = [_drawn(table, ruled=ruled) for table in tables]
    total = sum(bool(cell) for table in tables for row in table for cell in row)
    for reader, read in (
        ("ours", _our_tables),
        ("pdfplumber", lambda raw: _plumbed_tables(raw, "lines")),
        ("pdfplumber, by text", lambda raw: _plumbed_tables(raw, "text")),
        ("pdfplumber, by text, below the prose", lambda raw: _plumbed_tables(raw, "text", only_the_table=True)),
    ):
        found = sum(_in_place(table, read(raw)) for table, raw in zip(tables, raws, strict=True))
        print(f"{name} tables, {reader}: {found} of {total} cells in their row and column")


def _print_order(name: str, pages: list[tuple[bytes, list[str]]], *, run: int) -> None:
    total = sum(len(_runs(words, run)) for _, words in pages)
    for reader, read in (("ours", _ours), ("pdfplumber", _plumbed)):
        kept = 0
        for raw, words in pages:
            found = set(_runs(re.findall(r"\w+", read(raw)), run))
            kept += sum(each in found for each in _runs(words, run))
        print(f"{name}, {reader}: {kept} of {total} runs of {run} words are kept")


def _ours(raw: bytes) -> str:
    return "\n".join(document.content for document in documents(raw, name="x.pdf", url="pdf://x.pdf"))


def _plumbed(raw: bytes) -> str:
    with pdfplumber.open(BytesIO(raw)) as pdf:
        return "\n".join(page.extract_text() for page in pdf.pages)


def _plumbed_whole(raw: bytes) -> str:
    with pdfplumber.open(BytesIO(raw)) as pdf:
        return "\n".join(f"{page.extract_text()}{page.extract_tables()}" for page in pdf.pages)


def _our_tables(raw: bytes) -> list[Grid]:
    rows = [line for line in _ours(raw).split("\n") if line.startswith("|") and not line.startswith("| ---")]
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in rows]]


def _plumbed_tables(raw: bytes, strategy: str, *, only_the_table: bool = False) -> list[Grid]:
    how = {"vertical_strategy": strategy, "horizontal_strategy": strategy}
    with pdfplumber.open(BytesIO(raw)) as pdf:
        [page] = pdf.pages
        if only_the_table:
            below = [word["top"] for word in page.extract_words() if word["text"] == "A"][_PROSE_LINES]
            page = page.crop((0, HEIGHT - _TABLE_TOP, WIDTH, below - 1))
        return [[[cell or "" for cell in row] for row in table] for table in page.extract_tables(how)]


def _in_place(table: Grid, found: list[Grid]) -> int:
    """Return how many cells are in their row and column of the best of the tables that were found.

    Empty rows and columns do not count, and neither do line breaks in a cell.
    """
    truth = _filled(table)
    return max((len(truth.items() & _filled(candidate).items()) for candidate in found), default=0)


def _filled(table: Grid) -> dict[tuple[int, int], str]:
    cells = {(y, x): "".join(cell.split()) for y, row in enumerate(table) for x, cell in enumerate(row)}
    cells = {at: text for at, text in cells.items() if text}
    ys, xs = (sorted({at[axis] for at in cells}) for axis in (0, 1))
    return {(ys.index(y), xs.index(x)): text for (y, x), text in cells.items()}


def _runs(words: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + length]) for at in range(len(words) - length + 1)]


def _table(chance: random.Random, *, wrapped: bool) -> Grid:
    """Return a heading and six rows of three cells; a tenth of the last column is empty."""
    rows = [["Option", "Meaning", "Default"]]
    for number in range(6):
        meaning = " ".join(chance.choices(_WORDS, k=12 if wrapped and number % 2 else 4))
        default = "" if chance.random() < 0.1 else f"value {chance.randrange(99)}"
        rows.append([f"-option{number}", meaning, default])
    return rows


def _drawn(table: Grid, *, ruled: bool) -> bytes:
    writer = PdfWriter()
    texts = column(_prose(), top=780)
    y, rules = _TABLE_TOP - 15.0, [float(_TABLE_TOP)]
    for row in table:
        lines = [list(_wrapped(cell, 28)) for cell in row]
        for x, cell in zip(_COLUMNS_AT, lines, strict=False):
            texts += [Text(x, y - _LEADING * at, line) for at, line in enumerate(cell)]
        y -= _LEADING * max(map(len, lines)) + 7
        rules.append(y + 11)
    texts += column(_prose(), top=y - 25)
    writer.page(texts)
    if ruled:
        drawn = [f"66 {at} m {_COLUMNS_AT[-1]} {at} l S" for at in rules]
        drawn += [f"{x - 6} {rules[0]} m {x - 6} {rules[-1]} l S" for x in (*_COLUMNS_AT[:-1], _COLUMNS_AT[-1] + 6)]
        writer.pages[0] += "\n".join(drawn).encode()
    return writer.build()


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def _two_columns(chance: random.Random, *, by_row: bool) -> tuple[bytes, list[str]]:
    """Return a page and its words, each of them unique, in the order of the columns."""
    columns = [[_numbered(chance, f"{side}{at}") for at in range(_LINES)] for side in "lr"]
    texts = [
        [Text(x, 760 - _LEADING * at, line) for at, line in enumerate(lines)]
        for x, lines in zip((60, 310), columns, strict=True)
    ]
    writer = PdfWriter()
    writer.page(*zip(*texts, strict=True)) if by_row else writer.page(*texts)
    return writer.build(), [word for lines in columns for line in lines for word in line.split()]


def _halves(raw: bytes) -> tuple[bytes, list[str]]:
    with pdfplumber.open(BytesIO(raw)) as pdf:
        halves = [
            page.crop((page.width * at / 2, 0, page.width * (at + 1) / 2, page.height)).extract_text()
            for page in pdf.pages
            for at in (0, 1)
        ]
    return raw, re.findall(r"\w+", "\n".join(halves))


def _line(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=14))


def _numbered(chance: random.Random, place: str) -> str:
    return " ".join(f"{chance.choice(_WORDS)}{place}x{at}" for at in range(4))


def _prose() -> str:
    return "A keyed file finds a record by its key, in a time that hardly grows with the file.\n" * _PROSE_LINES


if __name__ == "__main__":
    main(sys.argv[1:])
