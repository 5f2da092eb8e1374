"""What kind of page a document is taken for."""

import pytest

from bbj_assets.enrichment.document_types import (
    BY_PARSER,
    RULES_FOR_ALL,
    RULES_FOR_REFERENCES,
    TYPES,
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
        ("getText", "", "Text\n\n### Return Value ###\n", "api-reference"),
        ("OPEN", "", REFERENCE, "language-reference"),
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
def test_a_topic_of_the_help_is_known_by_title_folder_and_headings(
    title: str, path: str, content: str, expected: str
) -> None:
    assert document_type("flare", title, path, content) == expected


@pytest.mark.parametrize(("parser", "expected"), BY_PARSER.items())
def test_a_parser_of_one_kind_of_page_decides_over_the_layout(parser: str, expected: str) -> None:
    assert document_type(parser, "Grids", "", REFERENCE) == expected


def test_but_not_over_a_title_that_says_it() -> None:
    assert document_type("mdx", "Upgrade to 26.00", "", "") == "migration"


def test_the_tables_name_known_types() -> None:
    named = {rule.doc_type for rule in (*RULES_FOR_ALL, *RULES_FOR_REFERENCES)} | set(BY_PARSER.values()) | {"concept"}

    assert named == set(TYPES)
