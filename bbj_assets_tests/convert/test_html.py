"""HTML to Markdown: every visible word, in order, with its structure; checked against a CommonMark parser."""

import html as stdlib_html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from lxml.etree import _Element as Element
from markdown_it import MarkdownIt

from bbj_assets.convert.html import BLOCK, DROPPED, RULES, Rule, heading, parse_html, to_markdown

BASE = "https://docs.example/guide/page.htm"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain text", "plain text"),
        ("a < b &amp; c", "a < b & c"),
        ("one\n  two\t three", "one two three"),
        ("<p>one<p>two", "one\n\ntwo"),
        ("<div>one</div>two<section>three</section>", "one\n\ntwo\n\nthree"),
        ("one<br>two", "one  \ntwo"),
        ("one<br><br>two", "one\n\ntwo"),
        ("<p><br>one<br></p>", "one"),
        ("a&nbsp;b&#160;&#160;c", "a b c"),
        ("soft&shy;hyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("<p>one</p><hr><p>two</p>", "one\n\n---\n\ntwo"),
        ("<blockquote><p>one<p>two</blockquote>", "> one\n>\n> two"),
        ("<img src=x alt='A picture'>", "A picture"),
        ("a<img src=x>b", "ab"),
        ("one</body></html>two", "onetwo"),
        ("", ""),
        ("<!-- nothing -->", ""),
        ("2<sup>10</sup>, H<sub>2</sub>O, BBj<sup>®</sup>", "2^10, H_2O, BBj®"),
        ("<q>so</q>", '"so"'),
    ],
)
def test_blocks_are_separated_and_white_space_is_collapsed(source: str, expected: str) -> None:
    assert to_markdown(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<b>bold</b> <i>slanted</i> <s>gone</s>", "**bold** *slanted* ~~gone~~"),
        ("a <b> spaced </b> b", "a **spaced** b"),
        ("<b>a</b><strong>b</strong>", "**ab**"),
        ("<b><b>once</b></b>", "**once**"),
        ("<b>Note:</b>text", "Note:text"),
        ("<b></b>x<i> </i>y", "x y"),
        ("<b style='font-weight: normal'>not bold</b>", "not bold"),
        ("<div><b>a<br><br>b</b></div>", "**a**\n\n**b**"),
        ("<code>f(x)</code> <kbd>Enter</kbd>", "`f(x)` `Enter`"),
        ("<code>a`b</code> <code>`</code>", "``a`b`` `` ` ``"),
        ("<code><b>a*b</b></code>", "`a*b`"),
        ("<a href='x.htm'>X</a>", "[X](https://docs.example/guide/x.htm)"),
        ("<a href='../y.htm#z'>Y</a>", "[Y](https://docs.example/y.htm#z)"),
        ("<a href='#top'>up</a>", "[up](https://docs.example/guide/page.htm#top)"),
        ("<a href='http://x/a b(c)'>l</a>", "[l](http://x/a%20b%28c%29)"),
        ("<a href='https://x.example/'>https://x.example/</a>", "https://x.example/"),
        ("<a href='javascript:go()'>run</a> <a name=n>here</a> <a href='#'>self</a>", "run here self"),
        ("<a href='http://[bad'>broken</a>", "broken"),
        ("<a href='x'><code>f()</code></a>", "[`f()`](https://docs.example/guide/x)"),
        ("<code><a href='x'>f()</a></code>", "[`f()`](https://docs.example/guide/x)"),
        ("<code><a href='x'>f</a>()</code>", "`f()`"),
        ("<a href='x'>a [1</a>", r"[a \[1](https://docs.example/guide/x)"),
        ("wow!<a href='x'>y</a>", r"wow\![y](https://docs.example/guide/x)"),
        ("<a href='x'><div>one</div><div>two</div></a>",
         "[one](https://docs.example/guide/x)\n\n[two](https://docs.example/guide/x)"),
    ],
)  # fmt: skip
def test_marks_and_links_are_valid_markdown(source: str, expected: str) -> None:
    assert to_markdown(source, base_url=BASE) == expected


def test_links_stay_relative_without_a_base() -> None:
    assert to_markdown("<a href='x.htm'>X</a>") == "[X](x.htm)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BBJ_HOME and a * b, x < y & z", "BBJ_HOME and a * b, x < y & z"),
        ("__init__ *args", r"\_\_init\_\_ \*args"),
        (r"C:\basis\bin and \*", r"C:\basis\bin and \\\*"),
        ("Map<K, V> &amp;", r"Map\<K, V> \&amp;"),
        ("[text](url) a[0]", r"[text\](url) a[0]"),
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("12. no list", r"12\. no list"),
        ("1.5 is a number", "1.5 is a number"),
        ("> no quote", r"\> no quote"),
        ("--- ", r"\---"),
        ("[x]: no definition", r"\[x]: no definition"),
        ("#hash -dash", "#hash -dash"),
    ],
)
def test_only_characters_with_a_meaning_are_escaped(text: str, expected: str) -> None:
    assert to_markdown(f"<p>{stdlib_html.escape(text)}</p>") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<ul><li>a<ol><li>b<li>c</ol><li>d</ul>", "- a\n  1. b\n  2. c\n- d"),
        ("<ul><li>a</li><ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c"),
        ("<ul><li><p>a<p>b<li>c</ul>", "- a\n\n  b\n\n- c"),
        ("<ul><li>a<pre>x\ny</pre></ul>", "- a\n\n  ```\n  x\n  y\n  ```"),
        ("<ul>stray<li>a</ul>", "- stray\n- a"),
        ("<ul><li> </ul>", ""),
        ("<li>alone", "- alone"),
        ("<dl><dt>Term<dd>Definition<dt>Two:<dd>More<dd>Still</dl>",
         "- **Term**: Definition\n\n- **Two:** More\n\n  Still"),
        ("<ul><li><h3>Title</h3></ul>", "- **Title**"),
    ],
)  # fmt: skip
def test_lists_keep_their_nesting_and_numbers(source: str, expected: str) -> None:
    assert to_markdown(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<table><tr><th>A<th>B<tr><td>1<td>2</table>", "| A | B |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><thead><tr><td>A<td>B<tbody><tr><td>1<td>2</table>", "| A | B |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><tr><td><b>A</b><td><b>B</b><tr><td>1<td>2</table>", "| A | B |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><tr><td>1<td>2</table>", "| | |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><tr><td>all<tr><td>layout</table>", "all\n\nlayout"),
        ("<table><tr><th>A<th>B<tr><td colspan=2>1<tr><td>2<td>3</table>",
         "| A | B |\n| --- | --- |\n| 1 | |\n| 2 | 3 |"),
        ("<table><tr><th>A<th>B<tr><td rowspan=2>1<td>2<tr><td>3</table>",
         "| A | B |\n| --- | --- |\n| 1 | 2 |\n| | 3 |"),
        ("<table><tr><th>A<th>B<tr><td>x|y<td>p<br>q<ul><li>r</ul></table>",
         "| A | B |\n| --- | --- |\n| x\\|y | p<br>q<br>- r |"),
        ("<table><tr><th>A<th>B<tr><td>1<td><pre>x\n|y</pre></table>",
         "| A | B |\n| --- | --- |\n| 1 | `x`<br>`\\|y` |"),
        ("<table><tr><th>A<th>B<tr><td>1<td><table><tr><td>x<td>y<tr><td>z</table></table>",
         "| A | B |\n| --- | --- |\n| 1 | x · y<br>z |"),
        ("<table><caption>Cap</caption><tr><th>A<th>B<tr><td>1<td>2</table>",
         "Cap\n\n| A | B |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><tr><td><img src=i.png><td>note</table>", "note"),
        ("<table></table>", ""),
    ],
)  # fmt: skip
def test_tables_keep_every_cell(source: str, expected: str) -> None:
    assert to_markdown(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<pre>\n  a &lt; b\n    c\n</pre>", "```bbj\na < b\n  c\n```"),
        ("<pre class='language-java'>x</pre>", "```java\nx\n```"),
        ("<pre><code class='lang-sql'>x</code></pre>", "```sql\nx\n```"),
        ("<pre>a<br>b<b>*</b>&nbsp;c</pre>", "```bbj\na\nb* c\n```"),
        ("<pre><div>a</div><div>b</div></pre>", "```bbj\na\nb\n```"),
        ("<pre>```\nx\n```</pre>", "````bbj\n```\nx\n```\n````"),
        ("<p><code>a<br>&nbsp; b</code></p>", "```bbj\na\n  b\n```"),
        ("<blockquote><pre>x</pre></blockquote>", "```bbj\nx\n```"),
        ("<pre> </pre>", ""),
    ],
)
def test_code_keeps_its_lines(source: str, expected: str) -> None:
    assert to_markdown(source, code_language="bbj") == expected


def test_headings_keep_their_hierarchy_below_the_given_level() -> None:
    source = "<h1>A</h1><h3>B</h3>x<h2>C #</h2><h1><a name=x></a> </h1>"
    assert to_markdown(source) == "# A\n\n### B\n\nx\n\n## C \\#"
    assert to_markdown(source, top_heading=4) == "#### A\n\n###### B\n\nx\n\n##### C \\#"
    assert to_markdown("<h3>A</h3><h4>B</h4>", top_heading=2) == "## A\n\n### B"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>no</script>",
        "<style>no</style>",
        "<noscript>no</noscript>",
        "<template><p>no</p></template>",
        "<div hidden>no</div>",
        "<p style='color:red; display: none'>no</p>",
        "<!-- no -->",
        "<?php no ?>",
    ],
)
def test_content_hidden_in_a_browser_is_left_out(hidden: str) -> None:
    assert to_markdown(f"one{hidden} two").split() == ["one", "two"]


def test_a_parser_passes_rules_for_its_own_tags() -> None:
    page = etree.fromstring(
        '<div xmlns:MadCap="urn:m"><MadCap:keyword>no</MadCap:keyword>See <MadCap:xref href="x">there</MadCap:xref>'
        "<MadCap:hotspot>More</MadCap:hotspot><MadCap:body>text<!-- no --></MadCap:body></div>"
    )
    rules: dict[str, Rule] = {
        "madcap:keyword": DROPPED,
        "madcap:xref": RULES["a"],
        "madcap:hotspot": heading(2),
        "madcap:body": BLOCK,
    }
    assert to_markdown(page, rules=rules) == "See [there](x)\n\n## More\n\ntext"


def test_xml_entities_and_the_xhtml_namespace_are_supported() -> None:
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    page = etree.fromstring(
        b'<!DOCTYPE html [<!ENTITY copy "c">]><html xmlns="http://www.w3.org/1999/xhtml"><p>a&copy;<b>b</b></p></html>',
        parser,
    )
    assert to_markdown(page) == "a©**b**"


def test_the_tail_of_an_element_is_left_out() -> None:
    tree = parse_html("<p>one</p>two")
    paragraph = next(tree.iter("p"))
    assert to_markdown(paragraph) == "one"


def test_bytes_are_read_in_the_encoding_they_declare() -> None:
    assert to_markdown("<meta charset=latin1><p>é</p>".encode("latin1")) == "é"


@pytest.mark.parametrize("tag", ["div", "b", "span", "font", "ul><li", "blockquote", "table><tr><td", "dl><dd"])
@pytest.mark.parametrize("depth", [300, 1_500, 20_000])
def test_no_word_is_lost_at_any_nesting_depth(tag: str, depth: int) -> None:
    assert (
        to_markdown(f"<{tag}>w " * depth + "end").replace("*", " ").replace("end", " end").split().count("w") == depth
    )


def test_a_table_with_huge_spans_stays_small() -> None:
    rows = "<tr><td colspan=100000 rowspan=100000>x</td></tr>" * 50
    wide = "<tr>" + "<td>y</td>" * 1_000 + "</tr>"
    written = to_markdown(f"<table>{wide}{rows}</table>")
    assert written.count("x") == 50
    assert written.count("y") == 1_000
    assert len(written) < 100_000


WORDS = st.integers(0, 999).map("v{}".format)
HIDDEN_WORDS = st.integers(0, 999).map("n{}".format)
VISIBLE_TAGS = [
    "p", "div", "b", "i", "a", "a href=x", "code", "span", "ul", "li", "ol", "dl", "dt", "dd", "table", "tr", "td",
    "th", "td colspan=2", "td rowspan=3", "pre", "blockquote", "h1", "h2", "h4", "font", "thead", "section", "em",
    "caption", "madcap:x",
]  # fmt: skip
HIDING_TAGS = ["script", "style", "noscript", "template", "p hidden", "span style='display:none'"]


def wrapped(tag: str, content: str) -> str:
    return f"<{tag}>{content}</{tag.split(maxsplit=1)[0]}>"


FRAGMENTS = st.recursive(
    st.one_of(
        WORDS.map(" {} ".format), st.just("<br>"), st.builds(wrapped, st.sampled_from(HIDING_TAGS), HIDDEN_WORDS)
    ),
    lambda inner: st.builds(wrapped, st.sampled_from(VISIBLE_TAGS), st.lists(inner, max_size=4).map("".join)),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None)
@given(FRAGMENTS)
def test_the_output_has_exactly_the_visible_words_in_order(fragment: str) -> None:
    tree = parse_html(fragment)
    for hiding in [element for element in tree.iter() if _hides_its_content(element)]:
        parent = hiding.getparent()
        hiding.text = None
        for child in list(hiding):
            hiding.remove(child)
        assert parent is not None
    written = to_markdown(fragment, base_url="https://example/")
    words = written.replace("https://example/x", "")
    found = [word for word in _words(words) if word[0] in "vn"]
    caption_first = sorted if "caption" in fragment or "table" in fragment else list
    assert caption_first(found) == caption_first(_words(" ".join(map(str, tree.itertext()))))


def _hides_its_content(element: Element) -> bool:
    hidden_by_attribute = "hidden" in element.attrib or "style" in element.attrib
    return hidden_by_attribute or element.tag in {"script", "style", "noscript", "template"}


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text).split()


TEXT = st.text(alphabet="ab1 *_`[]()!<>&;#-+.=~\\|:/\n\"'", max_size=12).map(stdlib_html.escape)
INLINE = st.recursive(
    TEXT,
    lambda inner: st.builds(
        wrapped,
        st.sampled_from(["b", "i", "code", "a href='http://x/y'", "span", "s"]),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(st.lists(INLINE, max_size=5).map("".join))
def test_rendered_markdown_shows_the_same_text_as_the_page(fragment: str) -> None:
    page = f"<p>{fragment}</p>"
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    shown = lxml_html.fromstring(f"<div>{reader.render(to_markdown(page))}</div>").itertext()
    assert _visible("".join(map(str, shown))) == _visible("".join(map(str, parse_html(page).itertext())))


def _visible(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary()))
def test_any_input_is_converted(source: str | bytes) -> None:
    assert "\0" not in to_markdown(source)
