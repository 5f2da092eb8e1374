"""Snippets: text that is written once and included in many topics."""

from urllib.parse import quote

import pytest

from bbj_assets.errors import ParseError
from bbj_assets_tests.sources.flare.project import HELP, Project, snippet, topic, warnings

FOLDER = "Content/Resources/Snippets"


def block(src: str) -> str:
    """Return an element that includes a snippet as a block."""
    return f'<MadCap:snippetBlock src="{src}" />'


def text(src: str) -> str:
    """Return an element that includes a snippet as a part of the text around it."""
    return f'<MadCap:snippetText src="{src}" />'


def test_a_block_replaces_the_element_that_includes_it(project: Project) -> None:
    project.write({f"{FOLDER}/s.flsnp": snippet("<p>one</p><table><tr><th>a</th><th>b</th></tr></table>")})

    assert project.content(f"<p>x</p>{block('Resources/Snippets/s.flsnp')}<p>y</p>") == (
        "x\n\none\n\n| a | b |\n| --- | --- |\n\ny"
    )


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("\n  <p>one <b>two</b></p>\n", "x one **two**, y"),
        ("<p>one</p>\n<p>two</p>", "x one two, y"),
        ("<div>one</div>", "x one, y"),
        ("one <i>two</i>", "x one *two*, y"),
        ("", "x , y"),
    ],
)
def test_a_text_snippet_joins_the_sentence_around_it(project: Project, body: str, shown: str) -> None:
    project.write({f"{FOLDER}/s.flsnp": snippet(body)})

    assert project.content(f"<p>x {text('Resources/Snippets/s.flsnp')}, y</p>") == shown


def test_items_and_rows_of_a_snippet_join_the_list_and_the_table_around_it(project: Project) -> None:
    project.write(
        {
            "Content/items.flsnp": snippet("<li>two</li><li>three</li>"),
            "Content/rows.flsnp": snippet("<tr><td>c</td><td>d</td></tr>"),
        }
    )
    body = (
        f"<ul><li>one</li>{block('items.flsnp')}</ul><table><tr><th>a</th><th>b</th></tr>{block('rows.flsnp')}</table>"
    )

    assert project.content(body) == "- one\n- two\n- three\n\n| a | b |\n| --- | --- |\n| c | d |"


def test_a_nested_snippet_is_found_relative_to_the_snippet_that_includes_it(project: Project) -> None:
    project.write(
        {
            f"{FOLDER}/outer.flsnp": snippet(f"<p>outer {text('deep/inner.flsnp')}</p>"),
            f"{FOLDER}/deep/inner.flsnp": snippet(f"<p>inner {text('../last.flsnp')}</p>"),
            f"{FOLDER}/last.flsnp": snippet("<p>last</p>"),
        }
    )
    raw = topic(block("../Resources/Snippets/outer.flsnp"))
    documents, dependencies = project.documents(raw, "Content/dwc/a.htm")

    assert documents[0].content == "outer inner last"
    assert {path for path in dependencies if "://" not in path} == {
        f"{FOLDER}/outer.flsnp",
        f"{FOLDER}/deep/inner.flsnp",
        f"{FOLDER}/last.flsnp",
    }


def test_a_link_in_a_snippet_leads_to_the_same_page_from_every_topic(project: Project) -> None:
    project.write({f"{FOLDER}/s.flsnp": snippet('<p><a href="../../usr/b.htm">t</a></p>')})
    raw, path = topic(block("../../Resources/Snippets/s.flsnp")), "Content/a/b/c.htm"

    assert project.page(raw, path).content == f"[t]({HELP}/usr/b.htm)"
    assert Project(project.root, display_url=None).page(raw, path).content == "[t](../../usr/b.htm)"


def test_a_missing_snippet_is_a_warning_that_names_both_files(project: Project) -> None:
    raw = topic(f"<p>a</p>{block('Resources/gone.flsnp')}<p>b {text('gone too.flsnp')} c</p>")
    documents, dependencies = project.documents(raw, "Content/x.htm")

    assert documents[0].content == "a\n\nb c"
    assert warnings(documents[0]) == [
        f"Content/x.htm: includes the snippet Content/{name}, which is missing. Restore it, or take it out."
        for name in ("Resources/gone.flsnp", "gone too.flsnp")
    ]
    assert dependencies["Content/Resources/gone.flsnp"] == dependencies["Content/gone too.flsnp"] == ""


@pytest.mark.parametrize("source", ["", "../../../etc/passwd", "%00", "folder/"])
def test_a_reference_out_of_the_project_is_a_missing_snippet(project: Project, source: str) -> None:
    page = project.page(topic(f"<p>a</p>{block(source)}"))

    assert page.content == "a"
    assert len(warnings(page)) == 1


def test_a_warning_names_the_snippet_that_includes_a_missing_one(project: Project) -> None:
    project.write({"Content/s.flsnp": snippet(f"<p>a</p>{block('gone.flsnp')}")})

    [warning] = warnings(project.page(topic(block("s.flsnp"))))

    assert warning.startswith("Content/s.flsnp: includes the snippet Content/gone.flsnp, ")


@pytest.mark.parametrize(
    "name", ["a b.flsnp", "it's.flsnp", "100%.flsnp", "C#.flsnp", "größe.flsnp", "a&b;.flsnp", "(x).flsnp"]
)
@pytest.mark.parametrize("quoted", [False, True])
def test_any_file_name_is_found_plain_and_percent_encoded(project: Project, name: str, *, quoted: bool) -> None:
    project.write({f"Content/{name}": snippet("<p>found</p>")})
    source = (quote(name) if quoted else name).replace("&", "&amp;")

    assert project.content(block(source)) == "found"


def test_windows_separators_are_understood(project: Project) -> None:
    project.write({f"{FOLDER}/s.flsnp": snippet("<p>found</p>")})

    assert project.content(block(r"Resources\Snippets\s.flsnp")) == "found"


def test_snippets_that_include_each_other_are_shown_once_with_a_warning(project: Project) -> None:
    project.write(
        {
            "Content/a.flsnp": snippet(f"<p>A</p>{block('b.flsnp')}"),
            "Content/b.flsnp": snippet(f"<p>B</p>{block('a.flsnp')}{block('b.flsnp')}"),
        }
    )
    page = project.page(topic(block("a.flsnp")))

    assert page.content == "A\n\nB"
    assert [warning.split(",")[0] for warning in warnings(page)] == [
        "Content/b.flsnp: includes the snippet Content/a.flsnp",
        "Content/b.flsnp: includes the snippet Content/b.flsnp",
    ]


def test_multiplying_snippets_are_a_parse_error(project: Project) -> None:
    for number in range(12):
        project.write({f"Content/{number}.flsnp": snippet(block(f"{number + 1}.flsnp") * 10)})

    with pytest.raises(ParseError, match="more than"):
        project.page(topic(block("0.flsnp")))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a"),
        (b"", "a"),
        (b"<html><body><p>x & y<p>z</body></html>", "a\n\nx & y\n\nz"),
        (b"<p>fragment</p>", "a\n\nfragment"),
    ],
)
def test_a_bad_snippet_is_a_warning_and_keeps_its_readable_text(project: Project, raw: bytes, shown: str) -> None:
    project.write({"Content/s.flsnp": raw})
    page = project.page(topic(f"<p>a</p>{block('s.flsnp')}"))

    assert page.content == shown
    assert all("s.flsnp" in warning for warning in warnings(page))
    assert bool(warnings(page)) is (b"fragment" not in raw)
