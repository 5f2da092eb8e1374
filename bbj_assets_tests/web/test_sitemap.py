import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.convert.html import parse_html
from bbj_assets.web import sitemap
from bbj_assets.web.bodies import BodyError
from bbj_assets.web.sitemap import Listed, help_system, read_sitemap, read_toc

URL = "https://example.org/help/sitemap.xml"
A, B = Listed("https://example.org/help/a.htm"), Listed("https://example.org/help/b.htm")
OTHER = Listed("https://example.org/s.xml", "sitemap")
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'

IMAGES = (
    f'<urlset {NAMESPACE} xmlns:i="http://www.google.com/schemas/sitemap-image/1.1"><url><loc>a.htm</loc>'
    "<i:image><i:loc>picture</i:loc></i:image></url></urlset>"
)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (
            f"<urlset {NAMESPACE}><url><loc> https://example.org/help/a.htm </loc><lastmod>x</lastmod></url></urlset>",
            [A],
        ),
        ("<urlset><url><loc>/help/a.htm</loc></url><url><loc>b.htm</loc></url></urlset>", [A, B]),
        (
            f"<sitemapindex {NAMESPACE}><sitemap><loc>/s.xml</loc></sitemap></sitemapindex>",
            [Listed("https://example.org/s.xml", "sitemap")],
        ),
        (IMAGES, [A]),
        ("<urlset><url><loc>a.htm</loc></url><url><loc>b.htm</url></urlset>", [A, B]),
        (
            "<urlset><url><loc>a.htm</loc></url><url><loc>mailto:x@y.test</loc></url><url><loc/></url><url>",
            [A, Listed(URL)],
        ),
        ("<!DOCTYPE html><html><body>Not found<p>&nbsp;</html>", []),
        ("", []),
        ("\x00\x01", []),
    ],
)
def test_the_urls_of_a_sitemap(text: str, listed: list[Listed]) -> None:
    assert list(read_sitemap(text.encode(), URL)) == listed
    assert list(read_sitemap(gzip.compress(text.encode()), URL)) == listed


def test_entities_of_a_sitemap_are_not_expanded() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 50}">' for n in range(1, 10))
    entities = f'<!ENTITY e0 "x"><!ENTITY f SYSTEM "file:///etc/passwd">{bomb}'
    text = f"<!DOCTYPE x [{entities}]><urlset><url><loc>a.htm</loc></url>"
    assert A in list(read_sitemap(f"{text}<url><loc>/&e9;&f;</loc></url></urlset>".encode(), URL))
    assert "root:" not in str(list(read_sitemap(f"{text}<url><loc>/&f;</loc></url></urlset>".encode(), URL)))


def test_a_sitemap_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "MAX_BYTES", 1000)
    with pytest.raises(BodyError):
        list(read_sitemap(gzip.compress(b" " * 100_000), URL))


@given(st.binary(max_size=200) | st.text("<>/urlsetoc &;\n", max_size=200).map(str.encode))
def test_any_bytes_are_parsed_without_another_error(body: bytes) -> None:
    try:
        list(read_sitemap(body, URL))
    except BodyError:
        assert body.startswith(b"\x1f\x8b")
    list(read_toc(body, "https://example.org/Data/HelpSystem.xml"))
    list(read_toc(body, "https://example.org/Data/Tocs/x.js"))


@pytest.mark.parametrize(
    ("html", "manifest"),
    [
        ('<html data-mc-path-to-help-system="../../">', "https://example.org/Data/HelpSystem.xml"),
        ('<html data-mc-runtime-file-type="Default">', "https://example.org/a/b/Data/HelpSystem.xml"),
        ('<html xmlns:MadCap="x" MadCap:PathToHelpSystem="../">', "https://example.org/a/Data/HelpSystem.xml"),
        ("<html>", None),
    ],
)
def test_the_manifest_of_a_flare_help_is_found(html: str, manifest: str | None) -> None:
    found = help_system(parse_html(f"{html}<body>x</body></html>"), "https://example.org/a/b/c.htm")
    assert found == (None if manifest is None else Listed(manifest, "toc"))


def test_the_parts_of_a_flare_toc() -> None:
    folder = "https://example.org/help/"
    (toc,) = read_toc(b'<WebHelpSystem Toc="Data/Tocs/A B.js"/>', f"{folder}Data/HelpSystem.xml")
    assert toc == Listed(f"{folder}Data/Tocs/A%20B.js", "toc")
    parts = list(read_toc(b"define({numchunks:2,prefix:'A B_Chunk',chunkstart:[]});", toc.url))
    assert parts == [Listed(f"{folder}Data/Tocs/A%20B_Chunk{number}.js", "toc") for number in (0, 1)]
    script = (
        r"""define({'/Content/it\'s.htm':{i:[0],t:['x'],b:['']},"/b.htm":{"i":[1]},'___':{i:[2]},'/no.htm':'x'});"""
    )
    assert list(read_toc(script.encode(), parts[0].url)) == [
        Listed(f"{folder}Content/it's.htm"),
        Listed(f"{folder}b.htm"),
    ]
