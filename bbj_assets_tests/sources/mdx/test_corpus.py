"""The guarantees of the parser on real documentation."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from bbj_assets.documents import Document
from bbj_assets.source import Source
from bbj_assets.sources import mdx
from bbj_assets.sources.files import SourceFiles

# A comment is not shown, but text in a fence that looks like a comment is.
_FENCE = re.compile(
    r"<!--.*?-->|<Head>.*?</Head>"
    r"|^[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(`{3,}|~{3,})[^\n]*\n(?P<code>.*?)(?:^[ \t>]*\1[`~]*[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_MARKUP = [
    r"\A---\n.*?\n---\n",
    r"^(?:import|export) .*?$",
    r"\{#[^}]*\}",
    r"</?[A-Za-z](?:[^<>{}\"']|\"[^\"]*\"|'[^']*'|\{(?:[^{}]|\{[^{}]*\})*\})*>",
    r"(?<=\])\([^)]*\)",
    r"&[#\w]+;",
]


class ParsedPage(NamedTuple):
    """The source of a page and its documents."""

    source: str
    documents: Sequence[Document]


Pages = Mapping[str, ParsedPage]


@cache
def _parse_all(root: Path) -> Pages:
    source = Source(name=root.name, parser="mdx", roots=(root,))
    parsed = {}
    for item in mdx.discover(source):
        raw = item.file.read_bytes()
        parsed[item.path] = ParsedPage(raw.decode(), mdx.parse(source, item, raw, SourceFiles(root)))
    return parsed


@pytest.fixture(params=["webforj-docs", "gridex-docs"])
def pages(request: pytest.FixtureRequest, corpus: Path) -> Pages:
    """Parse every page of one documentation by its path."""
    return _parse_all(corpus / request.param)


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text.lower()))


def _fences(text: str) -> list[str]:
    return [fence["code"] for fence in _FENCE.finditer(text) if fence["code"] is not None]


def _without_code(text: str) -> str:
    return _CODE.sub("", _FENCE.sub("", text))


def test_every_page_is_one_document_with_a_title_and_content(pages: Pages) -> None:
    assert [path for path, (_, documents) in pages.items() if len(documents) != 1] == []
    assert [path for path, (_, documents) in pages.items() for d in documents if not d.title or not d.content] == []
    assert [
        d.metadata["warnings"] for _, documents in pages.values() for d in documents if "warnings" in d.metadata
    ] == []


@pytest.mark.parametrize(
    "markup",
    [r"</?[A-Z][\w.]*[\s/>]", r"^(?:import|export)\s", r":::", r"\{#", r"<!--", r"\{/\*", r"!\[", r"data:\w+/"],
)
def test_no_markup_is_left_outside_of_code(pages: Pages, markup: str) -> None:
    left = {
        path: found[:3]
        for path, (_, documents) in pages.items()
        for document in documents
        if (found := re.findall(markup, _without_code(document.content), re.MULTILINE))
    }

    assert left == {}


def test_every_visible_word_is_still_there(pages: Pages) -> None:
    lost = {}
    for path, (raw, documents) in pages.items():
        text = re.sub(r"^.*highlight-(?:next-line|start|end)\b.*$", "", raw.replace("\r\n", "\n"), flags=re.MULTILINE)
        wanted = _words(" ".join(_fences(text)))
        text = _FENCE.sub("", text)
        text = re.sub(r"^:::\s*(\w+) (?i:\1)$", r":::\1", text, flags=re.MULTILINE)  # a title that is the type
        wanted += _words(" ".join(code[2] for code in _CODE.finditer(text)))
        text = _CODE.sub("", text)
        for markup in _MARKUP:
            text = re.sub(markup, " ", text, flags=re.DOTALL | re.MULTILINE if markup.startswith("^") else re.DOTALL)
        wanted += _words(text)
        for document in documents:
            missing = wanted - _words(f"{document.title}\n{document.content}")
            if missing:
                lost[path] = dict(missing)

    assert lost == {}


def test_code_is_kept_to_the_letter(pages: Pages) -> None:
    changed = []
    for path, (raw, documents) in pages.items():
        for document in documents:
            blocks = [code for code in _fences(raw.replace("\r\n", "\n")) if "highlight-" not in code]
            kept = {_dedented(code) for code in _fences(document.content)}
            changed += [(path, block) for block in blocks if _dedented(block) not in kept]

    assert changed == []


def _dedented(code: str) -> str:
    return "\n".join(line.strip() for line in code.split("\n")).strip("\n")


def test_attributes_over_several_lines_go(corpus: Path) -> None:
    _, (document,) = _parse_all(corpus / "webforj-docs")["components/fields/masked/datefield.md"]

    assert document.section_path == ("Components", "Fields", "Masked")
    assert "ComponentDemo" not in document.content
    assert "**Tip: Looking for time input?**" in document.content
    assert "## Textual date parsing since 25.11\n" in document.content


def test_a_page_without_front_matter_title_has_its_heading(corpus: Path) -> None:
    _, (document,) = _parse_all(corpus / "webforj-docs")["configuration/bbj-installation/local.md"]

    assert document.title == "Local Installation"
    assert not document.content.startswith("# ")
    assert document.section_path == ("Configuration", "BBj installation")


def test_scripts_in_fences_keep_their_imports_and_exports(corpus: Path) -> None:
    _, (document,) = _parse_all(corpus / "webforj-docs")["testing/frontend-testing.md"]

    assert "\nexport const add = (a: number, b: number): number => a + b;\n" in document.content
    assert "\nimport { expect, test } from 'bun:test';\n" in document.content


def test_partials_are_no_pages(corpus: Path) -> None:
    assert "data-binding/_validation.md" not in _parse_all(corpus / "webforj-docs")
