"""Reading a body that may be a trap: larger than it says, endless, or compressed a thousandfold.

Client libraries decompress each piece as it comes, whatever becomes of it: 64 KB of gzip are 64 MB, and `gzip, gzip` is
a thousand times that. So we ask for gzip alone and decompress by hand, never further than the limit.
"""

import zlib
from collections.abc import AsyncIterable

ACCEPTED = "gzip"
"""The value of Accept-Encoding."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BodyError(ValueError):
    """A body that is not read, and why."""


async def read_body(pieces: AsyncIterable[bytes], encoding: str, limit: int) -> bytes:
    """Put a body together.

    Args:
        pieces: as they are on the wire.
        encoding: the value of Content-Encoding.
        limit: of the bytes, decompressed.

    Raises:
        BodyError: it is larger than the limit, or cannot be decompressed.
    """
    stream = _decompressor(encoding)
    body = bytearray()
    began = False
    async for piece in pieces:
        began = began or bool(piece)
        body += piece if stream is None else _inflated(stream, piece, limit + 1 - len(body))
        if len(body) > limit:
            raise BodyError(f"it is larger than {limit / 2**20:.0f} MB.")
    if stream is not None and began and not stream.eof:
        raise BodyError("its compressed body is cut off.")
    return bytes(body)


def gunzip(body: bytes, limit: int) -> bytes:
    """The content of a .gz file; what is none stays as it is.

    Raises:
        BodyError: it is damaged, or larger than the limit.
    """
    if not body.startswith(b"\x1f\x8b"):
        return body
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    content = _inflated(stream, body, limit + 1)
    if len(content) > limit:
        raise BodyError(f"it is larger than {limit / 2**20:.0f} MB.")
    if not stream.eof:
        raise BodyError("it is cut off.")
    return content


def _decompressor(encoding: str) -> "zlib._Decompress | None":
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(_GZIP_OR_ZLIB)
        case other:
            raise BodyError(f"its body is compressed as {other[:40]!r}, which was not asked for.")


def _inflated(stream: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    """What the piece adds, of at least one byte at most `most`."""
    try:
        return stream.decompress(piece, most)
    except zlib.error as error:
        raise BodyError(f"its body cannot be decompressed ({error}).") from None
