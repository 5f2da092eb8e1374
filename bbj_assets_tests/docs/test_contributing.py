"""The examples of CONTRIBUTING.md are code that works, in ten lines each."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from string import ascii_letters
from types import ModuleType
from typing import Self

import pytest

from bbj_assets import settings as settings_module
from bbj_assets.chunking import chunk_document
from bbj_assets.documents import Document, Item, Vectors
from bbj_assets.embedding import embedders
from bbj_assets.embedding.embedders.embedder import Embedder, as_vectors, checked
from bbj_assets.enrichment import enrich
from bbj_assets.ingest.listing import list_items
from bbj_assets.settings import Settings, load_settings
from bbj_assets.source import Source
from bbj_assets.source_table import load_sources
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.registry import PARSERS, Registration
from bbj_assets.sources.walk import partition_of, walk
from bbj_assets_tests.docs.pages import page

PAGE = page("CONTRIBUTING.md")
PARSER, REGISTRATION, EMBEDDER = PAGE.fences("python")
NAMES = {
    "Callable": Callable,
    "Document": Document,
    "Item": Item,
    "Iterator": Iterator,
    "Self": Self,
    "Sequence": Sequence,
    "Settings": Settings,
    "Source": Source,
    "SourceFiles": SourceFiles,
    "Vectors": Vectors,
    "as_vectors": as_vectors,
    "ascii_letters": ascii_letters,
    "checked": checked,
    "partition_of": partition_of,
    "walk": walk,
}
"""What the examples import; the page leaves these lines out."""


def module_of(name: str, code: str) -> ModuleType:
    """Return a module with the code of an example."""
    module = ModuleType(name)
    vars(module).update(NAMES)
    exec(compile(code, name, "exec"), vars(module))  # noqa: S102 - the example is what is tested
    return module


@pytest.mark.parametrize("code", [PARSER, EMBEDDER], ids=["parser", "embedder"])
def test_an_example_has_at_most_ten_lines(code: str) -> None:
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


def test_the_parser_reads_the_files_of_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [(name, registration)] = eval(f"{{{REGISTRATION}}}", {"Registration": Registration}).items()  # noqa: S307
    monkeypatch.setitem(PARSERS, name, registration)
    monkeypatch.setitem(sys.modules, registration.module, module_of(registration.module, PARSER))
    (tmp_path / "manual/grids").mkdir(parents=True)
    (tmp_path / "manual/grids/sorting.adoc").write_text("= Sort a grid\n\nA click sorts.\n", encoding="utf-8")
    table = tmp_path / "sources.toml"
    table.write_text(f'[[sources]]\nname = "manual"\nparser = "{name}"\npaths = ["manual"]\n', encoding="utf-8")
    settings = load_settings(config=table, data_dir=tmp_path)

    [source] = load_sources(settings).sources
    [item] = list_items(source)
    [document] = registration.load().parse(source, item, item.file.read_bytes(), SourceFiles(item.root))
    [chunk] = chunk_document(enrich(document, source), settings.chunks)

    assert (item.key, item.partition) == ("manual://grids/sorting.adoc", "grids")
    assert document.title == "Sort a grid"
    assert "A click sorts." in chunk.content


def test_the_embedder_returns_a_vector_for_each_text() -> None:
    embedder: Embedder = module_of("letters", EMBEDDER).LetterEmbedder.of(load_settings())

    vectors = asyncio.run(embedder.embed(["aab", "c"]))

    assert embedder.model == "letter-counts"
    assert vectors.shape == (2, len(ascii_letters))
    assert vectors[0, :3].tolist() == [2, 1, 0]


def test_the_places_to_register_an_embedder_exist() -> None:
    assert "EmbedderName" in PAGE.inline_code
    assert "_class_of" in PAGE.inline_code
    assert hasattr(settings_module, "EmbedderName")
    assert hasattr(embedders, "_class_of")
