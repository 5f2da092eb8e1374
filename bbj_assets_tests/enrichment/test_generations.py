"""Which generations a page is tagged with."""

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


def tags(path: str = "", conditions: tuple[str, ...] = (), content: str = "") -> tuple[str, ...]:
    return generations(evidence(path, conditions, content))


@pytest.mark.parametrize(("folder", "generation"), PATHS.items())
def test_each_folder_of_the_help_speaks_for_the_topics_below_it(folder: str, generation: str) -> None:
    assert tags(f"{folder}deeper/topic.htm") == (generation,)


@pytest.mark.parametrize(("condition", "generation"), CONDITIONS.items())
def test_each_condition_speaks(condition: str, generation: str) -> None:
    assert tags(conditions=("Primary.Something", condition.title())) == (generation,)


@pytest.mark.parametrize(("code", "generation"), CODE.items())
def test_each_row_of_code_speaks_where_nothing_else_does(code: str, generation: str) -> None:
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
def test_the_longest_folder_wins_and_case_says_nothing(path: str, expected: str) -> None:
    assert tags(path) == (expected,)


@pytest.mark.parametrize("path", ["", "index.htm", "commandsx/topic.htm", "other/commands/topic.htm", "mnemonic/a.htm"])
def test_what_nothing_speaks_for_is_untagged(path: str) -> None:
    assert tags(path, ("Primary.Other",), "A page about invoices.") == (UNTAGGED,)


def test_a_window_opened_in_passing_does_not_outvote_the_folder() -> None:
    window = "wnd! = BBjAPI().openSysGui(X0$).addWindow(1,1,1,1)"

    assert tags("dwc/styling.htm", content=f"{window}\nwnd!.addStyle(x$)") == ("dwc",)
    assert tags("commands/open_verb.htm", content=window) == ("all",)


def test_a_gui_page_with_code_that_only_the_dwc_knows_is_for_both() -> None:
    assert tags("bbjobjects/window.htm", content="window!.setCss() and window!.addStyle()") == ("bbj_gui", "dwc")


def test_a_word_counts_once_however_often_it_is_there() -> None:
    once = evidence("", (), "process_events")

    assert evidence("", (), "process_events\n" * 100) == once


def test_evidence_names_the_rows_that_spoke() -> None:
    found = evidence("dwc/a.htm", ("Primary.guibuild_chm",), "getWebManager()")

    assert [(item.generation, item.row) for item in found] == [
        ("dwc", "dwc/"),
        ("vpro5", "Primary.guibuild_chm"),
        ("dwc", "getwebmanager"),
    ]


def test_every_table_names_known_generations_in_lower_case_rows() -> None:
    for table in (PATHS, CONDITIONS, CODE):
        assert set(table.values()) <= set(GENERATIONS)
        assert all(row == row.lower() for row in table)
