"""The type that a document is assigned."""

from typing import get_args

import pytest

from bbj_assets.enrichment.document_types import (
    BY_PARSER,
    RULES_FOR_ALL,
    RULES_FOR_REFERENCES,
    DocumentType,
    document_type,
)

REFERENCE = "## Description\n\nIt opens.\n\n## Syntax\n\n    open (ch)\n"


@pytest.mark.parametrize(
    ("title", "path", "content", "expected"),
    [
        ("BBjWindow::addButton", "bbjobjects/window/addbutton.htm", "", "api-reference"),
        ("ON_CLOSE", "BBjEvents/bbjcloseevent.htm", "", "api-reference"),
        ("OPEN Verb", "commands/open_verb.htm", REFERENCE + "## Parameters\n", "language-reference"),
        ("'CS' Mnemonic", "mnemonic/terminal/cs.htm", "", "language-reference"),
        ("setText", "elsewhere/a.htm", "## Syntax\n\n## Parameters\n", "api-reference"),
        ("getText", None, "Text\n\n### Return Value ###\n", "api-reference"),
        ("OPEN", None, REFERENCE, "language-reference"),
        ("What's New in BBj 24", "commands/new.htm", REFERENCE, "version-note"),
        ("Release Notes", "", "", "version-note"),
        ("Files", "whatsnew/files.htm", "", "version-note"),
        ("Migrating from Visual PRO/5", "bbjobjects/a.htm", "", "migration"),
        ("Upgrading BBj", "", "", "migration"),
        ("Best Practices for SQL", "", "", "best-practice"),
        ("A Step-by-Step Window", "usr/window.htm", "", "tutorial"),
        ("Sample Programs", "usr/samples.htm", "", "example"),
        ("Data Server", "dataserv/overview.htm", "## How it works\n", "concept"),
        ("Syntax", "usr/a.htm", "The word syntax in prose.\n\n    ## Syntax in code\n", "concept"),
    ],
)
def test_the_type_of_a_help_topic_follows_from_title_folder_and_headings(
    title: str, path: str | None, content: str, expected: str
) -> None:
    assert document_type(parser="flare", title=title, path=path, content=content) == expected


@pytest.mark.parametrize(("parser", "expected"), BY_PARSER.items())
def test_the_default_type_of_a_parser_outranks_the_headings(parser: str, expected: str) -> None:
    assert document_type(parser=parser, title="Grids", path=None, content=REFERENCE) == expected


def test_a_title_outranks_the_default_type_of_a_parser() -> None:
    assert document_type(parser="mdx", title="Upgrade to 26.00", path=None, content="") == "migration"


def test_the_tables_and_the_declared_types_agree() -> None:
    named = {rule.doc_type for rule in (*RULES_FOR_ALL, *RULES_FOR_REFERENCES)} | set(BY_PARSER.values()) | {"concept"}

    assert named == set(get_args(DocumentType))
