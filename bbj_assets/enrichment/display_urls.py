"""Display URLs: the address that a reader opens, from the base in sources.toml and a rule per parser."""

import re
from urllib.parse import quote, urljoin

from bbj_assets.documents import Document
from bbj_assets.source import Source

# Docusaurus's own rule: `02-setup` is `setup` with a position; `2024-01-15-note` and `7.0-notes` are whole names.
_NUMBER_PREFIX = re.compile(r"^(?!\d+[-_.]\d)\d+\s*[-_.]+\s*(?=[^-_.\s])")
_SUFFIX = re.compile(r"\.mdx?$", re.IGNORECASE)
_UNESCAPED = "/~!$&'()*+,;=:@"


def display_url(document: Document, source: Source) -> str | None:
    """Return where the document can be read; None if it has no page (a section of a PDF, a program)."""
    if document.source_url.startswith(("http://", "https://")):
        return document.source_url
    base = source.display_url
    if base is None:
        return None
    path = document.source_url.partition("://")[2]
    match source.parser:
        case "flare":
            return f"{base}/{quote(path.removeprefix('Content/'), safe=_UNESCAPED)}"
        case "mdx":
            return _docusaurus_page(document, base=base, path=path)
        case _:
            return None


def _docusaurus_page(document: Document, *, base: str, path: str) -> str:
    *folders, file = [_NUMBER_PREFIX.sub("", segment) for segment in path.split("/")]
    name = _SUFFIX.sub("", file)
    slug = document.metadata.get("slug")
    if isinstance(slug, str) and slug.strip():
        below = "/" + "".join(f"{folder}/" for folder in folders)
        page = urljoin(below, quote(slug.strip(), safe=_UNESCAPED)) if not slug.startswith("//") else slug
        return f"{base}/{page.strip('/')}".rstrip("/")
    if name.lower() in ("index", "readme") or (folders and name.lower() == folders[-1].lower()):
        segments = folders  # the index page of its folder
    else:
        segments = [*folders, name]
    return "/".join([base, *(quote(segment, safe=_UNESCAPED) for segment in segments)])
