"""Dependencies: a change re-parses the topics that it concerns, and no others."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bbj_assets.ingest.changes import find_changes
from bbj_assets.ingest.parsing import ParseTask, run_task
from bbj_assets.outcomes import ItemContent
from bbj_assets.source import ChunkSettings
from bbj_assets.sources import flare
from bbj_assets.sources.files import MISSING, SourceFiles
from bbj_assets.sources.flare import definitions
from bbj_assets.store.documents import StoredItem
from bbj_assets_tests.sources.flare.project import Project, entry, snippet, toc, topic, variables

MAIN = "Project/TOCs/Main.fltoc"
GENERAL = "Project/VariableSets/General.flvar"
BOOKS = entry(title="One", inner=entry("/Content/a.htm")) + entry(
    "/Content/book.htm", inner=entry("/Content/b.htm") + entry("/Content/c.htm")
)
B, C = entry("/Content/b.htm"), entry("/Content/c.htm")
DEEPER = toc(entry(title="X", inner=entry(title="Y", inner=entry("/Content/a.htm"))))
FILES = {
    "Content/a.htm": topic('<MadCap:snippetBlock src="s.flsnp" />', title="A"),
    "Content/b.htm": topic('<p><MadCap:variable name="General.One" /></p>', title="B"),
    "Content/c.htm": topic('<p><MadCap:xref href="d.htm" /></p><MadCap:snippetText src="gone.flsnp" />', title="C"),
    "Content/d.htm": topic("<p>[%=General.Two%]</p>", title="D"),
    "Content/book.htm": topic("<p>x</p>", title="The book"),
    "Content/alone.htm": topic("<p>x</p>", title="Alone"),
    "Content/s.flsnp": snippet('<MadCap:snippetText src="inner.flsnp" />'),
    "Content/inner.flsnp": snippet("<p>inner</p>"),
    MAIN: toc(BOOKS),
    GENERAL: variables(One="1", Two="[%=General.Three%]", Three="3", Unused="x"),
}


def ingest(project: Project, before: dict[str, StoredItem]) -> tuple[dict[str, StoredItem], set[str]]:
    """Parse the topics that a run would parse. Return all stored items after it, and the names of the parsed topics."""
    changes = find_changes(flare.discover(project.source), before, "code_version")
    outcomes = run_task(ParseTask(project.source, changes.parse, ChunkSettings(), "code_version"))
    stored = {key: known for key, known in before.items() if key not in changes.deleted}
    for outcome in outcomes:
        assert isinstance(outcome, ItemContent)
        stored[outcome.key] = StoredItem(
            outcome.partition_key,
            outcome.content_sha256,
            outcome.code_version,
            outcome.dependencies,
            len(outcome.documents),
        )
    return stored, {Path(item.path).stem for item in changes.parse}


@pytest.fixture
def ingested(project: Project) -> tuple[Project, dict[str, StoredItem]]:
    """Create the project above. Return it with the stored items after all of it was parsed."""
    project.write(FILES)
    stored, parsed = ingest(project, {})
    assert parsed == {"a", "b", "c", "d", "book", "alone"}
    return project, stored


def replace(path: str, *, old: str, new: str) -> Callable[[Project], object]:
    """Return a change of the text of one file."""
    return lambda project: project.write({path: FILES[path].replace(old, new)})


def move(path: str, *, to: str) -> Callable[[Project], object]:
    """Return a change that renames one file."""
    return lambda project: (project.root / path).rename(project.root / to)


@pytest.mark.parametrize(
    ("change", "parsed"),
    [
        (lambda _project: None, set()),
        (replace("Content/inner.flsnp", old="inner", new="other"), {"a"}),
        (replace("Content/s.flsnp", old="inner.flsnp", new="else.flsnp"), {"a"}),
        (move("Content/inner.flsnp", to="Content/elsewhere.flsnp"), {"a"}),
        (lambda project: project.write({"Content/gone.flsnp": snippet("back")}), {"c"}),
        (replace(GENERAL, old=">1<", new=">one<"), {"b"}),
        (replace(GENERAL, old=">3<", new=">three<"), {"d"}),
        (replace(GENERAL, old=">x<", new=">y<"), set()),
        (replace(GENERAL, old='Name="One"', new='Name="Uno"'), {"b"}),
        (move(GENERAL, to="Project/VariableSets/Other.flvar"), {"b", "d"}),
        (replace(MAIN, old='Title="One"', new='Title="Uno"'), {"a"}),
        (replace(MAIN, old=B, new=""), {"b"}),
        (replace(MAIN, old=B + C, new=C + B), set()),
        (replace(MAIN, old=BOOKS, new=entry(title="New", inner=BOOKS)), {"a", "b", "c", "book"}),
        (replace(MAIN, old=BOOKS, new=BOOKS + entry(title="New", inner=entry("/Content/alone.htm"))), {"alone"}),
        (replace(MAIN, old=BOOKS, new=BOOKS + entry(title="Less deep")), set()),
        (lambda project: project.write({"Project/TOCs/Second.fltoc": DEEPER}), {"a"}),
        (lambda project: project.write({"Project/TOCs/Copy of Main.fltoc": toc(entry(title="X", inner=BOOKS))}), set()),
        (move(MAIN, to="Project/TOCs/Renamed.fltoc"), set()),
        (move(MAIN, to="Project/TOCs/Main.txt"), {"a", "b", "c", "book"}),
        (replace("Content/book.htm", old="<p>x</p>", new="<p>y</p>"), {"book"}),
        (replace("Content/book.htm", old="The book", new="A book"), {"book", "b", "c"}),
        (replace("Content/d.htm", old=">D<", new=">Dee<"), {"d", "c"}),
        (replace("Content/d.htm", old="<p>", new="<p>more "), {"d"}),
    ],
)
def test_a_change_re_parses_the_topics_that_depend_on_it(
    ingested: tuple[Project, dict[str, StoredItem]], change: Callable[[Project], object], parsed: set[str]
) -> None:
    project, stored = ingested
    change(project)

    after, found = ingest(project, stored)

    assert found == parsed
    assert ingest(project, after)[1] == set()


def test_a_change_with_the_same_size_and_time_is_noticed(project: Project) -> None:
    project.write(FILES)
    for value in ("1", "2", "3", "4"):
        project.write(
            {GENERAL: variables(One=value), MAIN: toc(entry(title=f"Book {value}", inner=entry("/Content/b.htm")))}
        )
        for name in (GENERAL, MAIN):
            os.utime(project.root / name, ns=(10**18, 10**18))
        page = project.stored("Content/b.htm")

        assert (page.content, page.section_path) == (value, (f"Book {value}",))


def test_older_definitions_are_compared_by_their_stamps(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "_SETTLED_NS", 0)
    for year, value in enumerate(("1", "2", "3"), 30):
        project.write(
            {GENERAL: variables(One=value), MAIN: toc(entry(title=f"Book {value}", inner=entry("/Content/b.htm")))}
        )
        for name in (GENERAL, MAIN):
            os.utime(project.root / name, (year, year))
        for _ in range(2):
            page = project.page(FILES["Content/b.htm"], "Content/b.htm")
            assert (page.content, page.section_path) == (value, (f"Book {value}",))


def test_definitions_are_read_once_for_all_topics(project: Project) -> None:
    project.write(FILES)
    first = definitions.definitions_of(SourceFiles(project.root))

    assert all(definitions.definitions_of(SourceFiles(project.root)) is first for _ in range(3))
    project.write({GENERAL: variables(One="other")})
    assert definitions.definitions_of(SourceFiles(project.root)) is not first


def test_recorded_hashes_equal_derived_hashes(project: Project) -> None:
    project.write(FILES)
    recorded = {
        key: digest
        for name in "abcd"
        for key, digest in project.documents(FILES[f"Content/{name}.htm"], f"Content/{name}.htm")[1].items()
        if "://" in key
    }
    files = SourceFiles(project.root)

    assert {key: flare.derive(files, key) for key in recorded} == recorded
    assert {key.split("/")[2] for key in recorded} == {"toc", "title", "variable"}
    assert files.dependencies == {}


@pytest.mark.parametrize(
    "key",
    [
        "flare://toc/Content/none.htm",
        "flare://title/Content/none.htm",
        "flare://variable/X.Y",
        "flare://new/x",
        "flare://",
    ],
)
def test_a_dependency_on_nothing_is_missing(project: Project, key: str) -> None:
    project.write(FILES)

    assert flare.derive(SourceFiles(project.root), key) == MISSING


def test_one_parse_sees_one_state_of_the_project(project: Project) -> None:
    project.write(FILES)
    files = SourceFiles(project.root)
    before = flare.derive(files, "flare://variable/General.One")
    project.write({GENERAL: variables(One="changed meanwhile")})

    assert flare.derive(files, "flare://variable/General.One") == before
    assert flare.derive(SourceFiles(project.root), "flare://variable/General.One") != before
