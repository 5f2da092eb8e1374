"""The lists of pages that a site keeps besides its links: sitemaps, and the table of contents of Flare's HTML5 output.

Without them most of a help system would be missing: three of four topics are not linked from any other topic, and
Flare's menus are built by a script in the reader's browser. The script reads them from `Data/Tocs/*.js`, and so does
`read_toc`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from typing import Literal, TypeAlias
from urllib.parse import quote, urljoin

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.web.bodies import gunzip
from bbj_assets.web.markup import flare_attribute
from bbj_assets.web.urls import normalised

Kind: TypeAlias = Literal["page", "sitemap", "toc"]

MAX_BYTES = 64 * 2**20
"""The limit of an uncompressed sitemap. The protocol (sitemaps.org) allows 50 MB."""

_XML_REFERENCE = re.compile(r"""\b(?P<name>Toc|Link|Chunk)\s*=\s*(["'])(?P<path>[^"'<>]{1,1000})\2""")
_TOC_CHUNKS = re.compile(r"""["']?numchunks["']?\s*:\s*(\d{1,4})\b""")
_TOC_PREFIX = re.compile(r"""["']?prefix["']?\s*:\s*(["'])([^"'\\]{1,200})\1""")
_TOC_TOPIC = re.compile(r"""(["'])(/(?:(?!\1)[^\\]|\\.){1,1000})\1\s*:\s*\{\s*["']?i["']?\s*:""")


@dataclass(frozen=True, slots=True)
class Listed:
    """A URL that a list names, and what kind of body it has."""

    url: str
    kind: Kind = "page"


def read_sitemap(body: bytes, url: str) -> Iterator[Listed]:
    """Parse a sitemap or a sitemap index, gzipped or not. Reads as far as the XML can be parsed.

    Raises:
        BodyError: the sitemap is larger than `MAX_BYTES`, or damaged gzip.
    """
    content = gunzip(body, MAX_BYTES)
    events = etree.iterparse(
        BytesIO(content), events=("end",), resolve_entities=False, no_network=True, load_dtd=False, recover=True
    )
    try:
        for _, element in events:
            name = _local(element)
            parent = element.getparent()
            if name == "loc" and parent is not None and _local(parent) in ("url", "sitemap"):
                target = normalised(element.text or "", url)
                if target is not None:
                    yield Listed(target, "sitemap" if _local(parent) == "sitemap" else "page")
            elif name in ("url", "sitemap"):
                element.clear()
                while element.getprevious() is not None and parent is not None:
                    del parent[0]
    except etree.XMLSyntaxError:  # an empty file, without even one element
        return


def help_system(root: Element, url: str) -> Listed | None:
    """Return the manifest of the help system of a page; None for a page that is not Flare's HTML5 output."""
    path = flare_attribute(root, "pathtohelpsystem")
    if path is None and flare_attribute(root, "runtimefiletype") is None:
        return None
    manifest = normalised(f"{path or ''}Data/HelpSystem.xml", url)
    return None if manifest is None else Listed(manifest, "toc")


def read_toc(body: bytes, url: str) -> Iterator[Listed]:
    """Parse a file of Flare's table of contents.

    `Data/HelpSystem.xml` names the TOC. `Data/Tocs/X.js` names its parts `X_Chunk0.js`..., which name the topics by
    their paths below the folder of `Data`. The older `Data/Toc.xml` names the topics in `Link` attributes.
    """
    folder = url.partition("/Data/")[0] + "/"
    text = body.decode("utf-8-sig", "replace")
    if url.endswith(".xml"):
        for found in _XML_REFERENCE.finditer(text):
            reference = unescape(found["path"])
            if found["name"] == "Link":
                yield from _listed(folder, reference.lstrip("/"), "page")
            else:
                yield from _listed(folder if found["name"] == "Toc" else url, reference, "toc")
        return
    chunks, prefix = _TOC_CHUNKS.search(text), _TOC_PREFIX.search(text)
    if chunks and prefix:
        for number in range(int(chunks[1])):
            yield from _listed(url, f"{quote(prefix[2])}{number}.js", "toc")
    for topic in _TOC_TOPIC.finditer(text):
        path = re.sub(r"\\(.)", r"\1", topic[2])
        yield from _listed(folder, path.lstrip("/"), "page")


def _listed(base: str, reference: str, kind: Kind) -> Iterator[Listed]:
    try:
        target = normalised(urljoin(base, reference))
    except ValueError:
        return
    if target is not None:
        yield Listed(target, kind)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
