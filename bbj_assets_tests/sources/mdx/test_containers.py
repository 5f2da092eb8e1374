"""Containers: tables, lists, definition lists and quotes that are written in HTML."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.convert.html import to_markdown
from bbj_assets_tests.sources.mdx.pages import Site


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<UL><LI>a<LI>b</UL>", "- a\n- b"),
        ("<ol start='3'><li>a</li><li>b</li></ol>", "3. a\n4. b"),
        ("<ol start={3}><li>a</li></ol>", "3. a"),
        (
            "<ul>\n  <li>one</li>\n  <li>two\n    <ol><li>x</li></ol>\n  </li>\n</ul>",
            "- one\n- two\n  1. x",
        ),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "- a\n  - b"),
        ("<ul><li>\n\n    - a\n      - b\n\n  </li><li>c\n      d</li></ul>", "- - a\n    - b\n- c\n  d"),
        (
            "<ul>\n<li>\n  a\n\n  ```js title='x.js'\n  if (x) {\n    y\n  }\n  ```\n</li>\n<li>b</li>\n</ul>",
            "- a\n\n  **x.js**\n\n  ```js\n  if (x) {\n    y\n  }\n  ```\n\n- b",
        ),
        ("<ul><li>a\n```js\nx\n```\nb</li></ul>", "- a\n\n  ```js\n  x\n  ```\n\n  b"),
        ("<ul><li>Use `<ul>` or ``</li>``</li><li>{'<li>'} {/* <li> */}<!-- <ul> -->b</li></ul>", None),
        ("<ul><li>\n\n```html\n<ul><li>x</ul>\n```\n\n</li><li>b</li></ul>", None),
        ("<ul><li><b>a</b> `b` <Chip label='1'/> <a href='x'>c</a></li></ul>", "- **a** `b` 1 [c](x)"),
        ("<ul><li># a</li><li>\n## b\n</li></ul>", "- **a**\n- **b**"),
        ("<ul><li>\n:::tip\na\n:::\n</li></ul>", "- **Tip**\n\n  a"),
        ("<ul>{items.map(i => <li key={i}>Item {i}</li>)}</ul>", "- Item"),
        ("<ul>a</ul>", "a"),
        ("<ul><li title='<li>'>a</li><li data={['<li>']}>b</li></ul>", "- a\n- b"),
        ("<ul>a<li>b</li>c</ul>", "a\n\n- b\n\n  c"),
        ("<ul></ul>", ""),
        ("- x\n  <ul><li>a</li></ul>\n- y", "- x\n\n  - a\n\n- y"),
        ("- x\n\n  <ol><li>a\n\n  ```js\n  b\n  ```\n  </li></ol>", "- x\n\n  1. a\n\n     ```js\n     b\n     ```"),
        ("1. <ul><li>a</li><li>b</li></ul>", "1. - a\n   - b"),
        ("Before <ul><li>a</li></ul> after", "Before\n\n- a\n\nafter"),
        ("Before\n<ol start='2'><li>a</li></ol>\nAfter", "Before\n\n2. a\n\nAfter"),
        ("<Card title='T'>\n  <ul>\n    <li>a</li>\n  </ul>\n</Card>", "**T**\n\n- a"),
        ("| a | b |\n|---|---|\n| <ul><li>x</li><li>y</li></ul> | z |", "| a | b |\n|---|---|\n| x ; y  | z |"),
        ("<blockquote>a</blockquote>", "> a"),
        ("<blockquote>\n\n**a** b\n\n- c\n\n</blockquote>", "> **a** b\n>\n> - c"),
        ("<blockquote><p>a</p><blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
        ("<blockquote>\n\na\n\n```js\nx\n\ny\n```\n</blockquote>", "> a\n>\n> ```js\n> x\n>\n> y\n> ```"),
        ("<blockquote>\n```js\nx\n```\n</blockquote>", "```js\nx\n```"),
        ("> <blockquote>a</blockquote>", "> > a\n>\n>"),
        ("> a\n>\n> <ul>\n>  <li>b</li>\n>  <li>\n>\n>  c\n>\n>  </li></ul>\n\nd", "> a\n>\n> - b\n> - c\n>\n> \n\nd"),
        ("<dl><dt>A</dt><dd>b</dd><dt>`C`:</dt><dd>d</dd><dd>e</dd></dl>", "- **A**: b\n\n- **`C`:** d\n\n  e"),
        ("<dl>\n  <div><dt>A</dt><dd>b</dd></div>\n  <div><dt>C</dt><dd>d</dd></div>\n</dl>", "- **A**: b\n- **C**: d"),
        ("<dl>\n<dt>A</dt>\n<dd>\n\n```js\nx\n```\n\n</dd>\n</dl>", "- **A**\n\n  ```js\n  x\n  ```"),
        ("## Options <DocChip chip='since' label='2' />\n<ul><li>a <DocChip chip='x' /></li></ul>", None),
    ],
)  # fmt: skip
def test_lists_and_quotes_become_markdown(site: Site, text: str, expected: str | None) -> None:
    content = site.content(text)

    if expected is not None:
        assert content.strip() == expected
    assert not set(content) & set("\0\x01\x02")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("<ul><li>Use `<ul>` or ``</li>``</li><li>{'<li>'} {/* <li> */}<!-- <ul> -->b</li></ul>", 2),
        ("<ul><li>\n\n```html\n<ul><li>x</ul>\n```\n\n</li><li>b</li></ul>", 2),
    ],
)
def test_tags_in_code_begin_no_item(site: Site, text: str, items: int) -> None:
    assert sum(line.startswith("- ") for line in site.content(text).split("\n")) == items


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            "<table><thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td>1 | 2<td>`x`</tbody></table>",
            "| A | B |\n| --- | --- |\n| 1 \\| 2 | `x` |",
        ),
        (
            "<table><thead><tr><td>A</td><td>B</td></tr></thead><tr><td>1</td><td>2</td></tr></table>",
            "| A | B |\n| --- | --- |\n| 1 | 2 |",
        ),
        (
            "<table>\n<tr><td>a\n<td>b\n<tr><td colspan='2'>c\n</table>",
            "| | |\n| --- | --- |\n| a | b |\n| c | |",
        ),
        (
            "<table><caption>C</caption><tr><th>A<th>B<tr><td rowspan={2}>r<td>s<tr><td><ul><li>p<li>q</ul></table>",
            "C\n\n| A | B |\n| --- | --- |\n| r | s |\n| | - p<br>- q |",
        ),
        (
            "<table><tr><td>\n\n```java\nx | y\n\nz\n```\n\n</td><td>y</td></tr></table>",
            "| | |\n| --- | --- |\n| `x \\| y`<br>`z` | y |",
        ),
        (
            "<table><tr><td>a\n```java title='A.java'\nx\n```\nb</td><td>y</td></tr></table>",
            "| | |\n| --- | --- |\n| a<br>**A.java**<br>`x`<br>b | y |",
        ),
        (
            "<table><tr><th>A</th><th>B</th></tr><tr><td><pre>x\n  y</pre></td><td />z</tr></table>",
            "z\n\n| A | B |\n| --- | --- |\n| `x`<br>`y` | |",
        ),
        (
            "<table><tr><td>a</td><td><table><tr><th>b<th>c<tr><td>d<td>e</table></td></tr></table>",
            "| | |\n| --- | --- |\n| a | b · c<br>d · e |",
        ),
        (
            "<table><tr><td>a</td><td>\n\n| b | c |\n|---|---|\n| d | e |\n\n</td></tr></table>",
            "| | |\n| --- | --- |\n| a | b · c<br>d · e |",
        ),
        ("<table><tr><td>\n\n```java\nx\n```\n\n</td></tr></table>", "```java\nx\n```"),
    ],
)
def test_tables_become_markdown_tables(site: Site, table: str, expected: str) -> None:
    assert site.content(table).strip() == expected
    assert site.content(f"Before\n\n{table}\n\nAfter") == f"Before\n\n{expected}\n\nAfter"


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Create an empty documentation tree that all examples share."""
    return Site(tmp_path_factory.mktemp("docs"))


def _elements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=1, max_size=3)

    def each(tag: str) -> st.SearchStrategy[str]:
        return several.map(lambda parts: "".join(f"<{tag}>{part}</{tag}>" for part in parts))

    return st.one_of(
        each("p") if inner is _WORDS else several.map(" ".join),
        each("blockquote"),
        each("li").map("<ul>{}</ul>".format),
        each("li").map("<ol start='4'>{}</ol>".format),
        st.tuples(_WORDS.map("<dt>{}</dt>".format), each("dd")).map(lambda pair: f"<dl>{pair[0]}{pair[1]}</dl>"),
        several.map(lambda cells: "<table><tr><th>head</th><th>er</th></tr>" + "".join(
            f"<tr><td>x</td><td>{cell}</td></tr>" for cell in cells) + "</table>"),
    )  # fmt: skip


_WORDS = st.lists(
    st.sampled_from(["red", "green", "blue", "<b>bold</b>", "<code>code()</code>"]), min_size=1, max_size=3
).map(" ".join)
_HTML = st.recursive(_WORDS, _elements, max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(html=_HTML)
def test_html_in_a_page_becomes_the_same_markdown_as_in_html(shared_site: Site, html: str) -> None:
    lines = shared_site.content(html).strip().split("\n")

    assert [line.rstrip() for line in lines] == to_markdown(html).split("\n")


@pytest.mark.parametrize("depth", [5, 50])
@pytest.mark.parametrize("opening", ["<ul><li>", "<blockquote>", "<dl><dd>", "<table><tr><td>", "<ul><li><blockquote>"])
def test_deeply_nested_containers_lose_no_text(site: Site, opening: str, depth: int) -> None:
    closing = "".join(f"</{tag}>" for tag in reversed(opening.strip("<>").split("><")))
    words = [f"word{level}" for level in range(depth)]

    content = site.content("".join(f"{opening}{word} " for word in words) + closing * depth)

    assert [word for word in words if content.split().count(word) + content.count(f"{word}<br>") == 0] == []
