"""Reading bodies that may be traps: larger than they declare, endless, or compressed a thousandfold.

HTTP libraries decompress each chunk in full when it arrives: 64 KB of gzip become 64 MB, and `gzip, gzip` a thousand
times that. So only gzip is requested, a single deflate is read as well, and both are decompressed here, never further
than the limit.
"""

import zlib
from collections.abc import AsyncIterable
from typing import Self

ACCEPT_ENCODING = "gzip"
"""The only encoding that a request asks for."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BodyError(ValueError):
    """A body that was refused. The message says why, as a sentence that follows its URL."""

    @classmethod
    def too_large(cls, limit: int) -> Self:
        """Return the error of a body with more bytes than the limit."""
        return cls(f"it is larger than {limit / 2**20:.0f} MB.")


async def read_body(chunks: AsyncIterable[bytes], encoding: str, limit: int) -> bytes:
    """Join the chunks of a body and decompress it.

    Args:
        chunks: as they arrive, still compressed.
        encoding: the value of Content-Encoding.
        limit: in bytes, after decompression.

    Raises:
        BodyError: the body is larger than the limit, or cannot be decompressed.
    """
    stream = _decompressor(encoding)
    body = bytearray()
    has_data = False
    async for chunk in chunks:
        has_data = has_data or bool(chunk)
        body += chunk if stream is None else _inflate(stream, chunk, limit + 1 - len(body))
        if len(body) > limit:
            raise BodyError.too_large(limit)
    if stream is not None and has_data and not stream.eof:
        raise BodyError("its compressed body is cut off.")
    return bytes(body)


def gunzip(body: bytes, limit: int) -> bytes:
    """Return the content of a .gz file; bytes that are not gzip are returned as they are.

    Raises:
        BodyError: the file is damaged, or its content is larger than the limit.
    """
    if not body.startswith(b"\x1f\x8b"):
        return body
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    content = _inflate(stream, body, limit + 1)
    if len(content) > limit:
        raise BodyError.too_large(limit)
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
            raise BodyError(f"its body is compressed as {other[:40]!r}, which was not requested.")


def _inflate(stream: "zlib._Decompress", chunk: bytes, max_bytes: int) -> bytes:
    """Decompress a chunk to at most `max_bytes` bytes. At least 1, because zlib takes 0 for no limit."""
    try:
        return stream.decompress(chunk, max_bytes)
    except zlib.error as error:
        raise BodyError(f"its body cannot be decompressed ({error}).") from None
