import pytest

from bbj_assets.convert.html import parse_html
from bbj_assets.sources.web_crawl.links import canonical, links, redirect

URL = "https://example.org/help/guide/start.htm"
HELP = "https://example.org/help/"


def found(html: str) -> set[str]:
    return set(links(parse_html(html), URL))


@pytest.mark.parametrize(
    ("html", "targets"),
    [
        ('<a href="a.htm#x">a</a> <a href="../b.htm?TocPath=1">b</a>', {f"{HELP}guide/a.htm", f"{HELP}b.htm"}),
        ('<a href="#top">top</a> <a href="">none</a> <a>none</a> <a href="javascript:go()">go</a>', set()),
        ('<a href="logo.PNG">x</a><a href="x.zip?y=1">x</a><a href="manual.pdf">x</a>', set()),
        ('<map><area href="map.htm"></map>', {f"{HELP}guide/map.htm"}),
        (
            '<frameset><frame src="left.htm"><frame src="right.htm"></frameset>',
            {f"{HELP}guide/left.htm", f"{HELP}guide/right.htm"},
        ),
        ('<iframe src="in.htm"></iframe>', {f"{HELP}guide/in.htm"}),
        ('<link rel="next" href="n.htm"><link rel="stylesheet" href="s.htm">', {f"{HELP}guide/n.htm"}),
        ('<head><base href="/help/"></head><a href="a.htm">a</a>', {f"{HELP}a.htm"}),
        ('<head><base href="http://["></head><a href="a.htm">a</a>', {f"{HELP}guide/a.htm"}),
        ('<meta http-equiv="refresh" content="0;url=next.htm">', {f"{HELP}guide/next.htm"}),
        (
            '<a href="http://[">x</a><a href="//">x</a><a href="https://elsewhere.test/">x</a>',
            {"https://elsewhere.test/"},
        ),
    ],
)
def test_the_links_of_a_page(html: str, targets: set[str]) -> None:
    assert found(html) - {URL} == targets


@pytest.mark.parametrize(
    ("html", "target"),
    [
        ('<meta http-equiv="Refresh" content="0; URL=\'a.htm\'"><p>Click here</p>', "a.htm"),
        ('<meta http-equiv="refresh" content="5;a.htm">', "a.htm"),
        ('<meta http-equiv="refresh" content="600; url=a.htm"><p>News</p>', None),
        ('<meta http-equiv="refresh" content="30"><p>Reloads itself</p>', None),
        ('<noscript><meta http-equiv="refresh" content="0;url=nojs.htm"></noscript><p>Text</p>', None),
        ('<body><script>window.location = "a.htm";</script></body>', "a.htm"),
        ("<head><script>location.replace('a.htm')</script></head><body></body>", "a.htm"),
        (
            '<body onload="x()"><script>document.location.href="a.htm"</script><noscript>No script</noscript></body>',
            "a.htm",
        ),
        ('<body><script>location.href = "a.htm"</script><p>Text</p></body>', None),
        ("<body><p>Text</p></body>", None),
        ("", None),
    ],
)
def test_the_redirect_of_a_page(html: str, target: str | None) -> None:
    assert redirect(parse_html(html)) == target


def test_the_canonical_url_of_a_page() -> None:
    assert canonical(parse_html('<link rel="shortlink canonical" href="/help/x.htm#a">'), URL) == f"{HELP}x.htm"
    assert canonical(parse_html('<link rel="canonical" href="http://[">'), URL) is None
    assert canonical(parse_html("<p>none</p>"), URL) is None


@pytest.mark.parametrize("content", ["9" * 100_000, " " * 100_000 + "x", "url=" * 50_000, "0;url='" + "'" * 100_000])
def test_a_hostile_refresh_does_not_hang(content: str) -> None:
    redirect(parse_html(f'<meta http-equiv="refresh" content="{content}">'))
