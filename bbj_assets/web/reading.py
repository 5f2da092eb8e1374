"""The text and the tree of a page, parsed from its bytes in any encoding.

Beautiful Soup's detector proposes encodings, and the WHATWG's table of labels decides what a label means: ISO-8859-1
on the web is windows-1252. The detector alone would go wrong in three ways, each of which is switched off here: it
takes labels literally, it believes a description that mentions a charset, and it guesses by statistics when
charset-normalizer happens to be installed.
"""

import codecs
import re
from collections.abc import Iterator

import webencodings
from bs4 import BeautifulSoup
from bs4.dammit import EncodingDetector
from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.convert.html import parse_html
from bbj_assets.errors import ParseError

_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD = 4096
"""Bytes at the start of a page in which a declaration of its encoding counts."""

_SUPERSETS = {"gbk": "gb18030", "euc-kr": "cp949", "shift_jis": "cp932", "big5": "big5hkscs"}
"""Python's names of the decoders that the WHATWG defines for these labels. Python's own are narrower."""

_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_META = re.compile(rb"""<meta\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_HTTP_EQUIV = re.compile(rb"\bhttp-equiv\s*=", re.IGNORECASE)
_CONTENT = re.compile(rb"""\bcontent\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]*)""", re.IGNORECASE)
_NOT_HTML = {
    b"%PDF-": "a PDF",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PK\x03\x04": "a ZIP archive",
}


def read_html(url: str, raw: bytes) -> Element:
    """Parse a page with lxml.

    Raises:
        ParseError: the bytes are not text.
    """
    _refuse_binary(url, raw)
    return parse_html(decode_html(raw))


def read_soup(url: str, raw: bytes) -> BeautifulSoup:
    """Parse a page with Beautiful Soup.

    Raises:
        ParseError: the bytes are not text.
    """
    _refuse_binary(url, raw)
    return make_soup(decode_html(raw))


def make_soup(html: str) -> BeautifulSoup:
    """Parse text with Beautiful Soup, in which `class` and `rel` are strings as they are in lxml.

    lxml reads the text first, so that both trees are the same: `parse_html` keeps the text of pages that are nested too
    deeply for libxml2, and text that follows `</body>`.
    """
    text = etree.tostring(parse_html(html), encoding="unicode", method="html")
    return BeautifulSoup(text, "lxml", multi_valued_attributes=None, huge_tree=True)


def decode_html(raw: bytes) -> str:
    """Decode a page by its byte order mark, by its declaration, as UTF-8, or as windows-1252; never raises.

    A declaration counts only if all bytes are valid in its encoding.
    """
    body, marked = EncodingDetector.strip_byte_order_mark(raw)
    for encoding in _encodings(raw):
        try:
            return _decode(body, encoding, errors="replace" if marked else "strict")
        except ValueError:
            continue
    return body.decode("cp1252", "replace")


def with_charset(raw: bytes, charset: str | None) -> bytes:
    """Return a body that declares its own encoding by a byte order mark.

    The charset of the Content-Type header takes precedence over a declaration in the page, and the mirror stores no
    headers. Labels that the WHATWG does not know, or maps to an error page (ISO-2022-KR), are ignored.
    """
    encoding = None if charset is None else webencodings.lookup(charset)
    if encoding is None or encoding.name == "replacement" or raw.startswith(_BOMS):
        return raw
    return codecs.BOM_UTF8 + _decode(raw, encoding, errors="replace").encode("utf-8", "replace")


def _decode(raw: bytes, encoding: webencodings.Encoding, *, errors: str) -> str:
    superset = _SUPERSETS.get(encoding.name)
    codec = codecs.lookup(superset) if superset else encoding.codec_info
    return str(codec.decode(raw, errors)[0])


def _encodings(raw: bytes) -> Iterator[webencodings.Encoding]:
    """Yield the encodings to try, the most certain first."""
    head = _COMMENT.sub(b" ", raw[:_HEAD])
    head = _META.sub(_without_description, head)
    detector = EncodingDetector(head, is_html=True)
    detector.declared_encoding = detector.find_declared_encoding(head, is_html=True, search_entire_document=True)
    detector.chardet_encoding = "utf-8"  # in place of its guess by statistics
    for label in detector.encodings:
        encoding = webencodings.lookup(label)
        if encoding is None:
            continue
        if encoding.name.startswith("utf-16") and label == detector.declared_encoding:
            encoding = webencodings.UTF8  # a declaration that could be read as ASCII is not in UTF-16
        yield encoding


def _without_description(meta: re.Match[bytes]) -> bytes:
    """Return a `meta` element without its content, which declares an encoding only together with `http-equiv`."""
    return meta[0] if _HTTP_EQUIV.search(meta[0]) else _CONTENT.sub(b"", meta[0])


def _refuse_binary(url: str, raw: bytes) -> None:
    for magic, what in _NOT_HTML.items():
        if raw.startswith(magic):
            raise ParseError(f"{url}: it is {what}, not HTML, despite its name. Correct the page, or exclude it.")
    if not raw.startswith(_BOMS) and b"\0" in raw[:_HEAD]:
        raise ParseError(f"{url}: it is binary, not HTML. Correct the page, or exclude it in sources.toml.")
