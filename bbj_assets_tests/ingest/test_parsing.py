"""One item, from its bytes to chunks: a pure function that never raises."""

import hashlib
import json
from pathlib import Path

import pytest

from bbj_assets.documents import Document, Item
from bbj_assets.ingest.code_version import code_version_of
from bbj_assets.ingest.parsing import ParseTask, run_task
from bbj_assets.outcomes import Failure, ItemContent
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.registry import PARSERS, Registration


def package(docu: str) -> bytes:
    return json.dumps({"name": "com.a", "classes": [{"name": "Thing", "docu": docu, "methods": []}]}).encode()


def parsed(root: Path, files: dict[str, bytes], parser: str = "javadoc") -> list[ItemContent | Failure]:
    for path, raw in files.items():
        (root / path).write_bytes(raw)
    items = [Item(f"x://{path}", "_root", root, path) for path in files]
    return run_task(ParseTask(Source("x", parser, (root,)), items, ChunkSettings(), "code_version"))


def test_an_item_carries_everything_that_replaces_it(tmp_path: Path) -> None:
    raw = package("Does things.")

    (content,) = parsed(tmp_path, {"com.a.json": raw})

    assert isinstance(content, ItemContent)
    assert (content.key, content.source, content.partition_key, content.code_version) == (
        "x://com.a.json", "x", "_root", "code_version",
    )  # fmt: skip
    assert content.content_sha256 == hashlib.sha256(raw).digest()
    ((document, chunks),) = content.documents
    assert document.doc_type
    assert document.generations
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert "Does things." in chunks[0].content


def test_a_bad_item_is_a_failure_between_its_neighbours(tmp_path: Path) -> None:
    before, bad, after = parsed(tmp_path, {"a.json": package("Good."), "b.json": b"{", "c.json": package("Good, too.")})

    assert isinstance(bad, Failure)
    assert (bad.item, bad.error_type) == ("x://b.json", "ParseError")
    assert "b.json" in bad.error
    assert isinstance(before, ItemContent)
    assert isinstance(after, ItemContent)


VERSION = 1


def parse(_source: Source, item: Item, raw: bytes, _files: SourceFiles) -> list[Document]:
    """This module as a parser: a text with a title and a section, by line."""
    title, section, content = raw.decode(errors="surrogatepass").split("\n")
    return [Document(source_url=item.key, title=title, section_path=(section,), content=content)]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["title", "section", "text"], None),
        (["half a pair: \ud83d", "section", "text"], "the character '\\ud83d' in its text"),
        (["title", "half a pair: \ude00", "text"], "the character '\\ude00' in its text"),
        (["title", "section", "half a pair: \ud83d"], "the character '\\ud83d' in its text"),
    ],
)
def test_a_text_that_cannot_be_stored_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], error: str | None
) -> None:
    monkeypatch.setitem(PARSERS, "lines", Registration(__name__))

    (outcome,) = parsed(tmp_path, {"a.txt": "\n".join(lines).encode(errors="surrogatepass")}, parser="lines")

    if error is None:
        assert isinstance(outcome, ItemContent)
    else:
        assert isinstance(outcome, Failure)
        assert error in outcome.error


def test_a_bug_in_a_parser_is_a_failure_with_its_type(tmp_path: Path) -> None:
    (outcome,) = parsed(tmp_path, {"a.md": b"text"}, parser="none such")

    assert isinstance(outcome, Failure)
    assert (outcome.error_type, outcome.error) == ("KeyError", "'none such'")


SOURCE = Source("x", "mdx", (Path("/a"),))


@pytest.mark.parametrize(
    ("source", "chunks", "same"),
    [
        (SOURCE, ChunkSettings(), True),
        (Source("y", "mdx", (Path("/b"),), description="Another text", exclude=("*",)), ChunkSettings(), True),
        (Source("x", "javadoc", (Path("/a"),)), ChunkSettings(), False),
        (Source("x", "mdx", generation_tag="dwc"), ChunkSettings(), False),
        (Source("x", "mdx", display_url="https://example.com"), ChunkSettings(), False),
        (SOURCE, ChunkSettings(target_tokens=401), False),
        (SOURCE, ChunkSettings(overlap_tokens=51), False),
    ],
)
def test_the_code_version_depends_on_what_determines_the_chunks_and_on_nothing_else(
    source: Source, chunks: ChunkSettings, *, same: bool
) -> None:
    assert (code_version_of(source, chunks) == code_version_of(SOURCE, ChunkSettings())) == same


def test_a_new_version_of_a_parser_is_another_code_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version_of(SOURCE, ChunkSettings())
    monkeypatch.setattr("bbj_assets.sources.mdx.VERSION", 10_000)

    assert code_version_of(SOURCE, ChunkSettings()) != before
