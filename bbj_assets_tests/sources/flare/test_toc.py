"""Breadcrumbs: the place of a topic in the tables of contents."""

import pytest

from bbj_assets.sources.flare.toc import is_draft
from bbj_assets_tests.sources.flare.project import Project, entry, toc, topic, variables, warnings

A = "/Content/a.htm"
MAIN = "Project/TOCs/Main.fltoc"


def breadcrumb(project: Project, path: str = "Content/a.htm", *, title: str = "A") -> tuple[str, ...]:
    """Return the breadcrumb of a topic with this path and title."""
    return project.page(topic("<p>x</p>", title=title), path).section_path


@pytest.mark.parametrize("place", [MAIN, "TOCs/Main.fltoc", "Project/TOCs/deep/er/Main.fltoc"])
def test_the_breadcrumb_is_the_books_around_the_entry(project: Project, place: str) -> None:
    project.write({place: toc(entry(title="Book &amp; More", inner=entry(title="Part", inner=entry(A))))})

    assert breadcrumb(project) == ("Book & More", "Part")


def test_a_book_without_a_title_has_the_title_of_its_topic(project: Project) -> None:
    project.write(
        {
            "Project/VariableSets/G.flvar": variables(P="BBj"),
            "Content/b c.htm": topic("<h1>x</h1>", title="All of [%=G.P%]"),
            "Content/untitled.htm": topic('<h1><MadCap:keyword term="k" />First <b>heading</b></h1>', title=""),
            MAIN: toc(
                entry(
                    "/Content/b%20c.htm",
                    inner=entry("/Content/untitled.htm", inner=entry("/Content/gone.htm", inner=entry(A))),
                )
            ),
        }
    )

    assert breadcrumb(project) == ("All of BBj", "First heading")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            entry(title="One", inner=entry(A)) + entry(title="Two", inner=entry(title="Deep", inner=entry(A))),
            ("Two", "Deep"),
        ),
        (entry(title="One", inner=entry(A)) + entry(title="Two", inner=entry(A)), ("One",)),
        (entry(title="One", inner=entry(A) + entry(title="Deep", inner=entry(A + "#part"))), ("One",)),
        (entry(title="One", inner=entry(A, inner=entry(A + "#part", title="Part"))), ("One",)),
        (entry(title="One", inner=entry(A + "#part", title="Part")), ("One",)),
        (entry(title="One", inner=entry("/Content/A.HTM")), ("One",)),
        (entry(title="One", inner=entry("\\Content\\a.htm")), ("One",)),
        (entry(title="One", inner=entry("Content/a.htm")), ("One",)),
        (entry(title="One", inner=entry("../../Content/a.htm")), ("One",)),
        (entry("/Content/book.pdf", title="Paper", inner=entry(A)), ("Paper",)),
        (entry("/Content/book.pdf", inner=entry(A)), ()),
        (entry(title="One", inner=entry(A, title="A", inner=entry(A))), ("One",)),
        (entry(A), ()),
        (entry(title="", inner=entry(title="  ", inner=entry(A))), ()),
    ],
)
def test_the_longest_path_to_the_topic_itself_counts(project: Project, entries: str, expected: tuple[str, ...]) -> None:
    project.write({MAIN: toc(entries)})

    assert breadcrumb(project) == expected


def test_drafts_do_not_count(project: Project) -> None:
    deep = toc(entry(title="Draft", inner=entry(title="Deep", inner=entry(A))))
    project.write({"Project/TOCs/Copy of Main.fltoc": deep, "Project/TOCs/Test_2.fltoc": deep})
    assert breadcrumb(project) == ()

    project.write({MAIN: toc(entry(title="Main", inner=entry(A)))})
    assert breadcrumb(project) == ("Main",)


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
def test_a_draft_is_recognised_by_its_name(name: str, *, draft: bool) -> None:
    assert is_draft(f"Project/TOCs/{name}.fltoc") is draft


def test_a_topic_in_no_table_has_its_folders_as_breadcrumb(project: Project) -> None:
    project.write({MAIN: toc(entry("/Content/other.htm"))})

    assert breadcrumb(project, "Content/sys_admin/Deep Down/a.htm") == ("sys admin", "Deep Down")
    assert breadcrumb(project, "Content/a.htm") == ()


def test_the_breadcrumb_does_not_repeat_the_title(project: Project) -> None:
    project.write({MAIN: toc(entry(title="One", inner=entry(title="A", inner=entry(A))))})

    assert breadcrumb(project, title="A") == ("One",)
    assert breadcrumb(project, title="B") == ("One", "A")


def test_a_linked_table_is_read_where_it_is_linked(project: Project) -> None:
    project.write(
        {
            MAIN: toc(
                entry(
                    title="Main",
                    inner=entry("/Project/TOCs/Part.fltoc", title="The part") + entry("/Project/TOCs/Part2.fltoc"),
                )
            ),
            "Project/TOCs/Part.fltoc": toc(entry(title="Book", inner=entry(A)) + entry("/Project/TOCs/Main.fltoc")),
            "Project/TOCs/Part2.fltoc": toc(entry("/Content/b.htm")),
        }
    )

    assert breadcrumb(project) == ("Main", "The part", "Book")
    assert breadcrumb(project, "Content/b.htm") == ("Main",)


def test_an_excluded_entry_does_not_count(project: Project) -> None:
    hidden = entry(title="Long", inner=entry(title="Way", inner=entry(A)), attributes='conditions="Primary.Internal"')
    project.write({MAIN: toc(hidden + entry(title="Short", inner=entry(A)))})

    assert breadcrumb(project) == ("Long", "Way")
    assert breadcrumb(Project(project.root, exclude_conditions=("Primary.Internal",))) == ("Short",)


def test_the_readable_part_of_a_broken_table_counts(project: Project) -> None:
    project.write({MAIN: toc(entry(title="One", inner=entry(A)))[:-20] + "<TocEntry Title='x"})
    page = project.page(topic("<p>x</p>"), "Content/elsewhere/b.htm")

    assert breadcrumb(project) == ("One",)
    assert page.section_path == ("elsewhere",)
    assert "Project/TOCs/Main.fltoc: line 2" in warnings(page)[0]
