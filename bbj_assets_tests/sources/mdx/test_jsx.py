"""JSX and HTML: tags, expressions, imports and attributes."""

import pytest

from bbj_assets_tests.sources.mdx.pages import Site


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<Foo />", ""),
        ("a <Foo.Bar x='1'>b</Foo.Bar> c", "a b c"),
        ("<>fragment</>", "fragment"),
        (
            "<Demo\n  path='/x'\n  files={[\n    'a',\n    `b > ${c}`,\n    {d: '}'},\n  ]}\n  {...rest}\n/>\nText",
            "Text",
        ),
        ("<Foo\n\n  a={`\n\n> text </Foo> ${`inner ${x}`}`}\n>child</Foo>", "child"),
        ("<Foo render={() => <b>x</b>}>child</Foo>", "child"),
        ("<Outer>\n  <Inner>\n    Text\n\n    - a\n      - b\n  </Inner>\n</Outer>", "Text\n\n- a\n  - b"),
        ("<Outer>\n    ```js\n    if (x) {\n      y\n    }\n    ```\n</Outer>", "```js\nif (x) {\n  y\n}\n```"),
        ("- item\n\n  <Outer>\n    Text\n  </Outer>\n\n- next", "- item\n\n  Text\n\n- next"),
        ("<A>x</A><B>y</B>", "x y"),
        ("before <Chip/> after", "before  after"),
        ("one\n<Chip/>\ntwo", "one\ntwo"),
        ("<Unclosed a='1'> text", " text"),
        ("text </Stray> more", "text  more"),
    ],
)
def test_tags_are_dropped_and_their_children_kept(site: Site, text: str, expected: str) -> None:
    assert site.content(text).strip("\n") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{/* a comment */}Text", "Text"),
        ("One\n{/*\n a\n\n comment */}\nTwo", "One\nTwo"),
        ("One\n<!-- c -->\n---\nTwo", "One\n\n---\nTwo"),
        ("One\n<!-- ```\n a comment -->\nTwo", "One\nTwo"),
        ("<!-- never closed", "<!-- never closed"),
        ("a {'literal'} {`template`} {\"it's\"} {'a' + `b`} {5}", "a literal template it's ab 5"),
        ("a{' '}b {'{'} {'<Foo>'}", "a b { \\<Foo>"),
        ("a{props.x}b{items.length}c{format(date)}d{true}e{1 + 2}f", "abcdef"),
        ("{cond && <b>shown</b>} {list.map(i => <p key={i}>Item {i}</p>)}", "**shown** Item"),
        ("a{'\\u0041\\u0000\\ud800\\''}", "aA'"),
        ("unclosed { brace", "unclosed { brace"),
        ("{frontMatter.title}", "T"),
    ],
)
def test_expressions_leave_only_their_text(site: Site, text: str, expected: str) -> None:
    assert site.content(f"---\ntitle: T\n---\n{text}").strip() == expected


@pytest.mark.parametrize(
    "statement",
    [
        "import Tabs from '@theme/Tabs';",
        'import A, {\n  b as c,\n  d\n} from "e"',
        "import * as all from './all'",
        "import './side.css';",
        "import data from './x.json' with { type: 'json' };",
        "export const a = 5;",
        "export const f = () => {\n\n  return <p>don't {`}`}</p>;\n};",
        "export default function X({ a }) {\n  return (\n    <b>{a}</b>\n  );\n}",
        "export const g = ({children}) => (\n  <span style={{color: 'red'}}>\n\n    {children}\n  </span>\n);",
        "export { a, b } from './c';",
        "export * from './d'",
    ],
)
def test_imports_and_exports_are_dropped_outside_of_code(site: Site, statement: str) -> None:
    assert site.content(f"Before\n\n{statement}\n\nAfter") == "Before\n\nAfter"
    assert site.content(f"```js\n{statement}\n```") == f"```js\n{statement}\n```"


def test_an_exported_constant_is_shown_where_it_is_used(site: Site) -> None:
    assert site.content("export const version = '25.10';\n\nVersion {version}") == "Version 25.10"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<Tabs>\n<TabItem value='j' label='J'>\n\nOne\n\n</TabItem>\n<TabItem value='K'>\nTwo\n</TabItem></Tabs>",
            "**J**\n\nOne\n\n**K**\n\nTwo",
        ),
        (
            "<Tabs values={[{label: 'Java!', value: 'j'}]}>\n<TabItem value='j'>\nOne\n</TabItem>\n</Tabs>",
            "**Java!**\n\nOne",
        ),
        ("<TabItem value='a' label={<>A <b>b</b></>}>\nx\n</TabItem>", "**A b**\n\nx"),
        ("<details>\n<summary>More *info*</summary>\n\nBody\n</details>", "More *info*\n\nBody"),
        ("<details><summary>More</summary>Body</details>\nAfter", "**More**\n\nBody\n\nAfter"),
        ("<Card title='T' href='/x' icon='i'>\n  <p>Body</p>\n</Card>", "**T**\n\nBody"),
        ("<Card header=\"<span style='x'>Masked</span>Field\">\nBody\n</Card>", "**MaskedField**\n\nBody"),
        ("<Card title='T' description='D' />\nAfter", "**T**\n\nD\n\nAfter"),
        ('<Admonition type="tip" title="T">\nBody\n</Admonition>', "**Tip: T**\n\nBody"),
        ("<DocChip chip='since' label='24.10' />\n<DocChip chip='name' label='dwc-x' />", "since 24.10\ndwc-x"),
        ("Call <JavadocLink location='a/B' code='true'>b(int x)</JavadocLink> now", "Call `b(int x)` now"),
    ],
)
def test_visible_attributes_are_kept(site: Site, text: str, expected: str) -> None:
    assert site.content(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Press <kbd>Ctrl</kbd> + <kbd>C</kbd>", "Press Ctrl + C"),
        ("<b>bold</b> <em>em</em> <code>a&lt;b</code> <code>{'<X>'}</code>", "**bold** *em* `a<b` `<X>`"),
        ("<a href='https://x.y'>link</a> <a name='z'></a>", "[link](https://x.y) "),
        ("<Link to='/docs/x'>link</Link>", "[link](/docs/x)"),
        ("one<br/>two<BR>three", "one\ntwo\nthree"),
        ("- one<br/>two", "- one\n  two"),
        ("| a | b |\n|---|---|\n| x<br/>y | <p>p</p><p>q</p> |", "| a | b |\n|---|---|\n| x y | p q  |"),
        ("<p>one</p><p>two</p>\n<div>three</div>", "one\n\ntwo\n\nthree"),
        ("<h2 id='x'>Head\n  line</h2>\nText", "## Head line\n\nText"),
        ("<style>{`\n.a { b: c }\n`}</style>\nText", "Text"),
        ("<Head>\n  <title>no</title>\n</Head>\nText", "Text"),
        ("<iframe src='x'></iframe>Text", "Text"),
        ("<pre><code class='language-Java'>List&lt;String&gt;\n  x</code></pre>", "```java\nList<String>\n  x\n```"),
        (
            "<CodeBlock language='bbj' title='a.bbj'>\n{`print 1\nrem \\`\\`\\`x`}\n</CodeBlock>",
            "**a.bbj**\n\n````bbj\nprint 1\nrem ```x\n````",
        ),
        ("<pre>\n\n```js\nx\n```\n\n</pre>", "```js\nx\n```"),
    ],
)
def test_html_becomes_markdown(site: Site, text: str, expected: str) -> None:
    assert site.content(text) == expected
