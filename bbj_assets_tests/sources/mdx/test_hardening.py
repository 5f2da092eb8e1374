"""Hostile files: no content breaks the parser or makes it slow."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.errors import ParseError
from bbj_assets_tests.sources.mdx.pages import Site

_SNIPPETS = st.sampled_from(
    [
        *"<>{}`~:#|\\*_[]()!&;='\"/\n \t-$\0\r",
        "---\n",
        ":::",
        "```",
        "<!--",
        "-->",
        "{/*",
        "*/}",
        "</",
        "/>",
        "<b>",
        "</b>",
        "<A",
        "<A>",
        "</A>",
        "<table>",
        "<tr>",
        "<td>",
        "</table>",
        "<pre>",
        "</pre>",
        "<ul><li>",
        "</li>",
        "</ul>",
        "<dl><dt>",
        "<dd>",
        "</dl>",
        "<blockquote>",
        "</blockquote>",
        "<br/>",
        "title: ",
        "import X from './_x.md'\n",
        "export const a = ",
        "<X/>",
        "&#0;",
        "&lt;",
        "![",
        "](",
        "${",
        "=>",
        "<Tabs values={[",
        "<TabItem label=",
        "text",
        "\n\n",
        "\n# ",
        "\n- ",
        "\n| ",
    ]
)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Create a documentation tree with one partial that all examples share."""
    root: Path = tmp_path_factory.mktemp("docs")
    site = Site(root)
    site.write({"_x.md": "## Heading\n\n{props.a} <b>x</b>\n\n```js\ncode\n```"})
    return site


@settings(max_examples=400, deadline=None)
@given(
    raw=st.one_of(st.binary(max_size=300), st.lists(_SNIPPETS, max_size=60).map(lambda parts: "".join(parts).encode()))
)
def test_any_bytes_become_documents_or_a_parse_error(shared_site: Site, raw: bytes) -> None:
    try:
        documents, _ = shared_site.documents(raw)
    except ParseError:
        return
    for document in documents:
        assert document.title.strip() == document.title != ""
        assert not set(document.title + document.content) & set("\0\x01\x02")
        document.content.encode()


@settings(max_examples=200, deadline=None)
@given(words=st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True), min_size=1, max_size=12), data=st.data())
def test_words_between_any_markup_survive(shared_site: Site, words: list[str], data: st.DataObject) -> None:
    wrappers = [
        "{}",
        "**{}**",
        "<b>{}</b>",
        "<Card>{}</Card>",
        "<Card\n a={{[`x`]}}>\n\n{}\n\n</Card>",
        ":::tip\n{}\n:::",
        ":::note[{}]\n:::",
        "```js\n{}\n```",
        "<kbd>{}</kbd>",
        "List<{}",
        "<td>{}</td>",
        "<li>{}</li>",
        "# {}",
        "`{}`",
        "{{'{}'}}",
        "a < {} > b",
        "<summary>{}</summary>",
        "<ul><li>{}</li></ul>",
        "<ol>{}<li>x",
        "<dl><dt>{}<dd>x</dl>",
        "<dl>{}<dd>x</dl>",
        "<blockquote>{}</blockquote>",
        "<blockquote>{}",
        "</ul>{}</blockquote>",
        "<table>{}<tr><td>x</td></tr></table>",
        "<table><tr><td>{}</td></tr></table>",
        "<pre>{}</pre>",
        "![{}](x)",
        "<TabItem label='{}'>",
        "&lt;{}&gt;",
    ]
    text = "\n\n".join(data.draw(st.sampled_from(wrappers)).format(word) for word in words)

    document = shared_site.page(text)

    shown = document.title + "\n" + document.content
    assert [word for word in words if word not in shown] == []


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "{",
        "`",
        ":::",
        ":::\n",
        "<a ",
        "<a b={",
        "<b>",
        "<b>x",
        "</b>",
        "<table><tr><td>",
        "<ul><li>",
        "<ul><li>a</li></ul>",
        "<ul>\n<li>{a}</li>\n</ul>\n",
        "- a\n  <ul><li>b</li></ul>\n",
        "<blockquote>",
        "<blockquote>a</blockquote>",
        "<dl><dt>a<dd>b</dl>",
        "<table><tr><td>a</td></tr></table>",
        "</ul>",
        "<!--",
        "{`${",
        "![",
        "import {a} from\n",
        "export const a = (\n",
        "` `` ",
        "```\n",
        "> ",
        "<X a={{}} ",
        "# ",
        "=\n",
        "&a",
        "<pre>",
        "- <p>a</p>\n",
    ],
)
def test_a_long_repetition_is_parsed_in_bounded_time(site: Site, piece: str) -> None:
    # The assertion is the time limit of the suite: quadratic time would take hours at this length.
    site.documents(piece * (200_000 // len(piece)))


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("<b>", "</b>"), ("<Card>", "</Card>"), ("{[", "]}"), ("<table><tr><td>", ""), ("<ul><li>", "</ul>")],
)
def test_deep_nesting_loses_no_text(site: Site, opening: str, closing: str) -> None:
    content = site.content(f"before {opening * 3000} inside {closing * 3000} after")

    assert [word for word in ("before", "inside", "after") if word not in content] == []
