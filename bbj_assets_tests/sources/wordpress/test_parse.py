"""From a fetched item to its document."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.documents import Document, Item, Json
from bbj_assets.errors import ParseError
from bbj_assets.source import Source
from bbj_assets.sources import wordpress
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.wordpress.titles import without_site

URL = "https://magazine.example/2021/timers/"
SOURCE = Source("wordpress-test", "wordpress", url="https://magazine.example/")


def parse(raw: bytes, suffix: str = "json", url: str = URL) -> list[Document]:
    item = Item(url, "2021", Path("/nowhere"), f"pages/ab/abcdef.{suffix}")
    return list(wordpress.parse(SOURCE, item, raw, SourceFiles(item.root)))


def post(html: str = "<p>Text.</p>", *, title: str = "Timers", **fields: Any) -> bytes:
    return json.dumps({"title": {"rendered": title}, "content": {"rendered": html}} | fields).encode()


def content_of(html: str) -> str:
    (document,) = parse(post(html))
    return document.content


def page(content: str, *, head: str = "", body: str = "") -> bytes:
    return f"<!DOCTYPE html><html><head>{head}</head><body {body}>{content}</body></html>".encode()


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ('<p>a</p>[gallery ids="1,2,3"]<p>b</p>', "a\n\nb"),
        ("<p>a [gallery] b</p>", "a b"),
        (
            '[caption id="attachment_7" align="alignright" width="300"]<img src="x.png" alt="A bar"> Done[/caption]',
            "Done",
        ),
        ('<p>a [contact-form-7 id="12" title="Ask us"] b</p>', "a b"),
        ("<p>a [related_articles count=&#8221;3&#8243;] b</p>", "a b"),
        ('[vc_row][vc_column width="1/2"]<p>inner</p>[/vc_column][/vc_row]', "inner"),
        ("[et_pb_section][et_pb_text]inner[/et_pb_text][/et_pb_section]", "inner"),
        ("<p>a [vc_raw_html]JTNDaDElM0U=[/vc_raw_html] b</p>", "a b"),
        ("<p>[note]Mind the gap[/note]</p>", "Mind the gap"),
        ("<p>a [table id=1 /] b</p>", "a b"),
        ('<p>[video mp4="x.mp4"][/video]a</p>', "a"),
        ("<p>[embed]https://video.example/1[/embed]</p>", "https://video.example/1"),
        ("<p>OPEN(channel[,ERR=label]) [mode] and x[i]</p>", "OPEN(channel[,ERR=label]) [mode] and x[i]"),
        ("<p>[simple boat] [video] [IOL=iolist] [A-Z]</p>", "[simple boat] [video] [IOL=iolist] [A-Z]"),
        ('<pre>[gallery ids="1"]</pre>', '```\n[gallery ids="1"]\n```'),
        ('<p>Write <code>[gallery ids="1"]</code> there.</p>', 'Write `[gallery ids="1"]` there.'),
    ],
)
def test_shortcodes_are_removed_and_similar_text_stays(html: str, markdown: str) -> None:
    assert content_of(html) == markdown


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ('<!-- wp:paragraph {"a":1} --><p>a</p><!-- /wp:paragraph --><!--more--><!--nextpage--><p>b</p>', "a\n\nb"),
        ('<figure class="wp-block-gallery"><figure><img src="a.png" alt="A grid"></figure></figure>', ""),
        (
            '<figure class="wp-block-gallery"><figure><img src="a.png"><figcaption>One</figcaption></figure></figure>',
            "One",
        ),
        ('<p><a href="big.png"><img src="small.png" alt="A grid"></a></p>', ""),
        (
            '<p><a href="/download/"><img src="b.png" alt="Download"></a></p>',
            "[Download](https://magazine.example/download/)",
        ),
        ('<p>Well <img src="wink.gif" alt=";)" class="wp-smiley"></p>', "Well ;)"),
        ('<p>a</p><div class="sharedaddy"><h3>Share this:</h3><ul><li>Tweet</li></ul></div><p>b</p>', "a\n\nb"),
        ('<p>a</p><div id="ez-toc-container"><p>Contents</p><a href="#x">x</a></div>', "a"),
        ('<p>a <span class="screen-reader-text">(opens in a new tab)</span>b</p>', "a b"),
        ('<div class="elementor-hidden-desktop"><p>a</p></div><div><p>a</p></div>', "a"),
        ('<form class="newsletter"><label>Mail</label><select><option>x</option></select></form><p>a</p>', "a"),
        (
            '<p><a href="/m.pdf">Manual</a><a href="/m.pdf" class="wp-block-file__button">Download</a></p>',
            "[Manual](https://magazine.example/m.pdf)",
        ),
        ('<h2 class="wp-block-heading">Timers</h2><p>a</p>', "a"),
        ("<h1>One</h1><h3>Two</h3>", "## One\n\n#### Two"),
        ('<pre class="EnlighterJSRAW" data-enlighter-language="java">int i;</pre>', "```java\nint i;\n```"),
        ('<div id="eckb-article-content-header">Print</div><div id="eckb-article-content-body"><p>a</p></div>', "a"),
        ('<p>See <a href="../grids/">grids</a>.</p>', "See [grids](https://magazine.example/2021/grids/)."),
        ("<script>x</script><style>y</style><p>a</p><noscript>z</noscript><iframe>w</iframe>", "a"),
    ],
)
def test_everything_but_the_authors_words_is_removed(html: str, markdown: str) -> None:
    assert content_of(html) == markdown


@pytest.mark.parametrize(
    ("title", "names", "shown"),
    [
        ("Grids &amp; Rows &#8211; Sample Magazine", ["Sample Magazine"], "Grids & Rows"),
        ("Grids &#8211; Part 2", ["Sample Magazine"], "Grids \N{EN DASH} Part 2"),
        ("Grids | sample magazine", ["Sample Magazine"], "Grids"),
        ("Sample Magazine", ["Sample Magazine"], "Sample Magazine"),
        ("The <em>DWC</em>&nbsp;in&#x20;depth", [], "The DWC in depth"),
        ("&lt;&lt;bbj&gt;&gt; files", [], "<<bbj>> files"),
        ("", [], "timers"),
    ],
)
def test_a_title_is_plain_text_without_the_name_of_the_site(title: str, names: list[str], shown: str) -> None:
    (document,) = parse(post(title=title, site_names=names))

    assert document.title == shown


@given(st.text(), st.lists(st.text(), max_size=3))
def test_the_name_of_a_site_never_removes_a_whole_title(title: str, names: list[str]) -> None:
    assert title.startswith(without_site(title, names))
    assert bool(without_site(title, names)) == bool(title)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "draft"},
        {"status": "private"},
        {"status": "future"},
        {"content": {"rendered": "", "protected": True}},
    ],
)
def test_a_post_that_is_not_public_has_no_document(fields: dict[str, Any]) -> None:
    assert parse(post(**fields)) == []


def test_a_post_without_content_has_its_excerpt() -> None:
    (document,) = parse(post("", excerpt={"rendered": "<p>In short.</p>"}))

    assert document.content == "In short."


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"<html>", "not JSON"),
        (b"[1]", "not a post"),
        (b'{"title": {"rendered": "x"}}', "not a post"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
    ],
)
def test_a_response_that_is_not_a_post_is_an_error_with_its_url(raw: bytes, message: str) -> None:
    with pytest.raises(ParseError, match=message) as refusal:
        parse(raw)

    assert URL in str(refusal.value)


@pytest.mark.parametrize(
    "html",
    [
        '<div class="entry-content"><p>a</p></div><div class="sidebar">b</div>',
        '<div id="eckb-article-body"><div id="eckb-article-left-sidebar">b</div><p>a</p></div>',
        '<div id="eckb-article-body"><p>b</p><div id="eckb-article-content-body"><p>a</p></div></div>',
        '<div class="entry-content"><div id="eckb-article-body"><p>a</p></div><p>b</p></div>',
        '<article><h1>Timers</h1><p class="entry-meta">b</p><p>a</p><footer>b</footer></article><footer>b</footer>',
        "<nav>b</nav><main><h1>Timers</h1><p>a</p><aside>b</aside></main>",
        "<div role='main'><h1>Timers</h1><p>a</p></div>",
    ],
)
def test_the_content_of_a_page_is_found_in_every_theme(html: str) -> None:
    (document,) = parse(page(html, head="<title>Timers - Sample</title>"), "html")

    assert document.content == "a"


@pytest.mark.parametrize(
    ("head", "html", "title"),
    [
        ("<title>Timers &#8211; Sample</title>", '<h1 class="entry-title">Timers &amp; Tea</h1>', "Timers & Tea"),
        ('<meta property="og:site_name" content="Sample"><title>Timers &#8211; Sample</title>', "", "Timers"),
        ('<meta property="og:title" content="Timers &amp; Tea"><title>x</title>', "", "Timers & Tea"),
        ("", "", URL),
    ],
)
def test_the_title_of_a_page(head: str, html: str, title: str) -> None:
    (document,) = parse(page(f"{html}<div class='entry-content'><p>a</p></div>", head=head), "html")

    assert document.title == title


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [('<meta charset="iso-8859-1">', "cp1252"), ('<meta charset="utf-16">', "utf-8"), ("", "utf-8"), ("", "cp1252")],
)
def test_the_encoding_of_a_page_is_found(declaration: str, encoding: str) -> None:
    (document,) = parse(page("<main><p>5 € „Größe“</p></main>", head=declaration).decode().encode(encoding), "html")

    assert document.content == "5 € „Größe“"


@pytest.mark.parametrize("kind", ["archive category category-tips", "blog home", "search search-results", "error404"])
def test_a_list_of_articles_has_no_document(kind: str) -> None:
    raw = page("<main><article><h2>One</h2></article></main>", body=f'class="{kind}"')

    assert parse(raw, "html") == []


def test_a_page_without_an_article_is_an_error_with_its_url() -> None:
    with pytest.raises(ParseError, match="exclude") as refusal:
        parse(page("<div>Log in</div>"), "html")

    assert URL in str(refusal.value)


def test_the_metadata_of_a_page() -> None:
    head = (
        '<meta property="article:published_time" content="2021-05-04T10:00:00+00:00">'
        '<meta property="article:section" content="Tips &amp; Tricks"><meta name="author" content="Ann">'
    )
    (document,) = parse(page("<article><p>a</p></article>", head=head), "html")

    assert document.metadata == {"date": "2021-05-04T10:00:00+00:00", "author": "Ann"}
    assert document.section_path == ("Tips & Tricks",)
    assert document.doc_type == "article"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_HTML = st.lists(
    st.sampled_from(
        [
            "<p>", "</p>", "<div class='entry-content'>", "</div>", "<article>", "<pre>", "<h1>Timers</h1>", "<!--",
            "-->", "[gallery ids='", "[/a]", "[a]", "]", "<img alt=x class=emoji>", "<a href='http://['>", "&#0;",
            "&#xD800;", "\0", "<form>", "<svg><title>", "<nav>", "<span class=sr-only>",
            "<script type='application/ld+json'>",
        ]
    )
    | st.text(max_size=8),
    max_size=30,
).map("".join)  # fmt: skip


def assert_sound(raw: bytes, suffix: str) -> None:
    """Assert that the documents can be indexed, or that the error names the page."""
    refusal = URL
    documents: list[Document] = []
    try:
        documents = parse(raw, suffix)
    except ParseError as error:
        refusal = str(error)
    assert URL in refusal
    for document in documents:
        assert document.title.strip()
        assert "\0" not in document.content
        assert document.source_url == URL


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "title": _JSON | st.fixed_dictionaries({"rendered": _HTML}),
            "content": _JSON | st.fixed_dictionaries({"rendered": _HTML}),
            **dict.fromkeys(
                ("excerpt", "status", "date", "modified", "terms", "author_names", "site_names", "type"), _JSON
            ),
        },
    )
    | _JSON
)
def test_any_json_is_parsed_or_is_an_error(value: Json) -> None:
    assert_sound(json.dumps(value).encode(), "json")


@given(st.binary() | _HTML.map(lambda html: html.encode("utf-8", "surrogatepass")), st.sampled_from(["json", "html"]))
def test_any_bytes_are_parsed_or_are_an_error(raw: bytes, suffix: str) -> None:
    assert_sound(raw, suffix)


def test_deep_nesting_and_many_brackets_do_not_hang() -> None:
    assert "x" in content_of("<div>" * 50_000 + "x")
    assert content_of("<p>" + "[a " * 100_000 + "</p>").startswith("[a")
