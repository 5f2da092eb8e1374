"""HTML to Markdown: ours, markdownify and html-to-markdown on the same pages.

    pip install -e . markdownify html-to-markdown markdown-it-py
    python -m benchmarks.decisions.html_converters FOLDER...

Fidelity is judged by an independent reader of Markdown (markdown-it-py): what it renders is compared with the page.
"""

import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from html_to_markdown import ConversionOptions, PreprocessingOptions, convert
from lxml import etree, html
from lxml.etree import _Element as Element
from markdown_it import MarkdownIt
from markdownify import markdownify

from bbj_assets.convert.html import to_markdown

_DEEP = 5_000
_READER = MarkdownIt("commonmark").enable("table")
_UNSEEN = "|".join(f"ancestor-or-self::{tag}" for tag in ("script", "style", "head", "template", "noscript"))
_WORD = re.compile(r"\w+")
_IDENTIFIER = re.compile(r"(?<![^\s(,;])[A-Za-z][\w!$]*[_!$*][\w!$]*(?![^\s),;.:])")

Converter = Callable[[str], str]


def _ours(page: str) -> str:
    return to_markdown(page)


def _markdownify(page: str) -> str:
    return str(markdownify(page, heading_style="ATX", escape_underscores=False, strip=["script", "style", "title"]))


def _html_to_markdown(page: str) -> str:
    all_of_it = PreprocessingOptions(enabled=False, remove_navigation=False, remove_forms=False)
    options = ConversionOptions(heading_style="atx", extract_metadata=False, preprocessing=all_of_it)
    return convert(page, options).content or ""


CONVERTERS: dict[str, Converter] = {
    "ours": _ours,
    "markdownify": _markdownify,
    "html-to-markdown": _html_to_markdown,
}


def main(folders: list[str]) -> None:
    """Print a line of figures for each converter."""
    warnings.simplefilter("ignore")  # Beautiful Soup's, on XML that is read as HTML
    pages = [file.read_text("utf-8", "replace") for folder in folders for file in _pages(Path(folder))]
    pages = [re.sub(r"^\ufeff?\s*<\?xml[^>]*>", "", page) for page in pages]
    trees = [html.document_fromstring(page) for page in pages if page.strip()]
    pages = [html.tostring(tree, encoding="unicode") for tree in trees]  # one reading of the markup for all
    tables = [table for tree in trees for table in tree.iter("table") if _is_plain(table)]
    codes = [code for tree in trees for code in tree.iter("pre") if code.text_content().strip()]
    print(f"{len(pages)} pages, {sum(map(len, pages)) / 1e6:.1f} MB, {len(tables)} tables, {len(codes)} code blocks")
    for name, converter in CONVERTERS.items():
        started = time.perf_counter()
        texts = [_attempt(converter, page) for page in pages]
        seconds = time.perf_counter() - started
        print(f"{name:18} {seconds:6.2f} s  {_words(trees, texts)}  {_identifiers(trees, texts)}")
        print(f"{'':18} {_cells(tables, converter)}  {_code(codes, converter)}  deep: {_deep(converter)}")


def _pages(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*.htm*")) if file.is_file())


def _attempt(converter: Converter, page: str) -> str:
    try:
        return converter(page)
    except Exception as error:  # noqa: BLE001 - that a page is refused is what is measured
        print(f"    {type(error).__name__}: {str(error)[:80]}")
        return ""


def _seen(tree: Element) -> str:
    hidden = "contains(translate(@style, ' ', ''), 'display:none') or @hidden"
    texts = tree.xpath(f"//text()[not({_UNSEEN})][not(ancestor::*[{hidden}])]")
    return " ".join(map(str, texts))


def _rendered(text: str) -> Element:
    return html.document_fromstring(_READER.render(text) or "<p></p>")


def _words(trees: list[Element], texts: list[str]) -> str:
    lost = extra = total = 0
    for tree, text in zip(trees, texts, strict=True):
        page, result = Counter(_WORD.findall(_seen(tree))), Counter(_WORD.findall(_seen(_rendered(text))))
        total += page.total()
        lost += (page - result).total()
        extra += (result - page).total()
    return f"words lost {lost}, extra {extra} of {total}"


def _identifiers(trees: list[Element], texts: list[str]) -> str:
    """Names such as `BBJ_HOME` and `name!`, which must stand in the Markdown as they are to be found."""
    total = lost = 0
    for tree, text in zip(trees, texts, strict=True):
        names = Counter(_IDENTIFIER.findall(_seen(tree)))
        total += names.total()
        lost += sum(max(0, count - text.count(name)) for name, count in names.items())
    return f"names not verbatim {lost} of {total}"


def _is_plain(table: Element) -> bool:
    nested = table.xpath("ancestor::table | .//table | ancestor::pre")
    return not nested and len(table.xpath(".//tr[1]/*[self::td or self::th]")) > 1


def _squeezed(text: str) -> str:
    return "".join(_WORD.findall(text))


def _grid(rows: list[Element]) -> dict[tuple[int, int], str]:
    """The text of each cell that has one, by row and column, spans accounted for."""
    grid: dict[tuple[int, int], str] = {}
    covered: set[tuple[int, int]] = set()
    for y, row in enumerate(rows):
        x = 0
        for cell in row.xpath("./td | ./th"):
            while (y, x) in covered:
                x += 1
            wide, high = (int(cell.get(name) or 1) if (cell.get(name) or "1").isdigit() else 1 for name in _SPANS)
            covered |= {(y + down, x + right) for down in range(high) for right in range(wide)}
            if text := _squeezed(_seen_within(cell)):
                grid[y, x] = text
            x += wide
    ys, xs = (sorted({at[axis] for at in grid}) for axis in (0, 1))  # empty rows and columns do not count
    return {(ys.index(y), xs.index(x)): text for (y, x), text in grid.items()}


_SPANS = ("colspan", "rowspan")


def _seen_within(cell: Element) -> str:
    return " ".join(map(str, cell.xpath(f".//text()[not({_UNSEEN})]")))


def _cells(tables: list[Element], converter: Converter) -> str:
    """Cells that a reader of the Markdown finds in the same row and column."""
    right = total = 0
    for table in tables:
        page = html.tostring(table, encoding="unicode", with_tail=False)
        cells = _grid(table.xpath(".//tr"))
        if not any(column for _, column in cells):  # one filled column is layout, which ours unfolds on purpose
            continue
        found = _grid(_rendered(_attempt(converter, page)).xpath(".//tr"))
        total += len(cells)
        right += sum(found.get(at) == text for at, text in cells.items())
    return f"cells in place {right} of {total}"


def _code(codes: list[Element], converter: Converter) -> str:
    """Code blocks that come back line for line."""
    right = 0
    for code in codes:
        page = html.tostring(code, encoding="unicode", with_tail=False)
        blocks = _rendered(_attempt(converter, page)).xpath(".//pre")
        shown = "\n".join(block.text_content() for block in blocks)
        for br in code.iter("br"):
            br.tail = "\n" + (br.tail or "")
        right += _lines(shown) == _lines(code.text_content())
    return f"code blocks exact {right} of {len(codes)}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\xa0", " ").strip("\n").split("\n") if line.strip()]


def _deep(converter: Converter) -> str:
    page = "<div>" * _DEEP + "deepest" + "</div>" * _DEEP
    try:
        return "text kept" if "deepest" in converter(page) else "text lost"
    except (RecursionError, etree.LxmlError, ValueError, RuntimeError) as error:
        return type(error).__name__


if __name__ == "__main__":
    main(sys.argv[1:])
