import codecs
import runpy

import pytest
from bs4 import dammit
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.convert.html import parse_html
from bbj_assets.errors import ParseError
from bbj_assets.web.markup import words
from bbj_assets.web.reading import decode_html, make_soup, read_html, read_soup, with_charset
from bbj_assets.web.soup import words as soup_words
from bbj_assets_tests.conftest import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases" / "tools" / "site.py"
URL = "https://example.org/a.htm"
PRICE = "5 € – “puffin”…"  # noqa: RUF001 - characters that windows-1252 has and ISO-8859-1 lacks


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (f'<meta charset="iso-8859-1"><p>{PRICE}'.encode("cp1252"), PRICE),
        (f"<meta charset=latin1><p>{PRICE}".encode("cp1252"), PRICE),
        (f"<meta charset=us-ascii><p>{PRICE}".encode("cp1252"), PRICE),
        (
            f"<meta http-equiv='Content-Type' content='text/html; charset=ISO-8859-1'><p>{PRICE}".encode("cp1252"),
            PRICE,
        ),
        (f'<?xml version="1.0" encoding="iso-8859-1"?><html><p>{PRICE}'.encode("cp1252"), PRICE),
        ('<meta charset="iso-8859-9"><p>Şişe €'.encode("cp1254"), "Şişe €"),
        ('<meta charset="shift_jis"><p>日本語①'.encode("cp932"), "日本語①"),
        ('<meta charset="gb2312"><p>漢字 €'.encode("gb18030"), "漢字 €"),
        ('<meta charset="koi8-r"><p>Привет'.encode("koi8-r"), "Привет"),
    ],
)
def test_a_label_means_what_the_whatwg_says(raw: bytes, text: str) -> None:
    assert decode_html(raw).endswith(f"<p>{text}")


@pytest.mark.parametrize(
    "declaration",
    [
        "<meta http-equiv=Content-Type content='text/html; charset=utf-16'>",
        '<meta charset="utf-16le">',
        '<meta charset="UTF-16BE">',
        '<?xml version="1.0" encoding="utf-16"?>',
    ],
)
def test_a_declaration_of_utf_16_means_utf_8(declaration: str) -> None:
    assert decode_html(f"{declaration}<p>Größe und mehr".encode()).endswith("<p>Größe und mehr")


@pytest.mark.parametrize(
    "head",
    [
        "<meta name='description' content='How to say charset=iso-8859-5 in a page'>",
        '<meta property="og:description" content="charset=iso-8859-5">',
        "<meta content=charset=iso-8859-5 name=description>",
        "<meta name='description' content='How to write <meta charset=iso-8859-5>'>",
        "<!-- <meta charset=iso-8859-5> -->",
        "<meta charset='nonsense'>",
        "<meta charset='replacement'>",
        "<meta charset=''>",
        "<meta charset=unknown-8bit>",
        "<meta charset=utf-7>",
        "<meta charset=hex>",
    ],
)
@pytest.mark.parametrize("declared", ["<meta charset=utf-8>", ""])
def test_only_a_known_label_in_a_declaration_counts(head: str, declared: str) -> None:
    assert decode_html(f"{head}{declared}<p>Die Größe wächst.".encode()).endswith("<p>Die Größe wächst.")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_takes_precedence(encoding: str) -> None:
    bom = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    raw = bom + "<meta charset=koi8-r><p>Größe".encode(encoding)
    assert decode_html(raw) == "<meta charset=koi8-r><p>Größe"


def test_a_wrong_declaration_is_ignored() -> None:
    assert decode_html("<meta charset=utf-8><p>Größe".encode("latin-1")).endswith("Größe")
    assert decode_html("<meta charset=windows-1253><p>Ҁ".encode()).endswith("<p>Ҁ")


def test_encodings_are_not_guessed_by_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    def guess(_raw: bytes) -> str:
        raise AssertionError("a guess by statistics")

    monkeypatch.setattr(dammit, "_chardet_dammit", guess)
    russian = "<p>Съешь же ещё этих мягких французских булок".encode("cp1251")
    assert decode_html(russian) == russian.decode("cp1252", "replace")


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        (f"<p>{PRICE}".encode("cp1252"), "ISO-8859-1", PRICE),
        ("<meta charset=koi8-r><p>Größe".encode(), "utf8", "Größe"),
        ("<p>Größe".encode(), "nonsense", "Größe"),
        ("<p>Größe".encode(), "iso-2022-kr", "Größe"),
        ("<p>Größe".encode(), None, "Größe"),
        ("<p>Größe".encode("utf-8-sig"), "koi8-r", "Größe"),
        ("<p>Größe".encode("utf-16-le"), "utf-16", "Größe"),
    ],
)
def test_the_charset_of_the_header_takes_precedence(raw: bytes, charset: str | None, text: str) -> None:
    assert decode_html(with_charset(raw, charset)).endswith(f"<p>{text}")


@given(st.binary(max_size=200), st.sampled_from(["utf-8", "iso-8859-1", "utf-16", "shift_jis", "x-user-defined", "x"]))
def test_any_bytes_are_decoded(raw: bytes, charset: str) -> None:
    decode_html(raw).encode("utf-8", "replace")
    decode_html(f"<meta charset={charset}>".encode() + raw)
    decode_html(with_charset(raw, charset))


def test_both_parsers_refuse_binary_content() -> None:
    for read in (read_html, read_soup):
        with pytest.raises(ParseError, match="a PDF, not HTML"):
            read(URL, b"%PDF-1.7")
        with pytest.raises(ParseError, match="binary"):
            read(URL, b"MZ\x90\0")


_PIECES = """
    <p> </p> <div> <table> <tr> <td> <br> <script>a<b</script> <style>x{}</style> <template>t</template> &amp; &lt;
    </body> <ruby>a<rt>b</rt></ruby> </html> <!-- --> <pre> <li> <svg> <title> <textarea> &#0; &#173; a b
"""
_MARKUP = st.lists(st.sampled_from(_PIECES.split()), max_size=30).map("".join)


@given(_MARKUP)
def test_both_parsers_read_the_same_words(html: str) -> None:
    assert soup_words(make_soup(html)) == words(parse_html(html))


def test_a_soup_of_a_deeply_nested_page_keeps_its_text() -> None:
    assert soup_words(make_soup(f"{'<div>' * 5000}deep inside")) == "deep inside"


@pytest.mark.skipif(not CASES.exists(), reason="the cases from the field are not beside this repository")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("latin1-header", "Price list € – the “puffin” edition… costs 5"),  # noqa: RUF001 - as in the case
        ("latin1-meta", "Price list € – the “puffin” edition… costs 5"),  # noqa: RUF001 - as in the case
        ("utf16-meta", "The gannet text is plain ASCII."),
        ("desc-charset", "Die Größe des Kormorans wächst."),
    ],
)
def test_the_encodings_of_cases_from_the_field(name: str, text: str) -> None:
    _, headers, raw = runpy.run_path(str(CASES))["A"][f"/help/{name}.htm"]
    _, _, charset = headers["Content-Type"].partition("charset=")
    read = words(read_html(URL, with_charset(raw, charset or None)))
    assert text in read
    assert not any("\x80" <= character <= "\x9f" for character in read)
