"""Variables: replaced everywhere, and never left as they are written."""

import pytest

from bbj_assets_tests.sources.flare.project import Project, chunk_text, entry, snippet, toc, topic, variables, warnings


@pytest.fixture
def project(project: Project) -> Project:
    """Create a project with two variable sets."""
    project.write(
        {
            "Project/VariableSets/General.flvar": variables(
                Product="BBj",
                Long="[%=General.Product%] by [%=Other.Maker Name%]",
                Loop="a [%=General.Loop%]",
                Empty="",
            ),
            "Project/VariableSets/sub/Other.flvar": "<CatapultVariableSet>"
            '<Variable Name="Maker Name">BASIS &amp; Co</Variable>'
            '<Variable Name="Day" Type="DateTime" EvaluatedDefinition="1 May">d MMMM</Variable></CatapultVariableSet>',
        }
    )
    return project


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ('<p>a <MadCap:variable name="General.Product" /> b</p>', "a BBj b"),
        ('<p>a <MadCap:variable name="General.Long">old</MadCap:variable>!</p>', "a BBj by BASIS & Co!"),
        ('<p>a <b><MadCap:variable name="general.product" /></b></p>', "a **BBj**"),
        ('<p><MadCap:variable name="Other.Day" /></p>', "1 May"),
        ('<p>a<MadCap:variable name="General.Empty" />b</p>', "ab"),
        ('<p><MadCap:variable name="General.Loop" /></p>', "a Loop"),
        ("<p>[%=General.Product%]<br />[%= Other.Maker Name %]x</p>", "BBj  \nBASIS & Cox"),
        ('<img src="x.png" alt="[%=General.Product%] runs" />', "BBj runs"),
        ('<p><a href="https://x.example/[%=General.Product%]">t</a></p>', "[t](https://x.example/BBj)"),
        ("<pre>print [%=General.Product%]</pre>", "```bbj\nprint BBj\n```"),
        ('<p>on page [%=System.PageNumber%]<MadCap:variable name="Heading.Level1" />.</p>', "on page ."),
        ('<p><MadCap:variable name="System.Title" /></p>', "The topic"),
    ],
)
def test_a_variable_is_replaced_by_its_value(project: Project, body: str, content: str) -> None:
    page = project.page(topic(body, title="The topic"))

    assert page.content == content
    assert warnings(page) == []


def test_variables_are_replaced_in_titles_headings_and_snippets(project: Project) -> None:
    project.write({"Content/s.flsnp": snippet('<p>[%=General.Product%]: <MadCap:variable name="System.Title" /></p>')})
    body = '<h1>About <MadCap:variable name="General.Product" /></h1><MadCap:snippetBlock src="s.flsnp" />'

    for title in ("About [%=General.Product%]", ""):
        page = project.page(topic(body, title=title))
        assert (page.title, page.content) == ("About BBj", "BBj: About BBj")


@pytest.mark.parametrize(
    "body",
    [
        '<p>The <MadCap:variable name="General.Gone" /> is here</p>',
        "<p>The [%=General.Gone%] is here</p>",
        "<p>The [%=Gone%] is here</p>",
        "<p>The [%=No <i/>.Gone%] is here</p>".replace("<i/>", "&lt;i>"),
    ],
)
def test_an_undefined_variable_becomes_its_name_and_a_warning(project: Project, body: str) -> None:
    page = project.page(topic(body), "Content/x.htm")

    assert page.content == "The Gone is here"
    [warning] = warnings(page)
    assert warning.startswith("Content/x.htm: no variable set defines ")
    assert "Gone" in warning


def test_a_warning_for_an_undefined_variable_names_the_unreadable_variable_sets(project: Project) -> None:
    project.write({"Project/VariableSets/Broken.flvar": "<CatapultVariableSet><Variable Name="})

    [warning] = warnings(project.page(topic('<p><MadCap:variable name="Broken.X" /></p>')))

    assert "Project/VariableSets/Broken.flvar: line 1" in warning


def test_no_syntax_of_variables_is_left(project: Project) -> None:
    project.write(
        {
            "Project/TOCs/Main.fltoc": toc(
                entry(title="[%=General.Product%] [%=X.Y%]", inner=entry("/Content/topic.htm"))
            )
        }
    )
    page = project.page(topic("<h2>[%=A.B%]</h2><p>[%=General.Loop%]</p>", title="[%=C.D%] [%=General.Long%]"))

    assert page.section_path == ("BBj Y",)
    assert page.title == "D BBj by BASIS & Co"
    assert "%" not in chunk_text(page)
