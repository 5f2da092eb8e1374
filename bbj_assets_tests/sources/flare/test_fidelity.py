"""Pages of numbered words: the visible words are indexed in their order, and the hidden ones are not."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets_tests.sources.flare.project import Project, chunk_text, entry, snippet, toc, topic, variables

BODY = """
<MadCap:breadcrumbsProxy /><h1><MadCap:keyword term="hidden1;hidden2" />seen1</h1>
<MadCap:microContent><MadCap:microContentPhrase>hidden3</MadCap:microContentPhrase></MadCap:microContent>
<p>seen2 <b>seen3</b><MadCap:concept term="hidden4" /> <MadCap:variable name="Set.One" /> <!-- hidden5 -->seen5</p>
<MadCap:dropDown><MadCap:dropDownHead><MadCap:dropDownHotspot>seen6</MadCap:dropDownHotspot></MadCap:dropDownHead>
<MadCap:dropDownBody><p>seen7 <MadCap:annotation MadCap:comment="hidden6">seen8</MadCap:annotation></p>
<ul><li>seen9<ol><li>seen10</li><li MadCap:conditions="P.NotImplemented">hidden7</li></ol></li></ul>
</MadCap:dropDownBody></MadCap:dropDown>
<MadCap:snippetBlock src="block.flsnp" />
<p>seen14 <MadCap:snippetText src="text.flsnp" /> <MadCap:xref href="other.htm">seen16</MadCap:xref>
<MadCap:popup><MadCap:popupHead>seen17</MadCap:popupHead><MadCap:popupBody>hidden8</MadCap:popupBody></MadCap:popup></p>
<table><caption>seen18</caption><col /><col MadCap:conditions="P.NotImplemented" /><col />
<tr><th>seen19</th><th>hidden9</th><th>seen20</th></tr><tr><td colspan="2">seen21</td><td><p>seen22</p><p>seen23</p></td></tr>
<tr MadCap:conditions="P.Out,P.In"><td>hidden10</td><td>hidden11</td></tr></table>
<p><MadCap:toggler targets="t">seen24</MadCap:toggler></p><div MadCap:targetName="t" style="display:none">seen25</div>
<pre>seen26(<i>seen27</i>)
seen28</pre><p class="Code">seen29</p><p class="Code">seen30<br />seen31</p>
<dl><dt>seen32</dt><dd>seen33</dd></dl><blockquote>seen34</blockquote><p><img src="x.png" alt="seen35" title="hidden12" /></p>
<p style="display: none">hidden13</p><script>hidden14</script><MadCap:glossaryTerm glossTerm="hidden15">seen36</MadCap:glossaryTerm>
<p>seen37<MadCap:footnote>seen38</MadCap:footnote></p><MadCap:relatedTopicsControlProxy /><h6>seen39</h6>
"""  # noqa: E501 - the line breaks are those of the page
SNIPPET = """<h2>seen11</h2><p>seen12 <MadCap:snippetText src="sub/inner.flsnp" /></p>
<p MadCap:conditions="P.Out">hidden16</p>"""


def test_exactly_the_visible_words_are_indexed_once_and_in_order(project: Project) -> None:
    project.write(
        {
            "Project/VariableSets/Set.flvar": variables(One="seen4"),
            "Project/TOCs/Main.fltoc": toc(entry(title="book", inner=entry("/Content/topic.htm"))),
            "Content/block.flsnp": snippet(SNIPPET),
            "Content/sub/inner.flsnp": snippet("<p>seen13</p>"),
            "Content/text.flsnp": snippet("<p>seen15</p>"),
        }
    )
    page = Project(project.root, exclude_conditions=("P.Out",)).page(topic(BODY, title="Title"))

    assert re.findall(r"seen\d+", page.content) == [f"seen{number}" for number in range(1, 40)]
    assert set(re.findall(r"seen\d+", chunk_text(page))) == {f"seen{number}" for number in range(1, 40)}
    assert "hidden" not in chunk_text(page)
    assert page.section_path == ("book",)


INLINE = ["b", "i", "span", "MadCap:toggler", "MadCap:conditionalText", "MadCap:annotation", "code", "a", "MadCap:new"]
BLOCKS = ["p", "div", "h2", "li", "td", "MadCap:dropDownBody", "blockquote", "pre", "MadCap:section"]
trees = st.recursive(
    st.just("word"),
    lambda inner: st.tuples(st.sampled_from(INLINE + BLOCKS), st.lists(inner, min_size=1, max_size=4)),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(tree=trees, malformed=st.booleans())
def test_no_nesting_of_elements_loses_or_repeats_a_word(
    tmp_path_factory: pytest.TempPathFactory, tree: object, *, malformed: bool
) -> None:
    count = 0

    def write(node: object) -> str:
        nonlocal count
        if isinstance(node, tuple):
            tag, children = node
            return f"<{tag}> " + " ".join(map(write, children)) + f" </{tag}>"
        count += 1
        return f"word{count}"

    body = write(tree) + (" & <p>" if malformed else "")
    page = Project(tmp_path_factory.getbasetemp()).page(topic(body, title="Title"))

    assert sorted(re.findall(r"word\d+", page.content)) == sorted(f"word{number}" for number in range(1, count + 1))
