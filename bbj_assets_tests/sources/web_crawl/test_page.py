import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.documents import Document, Item
from bbj_assets.errors import ParseError
from bbj_assets.source import Source
from bbj_assets.sources import web_crawl
from bbj_assets.sources.files import SourceFiles

SOURCE = Source("web-crawl", "web-crawl", url="https://example.org/help/index.htm", mirror=Path("/nowhere"))
URL = "https://example.org/help/commands/open-verb.htm"

SNIPPET = (
    '<div class="codeSnippet"><a class="codeSnippetCopyButton" role="button">Copy</a><div class="codeSnippetBody">'
    "<pre><code>a<br>&#160;&#160;b</code></pre></div></div>"
)
TRAIL = (
    '<div class="MCBreadcrumbsBox_0"><span class="MCBreadcrumbsPrefix">You are here: </span>'
    '<a class="MCBreadcrumbsLink" href="a">Verbs</a><span class="MCBreadcrumbsDivider"> &gt; </span>'
    '<span class="MCBreadcrumbs">Files</span><span class="MCBreadcrumbsDivider"> &gt; </span>'
    '<span class="MCBreadcrumbs">T</span></div>'
)
GENERIC_TRAIL = '<nav aria-label="Breadcrumb"><ol><li><a>Verbs</a></li><li>T</li></ol></nav>'


def parse(html: str | bytes, url: str = URL) -> Document | None:
    raw = html if isinstance(html, bytes) else html.encode()
    item = Item(url, "commands", Path("/nowhere"), "pages/x.html")
    documents = web_crawl.parse(SOURCE, item, raw, SourceFiles(Path("/nowhere")))
    assert len(documents) <= 1
    return documents[0] if documents else None


def page(html: str | bytes, url: str = URL) -> Document:
    document = parse(html, url)
    assert document is not None
    return document


def content(body: str) -> str:
    return page(f"<title>T</title><body>{body}</body>").content


@pytest.mark.parametrize(
    "body",
    [
        '<div class="body-container"><p>no<div id="mc-main-content"><p>yes</p></div></div>',
        '<div role="main"><p>no</p><div class="row body-container"><p>yes</p></div></div>',
        '<main><p>no</p><section class="main-section"><p>yes</p></section></main>',
        '<main><p>no</p><div role="main"><p>yes</p></div></main>',
        "<article><p>no</p></article><main><p>yes</p></main>",
        "<p>no</p><article><p>yes</p></article>",
        "<main></main><article><nav>no</nav></article><p>yes</p>",
        "<p>yes</p>",
        "yes",
    ],
)
def test_content_is_the_most_certain_region(body: str) -> None:
    assert content(body) == "yes"


@pytest.mark.parametrize(
    "chrome",
    [
        "<nav>no</nav>",
        "<header>no</header>",
        "<footer>no</footer>",
        "<script>no</script><style>no</style><template>no</template><noscript>no</noscript>",
        '<div role="navigation">no</div><div role="search">no</div>',
        '<div class="MCBreadcrumbsBox_0">no</div><ol class="breadcrumb"><li>no</li></ol>',
        '<div class="MCMiniTocBox_0 miniToc">no</div>',
        '<div class="nocontent">no</div><div data-mc-ignore="true">no</div>',
        '<ul class="menu _Skins_SideMenu mc-component"><li>no</li></ul>',
        '<form action="/search"><label>no</label></form><form><input type="search">no</form>',
        '<p class="MCWebHelpFramesetLink">no</p>',
        '<button class="x">Copy</button><a class="codeSnippetCopyButton" role="button">no</a>',
        '<a class="skip-to-content" href="#">no</a><span class="sr-only">no</span>',
        "<select><option>no</option></select>",
        '<p hidden>no</p><p style="display: none">no</p>',
        '<p><a href="#a">Syntax</a> | <a href="#b">Example</a></p>',
        '<ul><li><a href="#a">Syntax</a></li><li><a href="#b">Example</a></li></ul>',
        '<div class="mp_footer">no</div><p class="copyright">no</p>',
        "<p>Copyright © 2015 Somebody. All rights reserved.</p>",
        '<a href="#part">¶</a>',
        '<img class="MCDropDown_Image_Icon" alt="Closed">',
    ],
)
def test_chrome_is_removed(chrome: str) -> None:
    assert content(f"<p>yes</p>{chrome}") == "yes"


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        ("<article><header><p>By Ann</p></header><p>x</p></article>", "By Ann\n\nx"),
        ("<blockquote><p>Wise.</p><footer>Ann</footer></blockquote>", "> Wise.\n>\n> Ann"),
        ("<p>Press <button>Save</button></p>", "Press Save"),
        ('<div class="sidebar-layout"><h1>One</h1><p>x</p><h1>Two</h1></div>', "# One\n\nx\n\n# Two"),
        ('<div class="MCMiniTocBox_0"><a href="a.htm">A</a></div>', "[A](https://example.org/help/commands/a.htm)"),
        ("<p>Copyright © 2015 Somebody.</p>", "Copyright © 2015 Somebody."),
        ('<p>See <a href="#part">below</a>.</p>', "See below."),
        (
            '<p>See <a href="#part">below</a> or <a href="b.htm">b</a>.</p>',
            "See below or [b](https://example.org/help/commands/b.htm).",
        ),
        ('<p>a</p><div class="MCDropDownBody" style="display:none"><p>folded</p></div>', "a\n\nfolded"),
        ('<p>a</p><div data-mc-target-name="x" style="display: none;" hidden><p>toggled</p></div>', "a\n\ntoggled"),
        ('<p><a class="MCTextPopup">term<span class="MCTextPopupBody">explained</span></a></p>', "term"),
        ("<p>2015 © is a sign</p><p>x</p>", "2015 © is a sign\n\nx"),
    ],
)
def test_readable_text_stays(body: str, markdown: str) -> None:
    assert content(body) == markdown


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        ("<pre>a = 1</pre>", "```bbj\na = 1\n```"),
        ('<pre class="language-java">int a;</pre>', "```java\nint a;\n```"),
        ('<pre><code class="lang-sql">select 1</code></pre>', "```sql\nselect 1\n```"),
        ('<p class="Code">a = 1</p><p class="Code">b = 2</p><p>Text</p>', "```bbj\na = 1\nb = 2\n```\n\nText"),
        ('<p class="Code">if a</p><p class="CodeIndent">b = 2</p>', "```bbj\nif a\n    b = 2\n```"),
        ('<p class="Code">if a</p>\n<p class="Code_Indented2">b = 2</p>', "```bbj\nif a\n        b = 2\n```"),
        ('<p>Say <span class="Code">ESC</span> so</p>', "Say `ESC` so"),
        (
            SNIPPET,
            "```bbj\na\n  b\n```",
        ),
    ],
)
def test_code_is_fenced_as_bbj_unless_it_names_a_language(body: str, markdown: str) -> None:
    assert content(body) == markdown


def test_tables_that_flare_makes_of_lists_are_lists() -> None:
    def row(sign: str, text: str) -> str:
        return (
            f'<table class="AutoNumber_p_Item"><tr><td></td><td>{sign}</td>'
            f'<td data-mc-autonum="{sign}">{text}</td></tr></table>'
        )

    assert content(f"<p>a</p>{row('■', 'one')}{row('■', 'two <b>2</b>')}<p>b</p>") == "a\n\n- one\n- two **2**\n\nb"
    assert content(row("3.", "three") + row("4.", "four")) == "3. three\n4. four"
    assert content(row("Note:", "mind")) == "- Note: mind"
    assert content(f"{row('■', 'one')} tail") == "- one\n\ntail"


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("<title>OPEN Verb | The Help</title>", "<p>x", "OPEN Verb"),
        ("<title>OPEN Verb - The Help</title>", "<h1>OPEN Verb</h1>x", "OPEN Verb"),
        ("<title>OPEN Verb - BBj</title>", "<p>x", "OPEN Verb - BBj"),
        ('<meta property="og:site_name" content="BBj"><title>OPEN Verb - BBj</title>', "<p>x", "OPEN Verb"),
        ('<meta property="og:site_name" content="The Help"><title>The Help</title>', "<h2>Syntax</h2>x", "Syntax"),
        ("<title>A | B | The Help</title>", "<p>x", "A | B"),
        ("<title>x</title>", "<h1>The <code>OPEN</code> Verb</h1>y", "The OPEN Verb"),
        ("<title>Verbs</title>", "<h1>OPEN</h1>x<h1>CLOSE</h1>", "Verbs"),
        ("<title>Verbs</title>", "<p>First</p><h1>OPEN</h1>x", "Verbs"),
        ("<title></title>", "<p>x", "open-verb"),
        ("<title> </title>", "<h1> </h1><p>x", "open-verb"),
        ("", "<h2>Start</h2><p>x", "Start"),
        ("<title>A\n&amp;  B</title>", "<p>x", "A & B"),
    ],
)
def test_the_title(head: str, body: str, title: str) -> None:
    assert page(f"<head>{head}</head><body>{body}</body>").title == title


def test_a_page_without_a_title_is_named_by_its_url() -> None:
    assert page("<p>x", "https://example.org/help/a%20b/").title == "a b"
    assert page("<p>x", "https://example.org/").title == "example.org"


def test_the_title_is_not_repeated_in_the_content() -> None:
    assert page("<title>A</title><h1>A</h1><p>x</p>").content == "x"
    assert page("<title>A</title><h3>A</h3><p>x</p>").content == "x"
    assert page("<title>A</title><h1>B</h1><p>x</p>").content == "x"
    assert page("<title>A</title><h3>B</h3><p>x</p>").content == "### B\n\nx"


@pytest.mark.parametrize(
    ("html", "path"),
    [
        ('<html data-mc-toc-path="Verbs|I/O &amp; Files"><h1>T</h1>x', ("Verbs", "I/O & Files")),
        ('<html data-mc-toc-path="Verbs|Verbs|T"><h1>T</h1>x', ("Verbs",)),
        ('<html data-mc-toc-path="Verbs|[%=System.LinkedTitle%]|"><h1>T</h1>x', ("Verbs",)),
        ('<html xmlns:MadCap="m" MadCap:tocPath="Old|Help"><h1>T</h1>x', ("Old", "Help")),
        (
            f"{TRAIL}<h1>T</h1>x",
            ("Verbs", "Files"),
        ),
        (
            f'<html data-mc-toc-path="">{GENERIC_TRAIL}<h1>T</h1>x',
            ("Verbs",),
        ),
        ('<ul class="breadcrumbs"><li><a>Verbs</a></li><li><a>T</a></li></ul><h1>T</h1>x', ("Verbs",)),
        ("<h1>T</h1>x", ("commands",)),
    ],
)
def test_the_breadcrumb(html: str, path: tuple[str, ...]) -> None:
    assert page(html).section_path == path


def test_flares_content_folder_is_not_in_the_breadcrumb() -> None:
    assert page("<h1>T</h1>x", "https://example.org/help/Content/My%20Book/a.htm").section_path == ("My Book",)
    assert page("<h1>T</h1>x", "https://example.org/help/a.htm").section_path == ()


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<html></html>",
        "<title>Only a title</title>",
        '<meta http-equiv="refresh" content="0;url=a.htm"><title>T</title><p>Moved</p>',
        "<body><script>location.href='a.htm'</script></body>",
        '<html><frameset><frame src="a.htm"><noframes><p>Frames please</p></noframes></frameset></html>',
        '<html data-mc-runtime-file-type="Default;TriPane"><body><p>Loading</p></body></html>',
        '<html MadCap:RuntimeFileType="Search"><body><p>Search</p></body></html>',
        "<title>T</title><body><nav>Menu</nav><footer>Foot</footer></body>",
        '<title>T</title><p>Skin</p><div id="mc-main-content"> </div><p>Skin</p>',
    ],
)
def test_shells_redirects_and_empty_pages_have_no_document(html: str) -> None:
    assert parse(html) is None


def test_a_topic_that_is_also_the_start_page_has_a_document() -> None:
    assert page('<html data-mc-runtime-file-type="Topic;Default"><h1>T</h1>x').title == "T"


def test_conditions_and_description_are_metadata() -> None:
    head = '<meta name="Description" content=" About  it ">'
    html = f'<html data-mc-conditions="Primary.Deprecated, Primary.GUI">{head}<h1>T</h1>x'
    assert page(html).metadata == {"conditions": ["Primary.Deprecated", "Primary.GUI"], "description": "About it"}
    assert page("<h1>T</h1>x").metadata == {}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<p>Größe".encode(), "Größe"),
        ("<p>Größe".encode("utf-8-sig"), "Größe"),
        ("<p>Größe".encode("utf-16"), "Größe"),
        ("<p>Größe … 1".encode("cp1252"), "Größe … 1"),
        ('<meta charset="iso-8859-2"><p>Łódź'.encode("iso-8859-2"), "Łódź"),
        ('<meta http-equiv=Content-Type content="text/html; charset=windows-1252"><p>Größe'.encode("cp1252"), "Größe"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><html><p>Größe'.encode("latin-1"), "Größe"),
        ('<meta charset="utf-8"><p>Größe'.encode("latin-1"), "Größe"),
        ('<meta charset="nonsense"><p>Größe'.encode(), "Größe"),
    ],
)
def test_the_encoding_is_found(raw: bytes, text: str) -> None:
    assert page(raw).content == text


@pytest.mark.parametrize("raw", [b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"GIF89a", b"PK\x03\x04x", b"MZ\x90\0\x03\0\0"])
def test_binary_content_is_an_error_with_a_remedy(raw: bytes) -> None:
    with pytest.raises(ParseError, match=f"{URL}: .*not HTML.*xclude it"):
        parse(raw)


_MARKUP = """
    <p> </p> <h1> </h1> <title> </title> <div> </div> <div~id="mc-main-content"> <nav> <table> </table> <tr> <td> <pre>
    <table~class="AutoNumber_x"><tr><td>1.</td><td> <p~class="Code"> <p~class="CodeIndent3"> <span~class=Code> <br> <ul>
    <li> <a~href="#x"> <a~href="http://["> </a> <html~data-mc-toc-path="A|B"> <base~href="http://["> <header> <footer>
    <div~class="MCMiniTocBox_0"> <div~class="sidebar"> text ~ &#0; &#xD800; &#x80; \0 © <!-- <frameset> <svg> <select>
    <script>location='x'</script> <button> <form> <meta~charset=utf-16> <meta~name=description~content=&#0;>
"""
_PIECES = st.sampled_from([piece.replace("~", " ") for piece in _MARKUP.split()])


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_any_markup_has_a_document_that_can_be_stored_or_none(html: str) -> None:
    try:
        document = parse(html)
    except ParseError:
        assert "\0" in html
        return
    if document is not None:
        assert document.title.strip()
        stored = "\n".join((document.title, document.content, *document.section_path))
        stored.encode()
        assert "\0" not in stored


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_are_an_error(raw: bytes) -> None:
    try:
        parse(raw)
    except ParseError as error:
        assert URL in str(error)  # noqa: PT017 - most bytes give no error


@pytest.mark.parametrize(
    "piece", ["<div>", "<b>", "<table><tr><td>", '<p class="Code">', "<h1>", "<ul><li>", "<article>"]
)
def test_deep_nesting_loses_no_text(piece: str) -> None:
    document = page(f"<title>T</title><body>{piece * 3000}deep inside</body>")
    assert "deep inside" in f"{document.title} {document.content}"


@given(st.lists(st.text("abcdefgh", min_size=3, max_size=8), min_size=1, max_size=30))
def test_every_word_of_the_content_is_kept_in_order(words: list[str]) -> None:
    tags = itertools.cycle(["p", "li", "td", "h2", "pre", "dd"])
    wrapped = [f"<{tag}>{word}</{tag}>" for word, tag in zip(words, tags, strict=False)]
    document = page(f"<title>T</title><nav>chrome</nav><main><p>first</p>{''.join(wrapped)}</main>")
    kept = [word for word in document.content.replace("```bbj", "").split() if word.isalpha()]
    assert kept == ["first", *words]
