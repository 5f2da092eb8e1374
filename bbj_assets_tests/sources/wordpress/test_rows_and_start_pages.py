"""Rows of the API and start pages, from sites that may respond with anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.errors import ParseError
from bbj_assets.sources.wordpress.post import parse_post, read_row, serialise
from bbj_assets.sources.wordpress.rest import api_roots
from bbj_assets.sources.wordpress.start_page import may_be_article, read_start_page
from bbj_assets.web.urls import Site

SITE = Site("https://magazine.example/editions/", "https://magazine.example", "/editions/")
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.just("2021-05-04T10:00:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = (
    "status", "date", "modified", "modified_gmt", "title", "content", "excerpt", "categories", "tags", "_embedded"
)  # fmt: skip


@given(
    _ANY
    | st.fixed_dictionaries(
        {"id": st.integers() | _ANY, "link": st.just("https://magazine.example/a/") | _ANY},
        optional=dict.fromkeys(_FIELDS, _ANY | st.fixed_dictionaries({"rendered": st.text()})),
    )
)
def test_any_row_is_a_post_that_can_be_stored_or_none(value: object) -> None:
    row = read_row(value)  # type: ignore[arg-type]  # JSON
    if row is None:
        return
    assert row.url.startswith("http")
    assert row.url.isascii()
    assert row.modified.isascii()
    assert row.year == "_undated" or row.year.isdigit()
    if row.body is None:
        return
    kept = serialise(row.body, ["Sample"])
    assert kept == serialise(row.body, ["Sample"])
    try:
        documents = parse_post(row.url, kept)
    except ParseError:
        assert not isinstance(row.body.get("title"), str)
    else:
        assert len(documents) == row.is_public


@given(st.binary() | st.text().map(str.encode), st.text())
def test_any_start_page_is_read(body: bytes, header: str) -> None:
    page = read_start_page(SITE, url=SITE.start, body=body, link_header=header)

    assert all(url.startswith(SITE.origin) for url in (*page.articles, *page.pdfs, *page.next_pages))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_the_encoding_of_a_start_page_is_found(encoding: str) -> None:
    html = '<title>Alles - Über uns</title><main><a href="/größe/">Größe</a></main>'

    page = read_start_page(SITE, url=SITE.start, body=html.encode(encoding))

    assert page.articles == ("https://magazine.example/gr%C3%B6%C3%9Fe/",)
    assert page.site_names == ("Über uns",)


@pytest.mark.parametrize(
    ("html", "header", "api"),
    [
        ("", '<https://magazine.example/wp-json/>; rel="https://api.w.org/"', "https://magazine.example/wp-json/"),
        (
            "",
            '<https://magazine.example/?p=1>; rel=shortlink, <https://magazine.example/api/>; rel="https://api.w.org/"',
            "https://magazine.example/api/",
        ),
        ("<link rel='https://api.w.org/' href='/wp-json/'>", "", "https://magazine.example/wp-json/"),
        ("<link rel='canonical' href='/x/'>", "", None),
    ],
)
def test_the_api_is_where_the_start_page_says(html: str, header: str, api: str | None) -> None:
    assert read_start_page(SITE, url=SITE.start, body=html.encode(), link_header=header).api == api


@pytest.mark.parametrize(
    ("stated", "roots"),
    [
        (None, ["https://magazine.example/editions/wp-json/", "https://magazine.example/wp-json/"]),
        ("https://www.public.example/blog/wp-json/", ["https://magazine.example/blog/wp-json/"]),
        ("https://magazine.example/index.php?rest_route=/", ["https://magazine.example/index.php?rest_route=/"]),
    ],
)
def test_the_api_is_requested_from_the_host_of_the_start_url(stated: str | None, roots: list[str]) -> None:
    assert api_roots(SITE.start, stated=stated) == roots


def test_only_links_in_the_text_count() -> None:
    html = """
        <title>Editions | Sample</title><header><a href="/about/">About</a></header>
        <nav><a href="/contact/">Contact</a></nav>
        <main><header><a href="/lead/">Lead</a></header>
        <article><header><a href="one/">One</a></header><footer><a href="/author/ann/">Ann</a></footer></article>
        <a href="/editions/two/#part">Two</a><a href="/editions/two/">Two</a><a href="/category/tips/">Tips</a>
        <a href="https://other.example/x/">Far</a><a href="/editions/page/2/">Older</a><a href="mailto:a@b.c">Mail</a>
        <a href="/wp-content/uploads/grid.png">Picture</a><a href="#top">Top</a><a href="/editions/">Start</a></main>
        <div class="widget"><a href="/popular/">Popular</a></div><footer><a href="/imprint/">Imprint</a></footer>"""

    page = read_start_page(SITE, url=SITE.start, body=html.encode())

    assert page.articles == (
        "https://magazine.example/lead/",
        "https://magazine.example/editions/one/",
        "https://magazine.example/editions/two/",
    )
    assert page.next_pages == ("https://magazine.example/editions/page/2/",)
    assert page.site_names == ("Sample",)


@pytest.mark.parametrize(
    ("html", "partition"),
    [
        ('<a href="/x.pdf">Grids, 2011</a>', "2011"),
        ('<tr><td>2012</td><td><a href="/x.pdf">Grids</a></td></tr>', "2012"),
        ('<h2>Edition 3, 2013</h2><h3>Articles</h3><a href="/x.pdf">Grids</a>', "_pdf"),
        ('<h2>Edition 3, 2013</h2><a href="/x.pdf">Grids</a>', "2013"),
        ('<a href="/wp-content/uploads/2014/05/x.pdf">Grids</a>', "2014"),
        ('<a href="/x.pdf">Error 12014 in 3D</a>', "_pdf"),
    ],
)
def test_a_pdf_file_belongs_to_the_nearest_year(html: str, partition: str) -> None:
    page = read_start_page(SITE, url=SITE.start, body=f"<main><table>{html}</table></main>".encode())

    assert list(page.pdfs.values()) == [partition]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/2021/05/timers/", True),
        ("/knowledge-base/kb01069/getting-started/", True),
        ("/?p=12", True),
        ("/tag/grids/", False),
        ("/author/ann/", False),
        ("/timers/feed/", False),
        ("/editions/page/3/", False),
        ("/timers/?replytocom=4", False),
        ("/wp-login.php", False),
    ],
)
def test_urls_of_lists_feeds_and_administration_are_not_articles(path: str, expected: bool) -> None:
    assert may_be_article(f"https://magazine.example{path}") is expected
