"""From the bytes of a page to its tree, whatever encoding it is in and whoever says so."""

import codecs
import re

from lxml.etree import _Element as Element

from bbj_assets.convert.html import parse_html
from bbj_assets.errors import ParseError

_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CHARSET = re.compile(
    rb"""<meta[^>]{1,300}?charset\s*=\s*["']?\s*([\w.:-]{1,40})|<\?xml[^>]{1,200}?encoding=["']([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_HEAD = 4096
_NOT_HTML = {
    b"%PDF-": "a PDF",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PK\x03\x04": "a ZIP archive",
}


def read_html(url: str, raw: bytes) -> Element:
    """The tree of a page.

    Raises:
        ParseError: the bytes are no text.
    """
    return parse_html(_decoded(url, raw))


def with_charset(raw: bytes, charset: str | None) -> bytes:
    """A body that says its own encoding: what the server said of it, which counts first, is not kept with it."""
    if charset is None or any(raw.startswith(bom) for bom in _BOMS):
        return raw
    try:
        return codecs.BOM_UTF8 + raw.decode(charset, "replace").encode("utf-8", "replace")
    except (LookupError, ValueError):  # a name that is none
        return raw


def _decoded(url: str, raw: bytes) -> str:
    for start, what in _NOT_HTML.items():
        if raw.startswith(start):
            raise ParseError(f"{url}: it is {what}, not HTML, whatever its name says. Correct the page, or exclude it.")
    for bom, encoding in _BOMS.items():
        if raw.startswith(bom):
            return raw[len(bom) :].decode(encoding, "replace")
    if b"\0" in raw[:_HEAD]:
        raise ParseError(f"{url}: it is binary, not HTML. Correct the page, or exclude it in sources.toml.")
    found = _CHARSET.search(raw[:_HEAD])
    declared = (found[1] or found[2]).decode("ascii") if found else "utf-8"
    for encoding, errors in ((declared, "strict"), ("utf-8", "strict"), ("cp1252", "replace")):
        try:
            return raw.decode(encoding, errors)
        except (LookupError, ValueError):
            continue
    return raw.decode("latin-1")
