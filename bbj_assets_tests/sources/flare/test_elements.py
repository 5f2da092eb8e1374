"""Elements of Flare: the text that a reader sees of each."""

import pytest

from bbj_assets.documents import Document
from bbj_assets_tests.sources.flare.project import HELP, Project, chunk_text, topic


def madcap(name: str, content: str = "", *, attributes: str = "") -> str:
    """Return an element of Flare."""
    return f"<MadCap:{name} {attributes}>{content}</MadCap:{name}>"


SQUARE = '<math xmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi><mn>2</mn></msup></math>'
CODE = madcap("codeSnippetBody", "a {\n  b: c;\n}", attributes='xml:space="preserve" style="mc-code-lang: CSS;"')
HOTSPOT = madcap("dropDownHotspot", "Head")


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ('<p>a <MadCap:keyword term="KEY;KEY2" />b</p>', "a b"),
        ('<p>a <MadCap:concept term="CONCEPT" />b</p>', "a b"),
        (f"<p>a</p><MadCap:breadcrumbsProxy />{madcap('miniTocProxy', 'MENU')}<p>b</p>", "a\n\nb"),
        (
            madcap("microContent", madcap("microContentPhrase", "Q") + madcap("microContentResponse", "R"))
            + "<p>a</p>",
            "a",
        ),
        ("<p>a " + madcap("toggler", "b", attributes="targets='x'") + " c</p>", "a b c"),
        ("<p>a " + madcap("glossaryTerm", "b", attributes="glossTerm='G.T'") + " c</p>", "a b c"),
        ("<p>a " + madcap("annotation", "b", attributes="MadCap:comment='ASK'") + " c</p>", "a b c"),
        (f"<p>a {madcap('conditionalText', 'b')} c</p>", "a b c"),
        (f"<p>a {madcap('popup', madcap('popupHead', 'b') + madcap('popupBody', 'BODY'))} c</p>", "a b c"),
        (
            madcap("dropDown", madcap("dropDownHead", HOTSPOT + " x") + madcap("dropDownBody", "<p>Body</p>")),
            "**Head** x\n\nBody",
        ),
        (
            madcap("dropDown", madcap("dropDownHead", f"<h2>{HOTSPOT}</h2>") + madcap("dropDownBody", "Body")),
            "## Head\n\nBody",
        ),
        (f"<p>{madcap('expanding', madcap('expandingHead', 'How?') + madcap('expandingBody', 'So.'))}</p>", "How? So."),
        (f"<p>a{madcap('footnote', '<p>b</p>')}.</p>", "a (b)."),
        (f"<p>a{madcap('footnote', 'b <i>c</i>')}.</p>", "a (b *c*)."),
        (f"<p>{madcap('equation', SQUARE)}</p>", "x^2"),
        (
            madcap("codeSnippet", madcap("codeSnippetCaption", "Rule") + madcap("codeSnippetCopyButton") + CODE),
            "Rule\n\n```css\na {\n  b: c;\n}\n```",
        ),
        (f"<p>a {madcap('somethingNew', 'b')} c</p>", "a b c"),
        ('<div style="display: none;" MadCap:targetName="x"><p>opened by a toggler</p></div>', "opened by a toggler"),
        ('<p style="display: none;">NEVER</p><p>a</p>', "a"),
        ('<p>a</p><img src="x.png" alt="picture" /><img src="y.png" />', "a\n\npicture"),
        ("<script>RUN()</script><style>p { }</style><p>a</p>", "a"),
    ],
)
def test_an_element_becomes_its_visible_text(project: Project, body: str, content: str) -> None:
    assert project.content(body) == content


def test_index_terms_are_metadata_and_not_content(project: Project) -> None:
    page = project.page(topic('<h1><MadCap:keyword term="a;b:c ; a" />T</h1><MadCap:concept term="d" />'))

    assert page.metadata["keywords"] == ["a", "b:c", "d"]
    assert page.content == "# T"


@pytest.mark.parametrize(
    ("body", "language"),
    [
        ('<pre xml:space="preserve">a\n  b</pre>', "bbj"),
        ('<pre class="text">a\n  b</pre>', "text"),
        ('<pre class="language-java">a\n  b</pre>', "java"),
        ('<p class="Code">a</p>\n<p class="Code">&#160;&#160;b</p>', "bbj"),
        ('<p class="Code">a<br />&#160;&#160;b</p>', "bbj"),
        ('<p class="Code sql">a</p><p class="Code">&#160;&#160;b</p>', "sql"),
        ('<div class="Code"><p>a</p><p>&#160;&#160;b</p></div>', "bbj"),
    ],
)
def test_code_is_fenced_as_bbj_unless_it_names_another_language(project: Project, body: str, language: str) -> None:
    assert project.content(f"<p>x</p>{body}<p>y</p>") == f"x\n\n```{language}\na\n  b\n```\n\ny"


def test_the_style_of_a_code_paragraph_indents_the_line(project: Project) -> None:
    body = '<p class="Code">a</p><p class="Code_Indented2">b</p><p class="CodeIndent">c</p><p class="ExampleCode">d</p>'

    assert project.content(body) == "```bbj\na\n        b\n    c\nd\n```"


def test_text_between_code_paragraphs_separates_two_blocks(project: Project) -> None:
    body = '<p class="Code">a</p><p>or</p><p class="Code">b</p><p class="Code">c</p>'

    assert project.content(body) == "```bbj\na\n```\n\nor\n\n```bbj\nb\nc\n```"


def test_a_code_span_is_inline_code(project: Project) -> None:
    assert project.content('<p>call <span class="Code">a_b*</span></p>') == "call `a_b*`"


def test_a_continued_list_continues_the_numbers(project: Project) -> None:
    body = "<ol><li>a</li><li>b</li></ol><p>x</p><ol MadCap:continue='true'><li>c</li></ol><ol><li>d</li></ol>"

    assert project.content(body) == "1. a\n2. b\n\nx\n\n3. c\n\n1. d"


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ('<a href="../usr/a b.htm#part">t</a>', f"[t]({HELP}/usr/a%20b.htm#part)"),
        ('<a href="..\\usr\\a.htm">t</a>', f"[t]({HELP}/usr/a.htm)"),
        ('<MadCap:xref href="b.htm">t</MadCap:xref>', f"[t]({HELP}/dwc/b.htm)"),
        ('<a href="https://x.example/?a=b">t</a>', "[t](https://x.example/?a=b)"),
        ('<a href="#part">t</a>', "t"),
        ('<a href="a.htm#part">t</a>', "t"),
        ('<a href="../../secret.htm">t</a>', "t"),
        ('<a href="../../../../secret.htm">t</a>', "t"),
        ('<a name="anchor"></a>t', "t"),
        ('<a href="javascript:void(0)">t</a>', "t"),
        ('<a href="%00.htm">t</a>', "t"),
    ],
)
def test_a_link_leads_to_the_published_help(project: Project, link: str, shown: str) -> None:
    assert project.page(topic(f"<p>{link}</p>"), "Content/dwc/a.htm").content == shown


def test_without_a_display_url_links_stay_relative_to_the_topic(project: Project) -> None:
    unpublished = Project(project.root, display_url=None)
    page = unpublished.page(topic('<p><a href="../usr/b.htm">t</a></p>'), "Content/dwc/a.htm")

    assert page.content == "[t](../usr/b.htm)"


def test_a_cross_reference_without_text_shows_the_title_of_its_topic(project: Project) -> None:
    project.write({"Content/b.htm": topic("<h1>x</h1>", title="The other one")})

    assert project.content('<p>See <MadCap:xref href="b.htm" />.</p>') == f"See [The other one]({HELP}/b.htm)."


def test_related_topics_are_a_list_of_links(project: Project) -> None:
    project.write({"Content/b.htm": topic("", title="Two")})
    body = '<MadCap:relatedTopics><MadCap:relatedTopic src="b.htm" /></MadCap:relatedTopics>'

    assert project.content(body) == f"- [Two]({HELP}/b.htm)"


def test_a_table_keeps_every_cell(project: Project) -> None:
    body = (
        "<table><thead><tr><th>a</th><th>b</th><th>c</th></tr></thead>"
        '<tr><td colspan="2">d</td><td rowspan="2">e</td></tr><tr><td><p>f</p><p>g|h</p></td><td>i</td></tr></table>'
    )

    assert project.content(body) == (
        "| a | b | c |\n| --- | --- | --- |\n| d | | e |\n| f<br>g\\|h | i | |"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "title", "content"),
    [
        (topic("<h1>T</h1><p>a</p>", title="T"), "T", "a"),
        (topic("<h1>Other</h1><p>a</p>", title="T"), "T", "# Other\n\na"),
        (topic("<h1><MadCap:keyword term='k' />H <i>one</i></h1><p>a</p>", title=""), "H one", "a"),
        (topic("<p>a</p><h3>Late</h3>", title=" "), "Late", "a\n\n### Late"),
        (topic("<h1>C#_x *y*</h1><p>a</p>", title="C#_x *y*"), "C#_x *y*", "a"),
        (topic("<p>a</p>", title=""), "my topic", "a"),
        (topic("", title="Only a title"), "Only a title", ""),
    ],
)
def test_the_title_is_not_repeated_in_the_content(project: Project, raw: str, title: str, content: str) -> None:
    page = project.page(raw, "Content/my_topic.htm")

    assert (page.title, page.content) == (title, content)


BUILT = """<html data-mc-runtime-file-type="Topic" data-mc-toc-path="Book|Part_1">
<head><title>Built</title></head><body>
<nav>MENU</nav><div class="body-container"><div role="main" id="mc-main-content">
<div class="MCBreadcrumbsBox_0">CRUMBS</div><h1>Built</h1><p>Text</p></div></div><p>FOOTER</p></body></html>"""


def test_a_built_page_is_reduced_to_its_topic(project: Project) -> None:
    page = project.page(BUILT)

    assert page.content == "Text"
    assert page.section_path == ("Book", "Part 1")


def test_no_element_of_flare_is_left_in_the_chunks(project: Project) -> None:
    page: Document = project.page(topic(f"<p>a{madcap('x', 'b')}</p><h2>{HOTSPOT}</h2>{madcap('codeSnippet', CODE)}"))

    assert "madcap" not in chunk_text(page).lower()
