import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.web.urls import Site, normalised, page_identity, without_credentials

BASE = "https://example.org/help/guide/start.htm"


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("other.htm#part", "https://example.org/help/guide/other.htm"),
        ("../a.htm", "https://example.org/help/a.htm"),
        ("../../../../a.htm", "https://example.org/a.htm"),
        ("HTTPS://EXAMPLE.ORG:443/x", "https://example.org/x"),
        ("http://example.org:80/x/./y/../z", "http://example.org/x/z"),
        ("http://example.org:8080/x", "http://example.org:8080/x"),
        ("https://example.org", "https://example.org/"),
        ("//example.org/x", "https://example.org/x"),
        ("a b.htm", "https://example.org/help/guide/a%20b.htm"),
        ("%7euser/%e4.htm", "https://example.org/help/guide/~user/%E4.htm"),
        ("100%.htm", "https://example.org/help/guide/100%25.htm"),
        ("ä.htm", "https://example.org/help/guide/%C3%A4.htm"),
        ("sub\\page.htm", "https://example.org/help/guide/sub/page.htm"),
        (" split\n.htm ", "https://example.org/help/guide/split.htm"),
        ("x.htm?TocPath=A%7CB&Highlight=open", "https://example.org/help/guide/x.htm"),
        ("x.php?id=3&utm_source=mail&lang=en", "https://example.org/help/guide/x.php?id=3&lang=en"),
        ("x.jsp;jsessionid=0A1B?id=3", "https://example.org/help/guide/x.jsp?id=3"),
        ("https://user:secret@example.org/x", "https://example.org/x"),
        ("https://EXAMPLE.org./x", "https://example.org/x"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("javascript:void(0)", None),
        ("mailto:someone@example.org", None),
        ("ftp://example.org/x", None),
        ("file:///etc/passwd", None),
        ("http://[", None),
        ("http://example.org:port/", None),
        ("http://exa mple.org/", None),
        ("http:///x", None),
        ("x" * 3000, None),
    ],
)
def test_each_url_has_one_spelling(reference: str, url: str | None) -> None:
    assert normalised(reference, BASE) == url


@given(st.text(max_size=60) | st.text("/.%?#&=aA1\\ :@;", max_size=40))
def test_normalising_twice_changes_nothing(reference: str) -> None:
    url = normalised(reference, BASE)
    if url is not None:
        assert normalised(url) == url
        assert url.isascii()


@pytest.mark.parametrize(
    ("start", "folder"),
    [
        ("https://example.org/help/", "/help/"),
        ("https://example.org/help/Default.htm", "/help/"),
        ("https://example.org/help", "/help/"),
        ("https://example.org", "/"),
        ("https://example.org/help/v2.1/index.html?x=1", "/help/v2.1/"),
    ],
)
def test_the_folder_of_a_site_is_that_of_its_start_url(start: str, folder: str) -> None:
    site = Site.of(start)
    assert site is not None
    assert site.folder == folder
    assert site.holds(site.start)


def test_a_site_ends_at_its_folder_its_host_and_its_port() -> None:
    site = Site.of("https://example.org/help/index.htm")
    assert site is not None
    assert [
        site.holds(url)
        for url in (
            "https://example.org/help/a/b.htm",
            "https://example.org/help",
            "https://example.org/helpless/a.htm",
            "https://example.org/",
            "https://example.org:8443/help/a.htm",
            "https://example.org.evil.test/help/a.htm",
            "http://example.org/help/a.htm",
        )
    ] == [True, True, False, False, False, False, False]
    assert site.below("https://example.org/help/a%20b/c.htm") == "a b/c.htm"


def test_a_url_on_the_host_gets_the_scheme_of_the_site() -> None:
    site = Site.of("https://example.org/help/")
    assert site is not None
    assert site.with_site_scheme("http://example.org/help/a.htm") == "https://example.org/help/a.htm"
    assert site.with_site_scheme("https://elsewhere.test/help/a.htm") is None


def test_flares_content_folder_is_not_a_section() -> None:
    site = Site.of("https://example.org/help/")
    assert site is not None
    assert site.section("https://example.org/help/Content/usr/a.htm") == "usr/a.htm"
    assert site.section("https://example.org/help/usr/a.htm") == "usr/a.htm"


@pytest.mark.parametrize("url", ["", "help", "ftp://example.org", "http://"])
def test_a_url_that_is_not_http_is_not_a_site(url: str) -> None:
    assert Site.of(url) is None


def test_urls_that_are_often_one_page_have_one_identity() -> None:
    variants = ["/Help/", "/help/index.htm", "/help/Default.htm?x=1", "/help/INDEX.HTML"]
    assert {page_identity(f"https://example.org{path}") for path in variants} == {"https://example.org/help/"}
    assert page_identity("https://example.org/help/my-index.htm") == "https://example.org/help/my-index.htm"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@example.org/x", "https://example.org/x"),
        ("https://user:s@cret@example.org", "https://example.org"),
        ("//user:secret@example.org/x", "//example.org/x"),
        ("user:secret@example.org/x", "example.org/x"),
        ("http://user:secret@[", "http://["),
        ("https://example.org/@user/?to=a@b#c@d", "https://example.org/@user/?to=a@b#c@d"),
        ("example.org?to=a@b", "example.org?to=a@b"),
        ("", ""),
    ],
)
def test_credentials_are_removed(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
