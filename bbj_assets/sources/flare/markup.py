"""Reading Flare's files: as XML when they are XML, else as HTML, without losing a word.

Every file of a project should be well-formed XML that begins with a byte order mark. Some files that were edited by
hand are not: they have a bare `&`, an `&nbsp;` that XML does not know, a paragraph that is never closed. A browser
shows these pages, so they are read as a browser reads them, and a warning names the line.
"""

import contextlib
import re
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.convert.html import parse_html
from bbj_assets.errors import ParseError

_MADCAP = "{http://www.madcapsoftware.com/Schemas/MadCap.xsd}"
_CONDITIONS = f"{_MADCAP}conditions"

_FORMATS = {
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"\xd0\xcf\x11\xe0": "an old Office document",
}
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SAVE = "Save it as UTF-8."
_SAMPLE = 4096
_MAX_SHARE_OF_CONTROLS = 0.1

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_DECLARED_ENCODING = re.compile(rb"""\A\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_XML_DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]*>")
_DOCTYPE = re.compile(
    r"\A(?>(?:\s|<!--(?>(?:(?!-->).)*)-->)*)<!DOCTYPE\b[^\[>]*+(?>(?:\[[^\]]*+\]\s*+)?)>", re.DOTALL | re.IGNORECASE
)
_INDENT = re.compile(
    r">\s++(?=</?(?:p|li|ul|ol|td|th|tr|table|thead|tbody|tfoot|col|div|h[1-6]|pre|body|head|html|title|link)\b)"
)
"""White space before the tag of a block. It has no meaning, and no other text is as frequent in a topic.

Without it, the chunks of 7,083 topics take a tenth less time.
"""
_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_SELF_CLOSED = re.compile(
    rf"""<(?!(?:{_VOID})\b)([a-zA-Z][\w:.-]*+)
         ((?>(?:\s++[\w:.-]++(?>(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>/]++))?))*))\s*+/>""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """A file as a tree.

    Attributes:
        problem: an error in the file, and its remedy; empty for none.
        well_formed: whether it is XML; if not, it was read as HTML.
        has_references: whether the file has any `[%=Set.Name%]`.
        has_conditions: whether the file has any condition.
    """

    root: Element
    problem: str = ""
    well_formed: bool = True
    has_references: bool = False
    has_conditions: bool = False


def read_markup(path: str, raw: bytes) -> Markup:
    """Parse a topic or a snippet.

    Raises:
        ParseError: the file is not text, or it is empty.
    """
    text, problem = _decoded(path, raw)
    if not text.strip():
        raise ParseError(f"{path}: is empty. Write the topic, or delete the file.")
    # Attacks on XML parsers use entities that the file defines. No topic has any.
    text = _DOCTYPE.sub(_only_lines, _XML_DECLARATION.sub(_only_lines, text, count=1), count=1)
    page = text if "<![CDATA[" in text else _INDENT.sub(">", text)
    try:
        tree, well_formed = parse_xml(page.encode()), True
    except etree.XMLSyntaxError:
        problem = f"{_first_error(text)}. Read as HTML; correct it, for Flare may show less."
        # HTML knows no `<x />`: it would read the text that follows as the content of the element.
        tree, well_formed = parse_html(_SELF_CLOSED.sub(r"<\1\2></\1>", _CONTROLS.sub(" ", text))), False
    return Markup(
        root=tree,
        problem=problem,
        well_formed=well_formed,
        has_references="[%=" in text,
        has_conditions="onditions" in text,
    )


def parse_xml(page: bytes, *, recover: bool = False) -> Element:
    """Parse XML in UTF-8, with no network, no entities and libxml2's limits on depth and size.

    Raises:
        etree.XMLSyntaxError: it is not well-formed, or beyond the limits.
    """
    parser = etree.XMLParser(
        encoding="utf-8",
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    root: Element | None = etree.fromstring(page, parser)
    return etree.Element("html") if root is None else root


def _only_lines(found: re.Match[str]) -> str:
    """Return only the line breaks of a match, so that line numbers stay those of the file."""
    return "\n" * found[0].count("\n")


def _first_error(text: str) -> str:
    try:
        parse_xml(text.encode())
    except etree.XMLSyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        return line + str(error.msg or "not XML").split(", line ")[0]
    return "not XML"


def tag_of(element: Element) -> str:
    """Return the name of an element in lower case, with `madcap:` before those of Flare; empty for another node."""
    return _tag(element.tag) if isinstance(element.tag, str) else ""


def madcap(element: Element, attribute: str) -> str | None:
    """Return the value of an attribute of Flare, in a file that was read as XML or as HTML."""
    value = element.get(_MADCAP + attribute)
    return element.get(f"madcap:{attribute.lower()}") if value is None else value


def conditions_of(element: Element) -> str | None:
    """Return the conditions of an element as they are written. Short, because it runs for every element."""
    return element.get(_CONDITIONS) or element.get("madcap:conditions")


def blank(element: Element, tag: str = "span") -> None:
    """Empty an element and keep its place. To remove it would move the text of its siblings."""
    tail = element.tail
    element.clear()
    element.tag, element.tail = tag, tail


def plain(text: str) -> str:
    """Return the text on one line, without invisible characters."""
    return " ".join(_CONTROLS.sub(" ", text.replace("\u200b", "").replace("\ufeff", "").replace("\xad", "")).split())


def body_of(root: Element) -> Element:
    """Return the element whose content is the page: the `body`, or the root of a fragment."""
    return next((child for child in root.iterchildren() if tag_of(child) == "body"), root)


@lru_cache(maxsize=2048)
def _tag(tag: str) -> str:
    namespace, _, local = tag.rpartition("}")
    return f"madcap:{local.lower()}" if namespace and namespace + "}" == _MADCAP else local.lower()


def _decoded(path: str, raw: bytes) -> tuple[str, str]:
    """Return the text, and the problem with its encoding; empty for none."""
    for start, name in _FORMATS.items():
        if raw.startswith(start):
            raise ParseError(f"{path}: is {name}, not a topic. Rename it, or leave it out with `exclude`.")
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            text = raw[len(mark) :].decode(encoding, "replace")
            problem = f"has characters that are not {encoding.upper()}. {_SAVE}" if "\ufffd" in text else ""
            break
    else:
        text, problem = _decoded_without_mark(raw)
    sample = text[:_SAMPLE]
    if len(_CONTROLS.findall(sample)) > len(sample) * _MAX_SHARE_OF_CONTROLS:
        raise ParseError(f"{path}: is no text, so it is not a topic. Rename it, or leave it out with `exclude`.")
    return text, problem


def _decoded_without_mark(raw: bytes) -> tuple[str, str]:
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        declared = _DECLARED_ENCODING.match(raw)
    if declared and declared[1].lower() != b"utf-8":
        with contextlib.suppress(LookupError, ValueError):
            return raw.decode(declared[1].decode()), ""
    return raw.decode("cp1252", "replace"), f"is not UTF-8, and was read as cp1252. {_SAVE}"
