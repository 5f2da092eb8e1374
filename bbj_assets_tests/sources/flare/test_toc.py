"""Breadcrumbs: where a topic stands in the tables of contents."""

import pytest

from bbj_assets.sources.flare.toc import is_draft
from bbj_assets_tests.sources.flare.project import Project, entry, toc, topic, variables, warnings

A = "/Content/a.htm"
MAIN = "Project/TOCs/Main.fltoc"


def crumbs(project: Project, path: str = "Content/a.htm", title: str = "A") -> tuple[str, ...]:
    return project.page(topic("<p>x</p>", title), path).section_path


@pytest.mark.parametrize("place", [MAIN, "TOCs/Main.fltoc", "Project/TOCs/deep/er/Main.fltoc"])
def test_a_topic_stands_in_the_books_around_its_entry(project: Project, place: str) -> None:
    project.write({place: toc(entry("", "Book &amp; More", entry("", "Part", entry(A))))})

    assert crumbs(project) == ("Book & More", "Part")


def test_a_linked_title_is_that_of_its_topic(project: Project) -> None:
    project.write(
        {
            "Project/VariableSets/G.flvar": variables(P="BBj"),
            "Content/b c.htm": topic("<h1>x</h1>", "All of [%=G.P%]"),
            "Content/untitled.htm": topic('<h1><MadCap:keyword term="k" />First <b>heading</b></h1>', ""),
            MAIN: toc(
                entry(
                    "/Content/b%20c.htm",
                    inner=entry("/Content/untitled.htm", inner=entry("/Content/gone.htm", inner=entry(A))),
                )
            ),
        }
    )

    assert crumbs(project) == ("All of BBj", "First heading")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (entry("", "One", entry(A)) + entry("", "Two", entry("", "Deep", entry(A))), ("Two", "Deep")),
        (entry("", "One", entry(A)) + entry("", "Two", entry(A)), ("One",)),
        (entry("", "One", entry(A) + entry("", "Deep", entry(A + "#part"))), ("One",)),
        (entry("", "One", entry(A, inner=entry(A + "#part", "Part"))), ("One",)),
        (entry("", "One", entry(A + "#part", "Part")), ("One",)),
        (entry("", "One", entry("/Content/A.HTM")), ("One",)),
        (entry("", "One", entry("\\Content\\a.htm")), ("One",)),
        (entry("", "One", entry("Content/a.htm")), ("One",)),
        (entry("", "One", entry("../../Content/a.htm")), ("One",)),
        (entry("/Content/book.pdf", "Paper", entry(A)), ("Paper",)),
        (entry("/Content/book.pdf", inner=entry(A)), ()),
        (entry("", "One", entry(A, "A", entry(A))), ("One",)),
        (entry(A), ()),
        (entry("", "", entry("", "  ", entry(A))), ()),
    ],
)
def test_the_longest_way_to_the_topic_itself_counts(project: Project, entries: str, expected: tuple[str, ...]) -> None:
    project.write({MAIN: toc(entries)})

    assert crumbs(project) == expected


def test_drafts_do_not_count(project: Project) -> None:
    deep = toc(entry("", "Draft", entry("", "Deep", entry(A))))
    project.write({"Project/TOCs/Copy of Main.fltoc": deep, "Project/TOCs/Test_2.fltoc": deep})
    assert crumbs(project) == ()

    project.write({MAIN: toc(entry("", "Main", entry(A)))})
    assert crumbs(project) == ("Main",)


@pytest.mark.parametrize(
    ("name", "draft"),
    [
        ("Copy of Main", True),
        ("Copy A of Main", True),
        ("copy(2) of x", True),
        ("Test_ Main", True),
        ("test", True),
        ("Test_3", True),
        ("Draft 2", True),
        ("Main", False),
        ("Testing Tools", False),
        ("Copying files", False),
        ("Drafting", False),
        ("Latest", False),
    ],
)
def test_a_draft_is_known_by_its_name(name: str, *, draft: bool) -> None:
    assert is_draft(f"Project/TOCs/{name}.fltoc") is draft


def test_a_topic_in_no_table_stands_in_its_folders(project: Project) -> None:
    project.write({MAIN: toc(entry("/Content/other.htm"))})

    assert crumbs(project, "Content/sys_admin/Deep Down/a.htm") == ("sys admin", "Deep Down")
    assert crumbs(project, "Content/a.htm") == ()


def test_a_title_is_not_said_again_as_the_last_book(project: Project) -> None:
    project.write({MAIN: toc(entry("", "One", entry("", "A", entry(A))))})

    assert crumbs(project, title="A") == ("One",)
    assert crumbs(project, title="B") == ("One", "A")


def test_tables_that_link_to_tables_are_one(project: Project) -> None:
    project.write(
        {
            MAIN: toc(
                entry("", "Main", entry("/Project/TOCs/Part.fltoc", "The part") + entry("/Project/TOCs/Part2.fltoc"))
            ),
            "Project/TOCs/Part.fltoc": toc(entry("", "Book", entry(A)) + entry("/Project/TOCs/Main.fltoc")),
            "Project/TOCs/Part2.fltoc": toc(entry("/Content/b.htm")),
        }
    )

    assert crumbs(project) == ("Main", "The part", "Book")
    assert crumbs(project, "Content/b.htm") == ("Main",)


def test_an_entry_that_is_left_out_leads_nowhere(project: Project) -> None:
    hidden = entry("", "Long", entry("", "Way", entry(A)), attributes='conditions="Primary.Internal"')
    project.write({MAIN: toc(hidden + entry("", "Short", entry(A)))})

    assert crumbs(project) == ("Long", "Way")
    assert crumbs(Project(project.root, exclude_conditions=("Primary.Internal",))) == ("Short",)


def test_a_broken_table_gives_what_can_be_read_of_it(project: Project) -> None:
    project.write({MAIN: toc(entry("", "One", entry(A)))[:-20] + "<TocEntry Title='x"})
    page = project.page(topic("<p>x</p>"), "Content/elsewhere/b.htm")

    assert crumbs(project) == ("One",)
    assert page.section_path == ("elsewhere",)
    assert "Project/TOCs/Main.fltoc: line 2" in warnings(page)[0]
