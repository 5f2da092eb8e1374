import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.web.bodies import BodyError, gunzip, read_body


def read(body: bytes, encoding: str = "", limit: int = 1000, chunk: int = 7) -> bytes:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), chunk):
            yield body[start : start + chunk]

    return asyncio.run(read_body(chunks(), encoding, limit))


@given(st.binary(max_size=300), st.integers(1, 400))
def test_a_body_is_decompressed_whatever_its_chunks(body: bytes, chunk: int) -> None:
    assert read(body, chunk=chunk) == body
    assert read(gzip.compress(body), "gzip", chunk=chunk) == body
    assert read(zlib.compress(body), "deflate", chunk=chunk) == body


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "X-GZIP", "deflate"])
def test_a_body_beyond_the_limit_is_refused(encoding: str) -> None:
    body = b"x" * 1001
    compressed = {"gzip": gzip.compress(body), "x-gzip": gzip.compress(body), "deflate": zlib.compress(body)}
    wire = compressed.get(encoding.lower(), body)
    with pytest.raises(BodyError, match="larger"):
        read(wire, encoding)
    assert read(wire, encoding, limit=1001) == body


def test_a_bomb_is_not_decompressed_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(BodyError, match="larger than 1 MB"):
        read(bomb, "gzip", limit=2**20, chunk=1000)
    with pytest.raises(BodyError, match="larger than 1 MB"):
        gunzip(bomb, 2**20)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(BodyError, match="not requested"):
        read(b"x", encoding)


@given(st.binary(max_size=200))
def test_damaged_compression_is_an_error(noise: bytes) -> None:
    with pytest.raises(BodyError):
        read(b"\x1f\x8b\x08" + noise, "gzip")
    with pytest.raises(BodyError):
        gunzip(b"\x1f\x8b" + noise[:50], 10_000)


def test_a_truncated_body_is_an_error() -> None:
    body = gzip.compress(b"text that goes on and on")
    with pytest.raises(BodyError, match="cut off"):
        read(body[:-3], "gzip")
    with pytest.raises(BodyError, match="cut off"):
        gunzip(body[:-3], 1000)


def test_gunzip_returns_other_files_unchanged() -> None:
    assert gunzip(b"<urlset/>", 5) == b"<urlset/>"
    assert gunzip(gzip.compress(b"<urlset/>"), 100) == b"<urlset/>"
