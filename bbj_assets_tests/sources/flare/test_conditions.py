"""Conditions: the topics, blocks and cells that a build leaves out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.sources.flare.conditions import Selection, build_selection, condition_names, narrowed
from bbj_assets_tests.sources.flare.project import Project, snippet, topic


def tagged(conditions: str) -> str:
    """Return the attribute that puts these conditions on an element."""
    return f'MadCap:conditions="{conditions}"'


@pytest.fixture
def build(project: Project) -> Project:
    """Create a project whose build leaves out internal text."""
    return Project(project.root, exclude_conditions=("Primary.Internal",))


OUT = ["Primary.NotImplemented", "Other.Not Implemented", "Primary.Online,Primary.Internal", " primary.internal ,"]
IN = ["", " ", ",", "Primary.Upcoming Release", "Primary.Deprecated,Primary.Online"]


@pytest.mark.parametrize("conditions", [*OUT, *IN])
@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<p>a</p><p {}>HIT</p> <p>b</p>", ["a", "b"]),
        ("<p>a <span {}>HIT</span> b</p>", ["a ", " b"]),
        ("<p>a <MadCap:conditionalText {}>HIT</MadCap:conditionalText> b</p>", ["a ", " b"]),
        ("<h2>a</h2><h2 {}>HIT</h2><p>b</p>", ["## a", "b"]),
        ("<ul><li>a</li><li {}>HIT</li><li>b</li></ul>", ["- a", "- b"]),
        ("<table><tr><td>a</td><td>b</td></tr><tr {}><td>HIT</td><td>c</td></tr></table>", ["| a | b |"]),
        ("<pre>a\n<span {}>HIT</span>\nb</pre>", ["a\n", "\nb"]),
        ('<p>a</p><img {} src="x.png" alt="HIT" />', ["a"]),
        ("<div {}><p>HIT</p></div><p>a</p>", ["a"]),
        ('<p>a</p><p {}>HIT <MadCap:snippetText src="gone.flsnp" /></p>', ["a"]),
    ],
)
def test_conditions_keep_or_drop_a_block_with_its_content(
    build: Project, body: str, shown: list[str], conditions: str
) -> None:
    content = build.content(body.format(tagged(conditions)))

    assert ("HIT" in content) is (conditions in IN)
    assert all(part in content for part in shown)


@pytest.mark.parametrize("conditions", [*OUT, *IN])
def test_an_excluded_topic_has_no_document_and_no_error(build: Project, conditions: str) -> None:
    documents, _ = build.documents(topic("<p>a</p>", attributes=tagged(conditions)))

    assert len(documents) == (conditions in IN)


def test_metadata_has_the_conditions_of_the_topic_but_not_of_its_blocks(project: Project) -> None:
    raw = topic(
        f"<p {tagged('Primary.Superseded')}>a</p>", attributes=tagged("Primary.Deprecated, Primary.Upcoming Release,")
    )

    assert project.page(raw).metadata == {"conditions": ["Primary.Deprecated", "Primary.Upcoming Release"]}
    assert project.page(topic("<p>a</p>", attributes=tagged(""))).metadata == {}


def test_an_excluded_cell_leaves_an_empty_cell(project: Project) -> None:
    body = (
        "<table><tr><th>a</th><th>b</th><th>c</th></tr>"
        f"<tr><td>d</td><td {tagged('P.NotImplemented')}>HIT</td><td>e</td></tr>"
        "<tr><td>f</td><td>g</td><td>h</td></tr></table>"
    )

    assert project.content(body) == "| a | b | c |\n| --- | --- | --- |\n| d | | e |\n| f | g | h |"


@pytest.mark.parametrize(
    ("columns", "rows", "shown"),
    [
        ("<col /><col {} /><col />", "<tr><td>a</td><td>X</td><td>b</td></tr>", [["a", "b"]]),
        ("<colgroup><col /><col {} /></colgroup>", "<tr><td>a</td><td>X</td></tr><tr><td>b</td></tr>", [["a"], ["b"]]),
        ('<col /><col span="2" {} /><col />', "<tr><td>a</td><td>X</td><td>X</td><td>b</td></tr>", [["a", "b"]]),
        (
            "<col {} /><col /><col />",
            '<tr><td rowspan="2">X</td><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr>',
            [["a", "b"], ["c", "d"]],
        ),
        ("<col /><col {} /><col />", '<tr><td colspan="2">a</td><td>b</td></tr><tr><td>c</td><td>X</td><td>d</td></tr>',
         [["a", "b"], ["c", "d"]]),
        ("<col {} /><col /><col />", '<tr><td colspan="2">a</td><td>b</td></tr><tr><td>X</td><td>c</td><td>d</td></tr>',
         [["a", "b"], ["c", "d"]]),
        ("<col {} /><col />", "<tr><td>X</td><td><table><tr><td>a</td><td>b</td></tr></table></td></tr>", [["a", "b"]]),
    ],
)  # fmt: skip
def test_an_excluded_column_drops_its_cells(project: Project, columns: str, rows: str, shown: list[list[str]]) -> None:
    content = project.content(f"<table>{columns.format(tagged('P.NotImplemented'))}{rows}</table>")
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in content.splitlines() if "---" not in line
    ]

    assert "X" not in content
    if len(shown[0]) == 1:  # a table of one column becomes text
        assert content.split() == " ".join(cell for row in shown for cell in row).split()
    else:
        assert [row for row in found if any(row)] == shown


CLIENTS = (
    f"<p>all</p><p {tagged('C.Gui')}>gui</p><p {tagged('C.Web Client')}>web</p>"
    f"<p {tagged('C.Gui,C.Web Client')}>both</p><p {tagged('C.Old,C.Gui')}>old gui</p>"
    f"<p {tagged('C.NotImplemented,C.Gui')}>NEVER</p>"
)


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("", "all gui web both old gui"),
        ("include[C.Gui]", "all gui both old gui"),
        ('include["C.Web Client"] ', "all web both"),
        ("exclude[C.Gui]", "all web"),
        ("include[C.Gui], exclude[C.Old]", "all gui web both old gui"),
        ('include["C.Web Client"] exclude[C.Gui or C.Old]', "all web both"),
        ("C.Gui and not C.Old", "all gui both"),
        ('("C.Web Client" or C.Old) and C.Gui', "all both old gui"),
    ],
)
def test_a_snippet_is_filtered_by_the_expression_that_includes_it(
    project: Project, expression: str, shown: str
) -> None:
    escaped = expression.replace('"', "&quot;")
    body = f'<MadCap:snippetBlock src="s.flsnp" MadCap:conditionTagExpression="{escaped}" />'
    project.write(
        {"Content/s.flsnp": snippet(CLIENTS), "Content/t.flsnp": snippet('<MadCap:snippetBlock src="s.flsnp" />')}
    )

    assert project.content(body).split() == shown.split()
    assert project.content(body.replace("s.flsnp", "t.flsnp")).split() == shown.split()
    whole = topic('<MadCap:snippetBlock src="s.flsnp" />', attributes=f'MadCap:conditionTagExpression="{escaped}"')
    assert project.page(whole).content.split() == shown.split()


def test_an_invalid_expression_keeps_all_text_and_is_a_warning(project: Project) -> None:
    project.write({"Content/s.flsnp": snippet(f"<p {tagged('C.Gui')}>gui</p>")})
    page = project.page(topic('<MadCap:snippetBlock src="s.flsnp" MadCap:conditionTagExpression="(C.Web" />'))

    assert page.content == "gui"
    assert "'(C.Web' of the snippet Content/s.flsnp" in str(page.metadata["warnings"])


def test_the_expression_of_a_topic_does_not_filter_its_own_text(project: Project) -> None:
    raw = topic(f"<p {tagged('C.Gui')}>a</p>", attributes='MadCap:conditionTagExpression="exclude[C.Gui]"')

    assert project.page(raw).content == "a"


def test_a_snippet_with_excluded_conditions_is_not_shown(build: Project) -> None:
    build.write({"Content/s.flsnp": snippet("<p>HIT</p>", attributes=tagged("Primary.Internal"))})

    assert build.content('<p>a</p><MadCap:snippetBlock src="s.flsnp" />') == "a"


names = st.sampled_from(["A.a", "A.b", "B.two words", "B.or else", "C.and"])


@given(included=st.sets(names), excluded=st.sets(names), tags=st.lists(names, min_size=1, unique=True))
def test_include_wins_over_exclude_and_other_tags_are_in_only_with_an_exclude(
    included: set[str], excluded: set[str], tags: list[str]
) -> None:
    lists = {"include": included, "exclude": excluded}
    quoted = {kind: " or ".join(f'"{name}"' for name in found) for kind, found in lists.items()}
    expression = ", ".join(f"{kind}[{found}]" for kind, found in quoted.items() if found)
    selection = narrowed(build_selection(()), expression)

    assert selection is not None
    if included & set(tags):
        assert selection.keeps(tags)
    elif excluded & set(tags):
        assert not selection.keeps(tags)
    else:
        assert selection.keeps(tags) is (bool(excluded) or not included)


@given(
    st.text(alphabet='()"ab. ,[]' + "'", max_size=40)
    | st.lists(st.sampled_from(["(", ")", "and", "or", "not", "A.a", "B.b", "include[", "]"])).map(" ".join)
)
def test_any_expression_is_parsed_or_rejected(expression: str) -> None:
    selection = narrowed(Selection(), expression)

    assert selection is None or selection.keeps(["A.a"]) in (True, False)


@given(st.lists(st.text(alphabet="ab .", min_size=1, max_size=5)))
def test_condition_names_are_unique_and_stripped(names: list[str]) -> None:
    found = condition_names(",".join(names))

    assert found == list(dict.fromkeys(" ".join(name.split()) for name in names if name.strip()))
