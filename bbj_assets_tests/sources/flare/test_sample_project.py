"""The guarantees of the parser on the sample project."""

import re
from pathlib import Path

import pytest

from bbj_assets.documents import Document
from bbj_assets.sources import flare
from bbj_assets_tests.conftest import SAMPLE_DATA
from bbj_assets_tests.sources.flare.project import HELP, Project, chunk_text, warnings

VIEW = "bbjobjects/Window/bbjhtmlview/bbjhtmlview"
PROJECT = Project(SAMPLE_DATA / "flare")


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    """Parse every topic of the sample project. Return the documents by the paths of their topics."""
    return {item.path: PROJECT.stored(item.path) for item in flare.discover(PROJECT.source)}


def test_every_topic_is_a_document(documents: dict[str, Document]) -> None:
    topics = {path.relative_to(PROJECT.root).as_posix() for path in (PROJECT.root / "Content").rglob("*.htm")}

    assert set(documents) == topics
    assert all(document.title and document.content for document in documents.values())


def test_no_markup_of_flare_is_left_in_any_chunk(documents: dict[str, Document]) -> None:
    for document in documents.values():
        assert re.findall(r"MadCap|madcap|\[%|%\]|flsnp|You are here|Skip To", chunk_text(document)) == []


def test_only_the_malformed_topic_has_a_warning(documents: dict[str, Document]) -> None:
    assert [path for path, document in documents.items() if warnings(document)] == ["Content/commands/number_masks.htm"]


def test_the_text_of_every_snippet_is_in_every_topic_that_includes_it(documents: dict[str, Document]) -> None:
    shown = {
        "gui_only": "A character terminal has no windows",
        "errors": "| 12 | There is no such file, or it exists although it should not. |",
        "retry": "Count the attempts and tell the user who is waiting",
        "labels": "explained in the section on *special labels* (\\*NEXT, \\*BREAK, \\*CONTINUE, \\*RETRY).",
        "clients": "A column of width 0 is hidden in every client.",
    }
    snippets = {path.stem: path for path in (PROJECT.root / "Content").rglob("*.flsnp")}
    assert shown.keys() == snippets.keys()

    for name, text in shown.items():
        including = _including(name, snippets)
        assert including
        assert all(text in documents[path].content for path in including)


def _including(name: str, snippets: dict[str, Path]) -> set[str]:
    """Return the topics that include a snippet, directly or through another snippet."""
    found = set()
    for path in (PROJECT.root / "Content").rglob("*.*"):
        if path.suffix in (".htm", ".flsnp") and f"{name}.flsnp" in path.read_text(encoding="utf-8"):
            below = path.relative_to(PROJECT.root).as_posix()
            found |= {below} if path.suffix == ".htm" else _including(path.stem, snippets)
    return found


@pytest.mark.parametrize(
    ("path", "section_path"),
    [
        ("index.htm", ()),
        ("commands/open_verb.htm", ("Language", "Verbs")),
        ("commands/string_functions.htm", ("Language", "Functions")),
        (
            "bbjobjects/Window/bbjhtmlview/bbjhtmlview_executescript.htm",
            ("Objects", "Controls", "BBjHtmlView", "Methods"),
        ),
        ("bbjobjects/Window/grids.htm", ("Objects", "Controls")),
        ("dwc/grids_in_the_browser.htm", ("Objects", "DWC")),
        ("util/checking_files.htm", ("Administration", "Utilities")),
        ("usr/faxing_a_report.htm", ("usr",)),
    ],
)
def test_the_breadcrumb_follows_the_table_of_contents(
    documents: dict[str, Document], path: str, section_path: tuple[str, ...]
) -> None:
    assert documents[f"Content/{path}"].section_path == section_path


IN_THE_BROWSER = [
    "# Grids in the browser",
    "A grid of BBj that fills its window",
    f"[Grids]({HELP}/bbjobjects/Window/grids.htm)",
    "share the width of the window",
    "w-ng/n",
    "2. Add a rule",
    "```css\n.grows {\n    flex",
    "3. Inject the style sheet",
    "Why before? A window",
    "if wide then\n    grid!.addClass",
    "| Rows | Advice |",
    "| more | bind a record set |",
]
NOT_IN_THE_BROWSER = ["thin client", "longest cell", "Width of rows", "how often it may grow", "Planned limit", "soft"]


@pytest.mark.parametrize(
    ("path", "shown", "hidden"),
    [
        (f"{VIEW}.htm", ["getZoom()", "About pages of strangers"], ["executePython", "serial line"]),
        ("commands/open_verb.htm", ["on a channel."], ["How do I open a file?"]),
        ("commands/sqlopen_verb.htm", ["a record set is often handier"], ["knows its rows"]),
        ("commands/bbj-commands/process_events_verb.htm", ["frozen for ten seconds, so"], ["server team"]),
        ("commands/number_masks.htm", ["STR(number:mask) & in PRINT", "sums & for single"], []),
        ("dwc/styling_with_css.htm", ["## A theme from a file"], []),
        ("dwc/grids_in_the_browser.htm", IN_THE_BROWSER, NOT_IN_THE_BROWSER),
        ("sysadmin/config_bbx.htm", ["```text\nALIAS X0 SYSGUI", "config.bbx is a text file", "| HANDLES |"], []),
        ("usr/migrating_from_vpro5.htm", ["| In Visual PRO/5 | In BBj |"], []),
        ("util/checking_files.htm", ["checksum is that of the file"], ["Account", "A number over all bytes"]),
    ],
)
def test_a_topic_has_the_text_that_its_reader_sees(
    documents: dict[str, Document], path: str, shown: list[str], hidden: list[str]
) -> None:
    content = documents[f"Content/{path}"].content

    assert [text for text in shown if text not in content] == []
    assert [text for text in hidden if text in content] == []


def test_conditions_of_topics_are_metadata() -> None:
    conditions = {
        item.path.rpartition("/")[2]: PROJECT.stored(item.path).metadata.get("conditions")
        for item in flare.discover(PROJECT.source)
    }

    assert {path: found for path, found in conditions.items() if found} == {
        "button_mnemonic.htm": ["Primary.Superseded"],
        "faxing_a_report.htm": ["Primary.Deprecated"],
    }


def test_a_build_can_leave_conditions_out() -> None:
    build = Project(PROJECT.root, exclude_conditions=("Primary.Deprecated", "Primary.Upcoming Release"))
    config = (PROJECT.root / "Content/sysadmin/config_bbx.htm").read_bytes()
    faxing = (PROJECT.root / "Content/usr/faxing_a_report.htm").read_bytes()

    assert "HANDLES" not in build.page(config, "Content/sysadmin/config_bbx.htm").content
    assert build.documents(faxing, "Content/usr/faxing_a_report.htm")[0] == []
    assert "A theme from a file" not in build.stored("Content/dwc/styling_with_css.htm").content
