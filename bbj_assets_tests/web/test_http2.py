"""A site behind TLS that speaks HTTP/2, as most sites do. The server of the other tests is plain HTTP/1.1."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

from bbj_assets.web.client import SiteClient
from bbj_assets.web.responses import Page


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a site that responds with the version of HTTP of the request."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "site.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = Config()
        config.bind = [f"fd://{listening.fileno()}"]
        config.certfile = config.keyfile = str(tmp_path / "site.pem")
        loop, ended = asyncio.new_event_loop(), asyncio.Event()
        server = Thread(target=loop.run_until_complete, args=[serve(_respond, config, shutdown_trigger=ended.wait)])
        server.start()
        yield f"https://localhost:{listening.getsockname()[1]}"
        loop.call_soon_threadsafe(ended.set)
        server.join()
        loop.close()
        listening.detach()  # hypercorn has closed it


async def _respond(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        status = 404 if scope["path"] == "/robots.txt" else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": scope["http_version"].encode()})


def test_http_2_is_used_where_the_site_speaks_it(site: str) -> None:
    async def fetch() -> list[Page]:
        async with SiteClient(site, requests_per_second=100, concurrency=4) as client:
            responses = await asyncio.gather(*(client.get(f"{site}/{number}") for number in range(4)))
            return [response for response in responses if isinstance(response, Page)]

    assert [page.body for page in asyncio.run(fetch())] == [b"2"] * 4
