"""The content types that web sources ask for, and how large a body of each may be."""

HTML = ("text/html", "application/xhtml+xml")
XML = ("text/xml", "application/xml", "application/gzip", "application/x-gzip", "application/octet-stream")
JSON = ("application/json",)
SCRIPT = ("application/javascript", "text/javascript", "application/x-javascript", "text/ecmascript")
PDF = ("application/pdf",)

_LIMIT = 10 * 2**20
_LARGE_LIMIT = 64 * 2**20
"""A sitemap may have 50 MB (sitemaps.org), and manuals as PDF are large."""


def body_limit(content_type: str) -> int:
    """Return the most bytes, decompressed, that a body of this content type may have."""
    return _LARGE_LIMIT if content_type in (*XML, *PDF) else _LIMIT
