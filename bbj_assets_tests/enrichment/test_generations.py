"""The generations that a page is tagged with."""

import pytest

from bbj_assets.enrichment.generations import (
    CODE,
    CONDITIONS,
    GENERATIONS,
    PATHS,
    UNTAGGED,
    evidence,
    generations,
)


def tags(path: str | None = None, conditions: tuple[str, ...] = (), content: str = "") -> tuple[str, ...]:
    return generations(evidence(path=path, conditions=conditions, content=content))


@pytest.mark.parametrize(("folder", "generation"), PATHS.items())
def test_each_folder_of_the_help_tags_the_topics_below_it(folder: str, generation: str) -> None:
    assert tags(f"{folder}deeper/topic.htm") == (generation,)


@pytest.mark.parametrize(("condition", "generation"), CONDITIONS.items())
def test_each_condition_tags_its_topics(condition: str, generation: str) -> None:
    assert tags(conditions=("Primary.Something", condition.title())) == (generation,)


@pytest.mark.parametrize(("code", "generation"), CODE.items())
def test_each_row_of_code_tags_a_page_without_other_evidence(code: str, generation: str) -> None:
    assert generation in tags(content=f"Write it so:\n\n    {code.upper()}...\n")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("commands/str_function.htm", "all"),
        ("commands/bbj-commands/release_verb.htm", "bbj_gui"),
        ("mnemonic/terminal/cs_mnemonic.htm", "character"),
        ("mnemonic/sysgui/window.htm", "bbj_gui"),
        ("BBjObjects/Window/bbjwindow.htm", "bbj_gui"),
    ],
)
def test_the_innermost_folder_wins_and_case_is_ignored(path: str, expected: str) -> None:
    assert tags(path) == (expected,)


@pytest.mark.parametrize(
    "path", [None, "", "index.htm", "commandsx/topic.htm", "other/commands/topic.htm", "mnemonic/a.htm"]
)
def test_a_page_without_evidence_is_untagged(path: str | None) -> None:
    assert tags(path, ("Primary.Other",), "A page about invoices.") == (UNTAGGED,)


def test_code_that_opens_a_window_does_not_outweigh_the_folder() -> None:
    window = "wnd! = BBjAPI().openSysGui(X0$).addWindow(1,1,1,1)"

    assert tags("dwc/styling.htm", content=f"{window}\nwnd!.addStyle(x$)") == ("dwc",)
    assert tags("commands/open_verb.htm", content=window) == ("all",)


def test_a_gui_page_with_dwc_code_has_both_tags() -> None:
    assert tags("bbjobjects/window.htm", content="window!.setCss() and window!.addStyle()") == ("bbj_gui", "dwc")


def test_a_row_counts_once_per_page() -> None:
    once = evidence(path=None, conditions=(), content="process_events")

    assert evidence(path=None, conditions=(), content="process_events\n" * 100) == once


def test_evidence_names_the_rows_that_matched() -> None:
    found = evidence(path="dwc/a.htm", conditions=("Primary.guibuild_chm",), content="getWebManager()")

    assert [(item.generation, item.row) for item in found] == [
        ("dwc", "dwc/"),
        ("vpro5", "Primary.guibuild_chm"),
        ("dwc", "getwebmanager"),
    ]


def test_every_table_has_known_generations_and_lower_case_rows() -> None:
    for table in (PATHS, CONDITIONS, CODE):
        assert set(table.values()) <= set(GENERATIONS)
        assert all(row == row.lower() for row in table)
