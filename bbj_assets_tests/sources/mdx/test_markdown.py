"""Markdown stays as it is, and the additions of Docusaurus become Markdown."""

import pytest

from bbj_assets_tests.sources.mdx.pages import Site

UNCHANGED = [
    "A paragraph with *emphasis*, **bold**, [a link](./other.md) and `code`.",
    "- a list\n  - nested\n    continued\n1. numbered",
    "| a | b |\n|---|---|\n| `x` | y |",
    "> a quote\n> goes on",
    "List<String> and Map<String, List<Integer>> in prose",
    "if a < b and c > d then a<b",
    "<T extends Comparable> and a raw <String>",
    "`<Foo>` and ``a ` <b>`` and `{x}` and `import x`",
    "a `code span\nover <two> lines` here",
    "an unclosed ` tick and <https://example.com/> and <me@example.com>",
    "a path such as /users/{id}/posts, ${project.version} and {a: 1}",
    "\\<Escaped> and \\{braces}",
    "import com.basis.bbj.BBjGrid;",
    "import the file, then\nexport the grid as CSV.",
    "export default settings from the menu.",
    "```bbj\n:::tip\nimport x from 'y'\n<Foo> {#id} {/* c */} <!-- c -->\n# comment\n```",
    "~~~\n```\n<Foo>\n~~~",
    "- item\n\n  ```java\n  List<String> x;\n  ```",
    "> ```js\n> <Foo/>\n> ```",
    "Time is 10:30::45 and ::file.bbj::Class",
    "**`<dwc-button>`** is an element",
]


@pytest.mark.parametrize("text", UNCHANGED)
def test_plain_markdown_is_unchanged(site: Site, text: str) -> None:
    assert site.content(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```Java\nx\n```", "```java\nx\n```"),
        ("```java {1,3-5} showLineNumbers\nx\n```", "```java\nx\n```"),
        ("```java{1}\nx\n```", "```java\nx\n```"),
        ("```{1}\nx\n```", "```\nx\n```"),
        ('```java title="A.java" {1}\nx\n```', "**A.java**\n\n```java\nx\n```"),
        ("```title='A file'\nx\n```", "**A file**\n\n```\nx\n```"),
        ('- ```java title="A.java"\n  x\n  ```', "- **A.java**\n\n  ```java\n  x\n  ```"),
        ("```java\n// highlight-next-line\nx\n/* highlight-start */\ny\n# highlight-end\n```", "```java\nx\ny\n```"),
        ("```bbj\nrem highlight-next-line\nprint 1\n```", "```bbj\nprint 1\n```"),
        ("```java\n// the highlight-next-line comment\n```", "```java\n// the highlight-next-line comment\n```"),
        ("```java\nnever closed", "```java\nnever closed\n```"),
        ("```java\n```", "```java\n```"),
    ],
)
def test_fences_keep_language_title_and_code(site: Site, text: str, expected: str) -> None:
    assert site.content(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":::tip\nBody\n:::", "**Tip**\n\nBody"),
        (":::tip Use masks\nBody\n:::", "**Tip: Use masks**\n\nBody"),
        (":::tip[Use `masks`]{#id}\nBody\n:::", "**Tip: Use `masks`**\n\nBody"),
        (":::warning WARNING\nBody\n:::", "**Warning**\n\nBody"),
        (":::note **Bold** title\nBody\n:::", "**Note: Bold title**\n\nBody"),
        (":::tip [One](a.md) or [two]\nBody\n:::", "**Tip: [One](a.md) or [two]**\n\nBody"),
        (":::my-type{.class}\nBody\n:::", "**My type**\n\nBody"),
        (":::info Ask {frontMatter.who}\nBody\n:::", "**Info: Ask**\n\nBody"),
        ("Before\n:::note\nBody\n:::\nAfter", "Before\n\n**Note**\n\nBody\n\nAfter"),
        (
            "::::danger Outer\nOne\n:::tip\nTwo\n:::\nThree\n::::",
            "**Danger: Outer**\n\nOne\n\n**Tip**\n\nTwo\n\nThree",
        ),
        ("- item\n\n  :::note\n  Body\n  :::", "- item\n\n  **Note**\n\n  Body"),
        ("Quote:\n\n> :::note\n> Body\n> :::", "Quote:\n\n>\n> **Note**\n>\n> Body\n>"),
    ],
)
def test_admonitions_keep_type_title_and_body(site: Site, text: str, expected: str) -> None:
    assert site.content(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## Heading {#id}", "## Heading"),
        ("## Heading {#an id with spaces}  ", "## Heading"),
        ("## Heading <DocChip chip='since' label='25.10' /> {#id}\n\nText", "## Heading since 25.10\n\nText"),
        ("## Heading {/* #id */}", "## Heading"),
    ],
)
def test_heading_ids_are_dropped(site: Site, text: str, expected: str) -> None:
    assert site.content(text).rstrip() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See ![the *grid*](/img/grid.png 'a hint') here", "See the *grid* here"),
        ("![a (nested) [alt]](x_(1).png)", "a (nested) [alt]"),
        ("[![Build](https://x.y/b.svg)](https://x.y)", "[Build](https://x.y)"),
        ("![inline](data:image/png;base64,iVBORw0KGgo=)", "inline"),
        ("A [file](data:text/plain;base64,aGVsbG8=) here", "A file here"),
        ("<img src='data:image/png;base64,iVBORw0KGgo=' alt='A grid' />", "A grid"),
        ("[ref]: data:image/png;base64," + "A" * 500 + "\n\nText", "[ref]: \n\nText"),
    ],
)
def test_images_become_their_alternative_text_and_data_uris_are_dropped(site: Site, text: str, expected: str) -> None:
    assert site.content(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a&nbsp;b &copy; &#8593; &amp;", "a b © ↑ &"),
        ("&lt;String&gt; &#123;x&#125;", "\\<String\\> \\{x\\}"),
        ("`&lt;` &unknown;", "`&lt;` &unknown;"),
    ],
)
def test_entities_are_decoded_outside_of_code(site: Site, text: str, expected: str) -> None:
    assert site.content(text) == expected
