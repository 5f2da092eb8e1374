import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar, TypeVar

import httpx
import pytest

from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.web import client as module
from bbj_assets.web.client import SiteClient
from bbj_assets.web.content_types import PDF
from bbj_assets.web.mirror import MirroredPage
from bbj_assets.web.network import SiteTransport
from bbj_assets.web.responses import (
    Disallowed,
    Gone,
    NotModified,
    OtherContentType,
    OutsideSite,
    Page,
    PageError,
    Response,
    TransientError,
)
from bbj_assets_tests.fakes.site_server import Answer, SiteServer, redirect, refusal, zipped

T = TypeVar("T")
CLOCK_TOLERANCE = 0.25
"""Seconds by which the server's times of requests may differ from those of the client."""


def with_client(url: str, work: Callable[[SiteClient], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        async with SiteClient(url, **{"requests_per_second": 1000, **options}) as client:
            return await work(client)

    return asyncio.run(run())


def get(site: SiteServer, path: str, **options: Any) -> Response:
    return with_client(f"{site.url}/", lambda client: client.get(f"{site.url}{path}", **options))


def problem(site: SiteServer, path: str, kind: type[PageError] = PageError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        get(site, path, **options)
    assert str(caught.value) == f"{site.url}{path}: {caught.value.reason}"
    return caught.value.reason


def test_a_page_has_the_headers_of_its_response(site: SiteServer) -> None:
    served = Answer(b"<p>x", content_type="Text/HTML; charset=ISO-8859-1", headers={"Last-Modified": "then"})
    site.put("/a.htm", served)
    url = f"{site.url}/a.htm"
    assert get(site, "/a.htm") == Page(
        url=url, body=b"<p>x", content_type="text/html", charset="iso-8859-1", etag=served.etag, last_modified="then"
    )
    headers = site.requests[-1].headers
    assert headers["user-agent"].startswith("bbj-assets/")
    assert headers["host"] == site.url.removeprefix("http://")


def test_an_unchanged_page_costs_a_304(site: SiteServer) -> None:
    site.put("/a.htm", "<p>x")
    url = f"{site.url}/a.htm"
    stored = {url: MirroredPage(url, "pages/a", site.pages["/a.htm"].etag, "then", None)}
    assert get(site, "/a.htm", stored=stored.get) == NotModified(url)
    assert site.requests[-1].headers["if-modified-since"] == "then"
    site.put("/a.htm", "<p>new")
    response = get(site, "/a.htm", stored=stored.get)
    assert isinstance(response, Page)
    assert response.body == b"<p>new"


def test_a_304_for_an_unconditional_request_is_an_error(site: SiteServer) -> None:
    site.put("/a.htm", Answer(status=304))
    assert "304" in problem(site, "/a.htm")


@pytest.mark.parametrize("status", [404, 410])
def test_a_404_or_410_is_gone(site: SiteServer, status: int) -> None:
    site.put("/a.htm", refusal(status))
    assert get(site, "/a.htm") == Gone(f"{site.url}/a.htm")
    assert site.paths() == ["/robots.txt", "/a.htm"]


@pytest.mark.parametrize(
    "fault", [refusal(500), refusal(503, retry_after="0"), refusal(429), Answer(b"xx", breaks=True)]
)
def test_transient_failures_are_retried(site: SiteServer, fault: Answer) -> None:
    site.put("/a.htm", "<p>x")
    site.fail_next("/a.htm", fault, fault, fault)
    response = get(site, "/a.htm")
    assert isinstance(response, Page)
    assert site.paths().count("/a.htm") == 4


def test_a_persistent_failure_is_an_error_after_three_retries(site: SiteServer) -> None:
    site.put("/a.htm", refusal(500))
    assert problem(site, "/a.htm", TransientError) == "the site answers 500 Internal Server Error."
    assert site.paths().count("/a.htm") == 4


@pytest.mark.parametrize("status", [400, 401, 403, 418, 204])
def test_permanent_failures_are_not_retried(site: SiteServer, status: int) -> None:
    site.put("/a.htm", refusal(status))
    assert str(status) in problem(site, "/a.htm")
    assert site.paths().count("/a.htm") == 1


def test_a_slow_page_times_out(site: SiteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT", 0.05)
    site.put("/a.htm", Answer(b"x", delay=5))
    assert "no complete response" in problem(site, "/a.htm", TransientError)


@pytest.mark.parametrize("retry_after", ["1", "date"])
def test_retry_after_pauses_all_requests(site: SiteServer, retry_after: str) -> None:
    site.put("/a.htm", "<p>x")
    site.put("/b.htm", "<p>y")
    later = (
        retry_after if retry_after == "1" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    )
    site.fail_next("/a.htm", refusal(429, retry_after=later))

    async def both(client: SiteClient) -> None:
        first = asyncio.create_task(client.get(f"{site.url}/a.htm"))
        while "/a.htm" not in site.paths():  # noqa: ASYNC110 - the server lives in another thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await asyncio.gather(first, client.get(f"{site.url}/b.htm"))

    with_client(f"{site.url}/", both)
    refused, *others = [request.time for request in site.requests if request.path != "/robots.txt"]
    assert len(others) == 2
    assert min(others) - refused >= 1 - CLOCK_TOLERANCE


def test_a_long_retry_after_ends_the_crawl(site: SiteServer) -> None:
    site.put("/a.htm", refusal(429, retry_after="3600"))
    with pytest.raises(ListingError, match="demands a pause of 3600 seconds"):
        get(site, "/a.htm")
    assert site.paths().count("/a.htm") == 1


def test_too_many_failures_in_a_row_end_the_crawl(site: SiteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRIES", 0)

    async def work(client: SiteClient) -> None:
        for number in range(20):
            with pytest.raises(TransientError):
                await client.get(f"{site.url}/{number}.htm")

    for number in range(20):
        site.put(f"/{number}.htm", refusal(500))
    with pytest.raises(ListingError, match="10 pages in a row"):
        with_client(f"{site.url}/", work)
    assert len(site.requests) == 1 + 10


def test_requests_keep_to_the_rate_and_the_concurrency(site: SiteServer) -> None:
    site.latency = 0.02
    for number in range(60):
        site.put(f"/{number}.htm", "<p>x")

    async def work(client: SiteClient) -> None:
        await asyncio.gather(*(client.get(f"{site.url}/{number}.htm") for number in range(60)))

    with_client(f"{site.url}/", work, requests_per_second=50, concurrency=3)
    times = sorted(request.time for request in site.requests)
    assert len(times) == 61
    for width in (20, 60):
        shortest = min(late - early for early, late in zip(times, times[width:], strict=False))
        assert shortest >= width / 50 - CLOCK_TOLERANCE
    assert site.most_at_once <= 3


@pytest.mark.parametrize("rule", ["Crawl-delay: 0.3", "Request-rate: 10/3"])
def test_the_interval_of_robots_txt_is_kept(site: SiteServer, rule: str) -> None:
    site.put("/robots.txt", Answer(f"User-agent: *\n{rule}\n".encode(), content_type="text/plain"))
    site.put("/a.htm", "<p>x")

    async def work(client: SiteClient) -> None:
        for _ in range(4):
            await client.get(f"{site.url}/a.htm")

    with_client(f"{site.url}/", work)
    times = [request.time for request in site.requests if request.path == "/a.htm"]
    assert times[-1] - times[0] >= 3 * 0.3 - CLOCK_TOLERANCE


def test_an_excessive_crawl_delay_is_an_error(site: SiteServer) -> None:
    site.put("/robots.txt", "User-agent: bbj-assets\nCrawl-delay: 86400\n")
    with pytest.raises(ListingError, match="86400 seconds between"):
        get(site, "/a.htm")


def test_robots_txt_is_obeyed(site: SiteServer) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private/\nAllow: /private/but.htm\nSitemap: /list.xml\n")
    site.put("/private/but.htm", "<p>x")
    site.put("/there.htm", redirect("/private/a.htm"))
    assert problem(site, "/private/a.htm", Disallowed) == "robots.txt disallows it."
    assert isinstance(get(site, "/private/but.htm"), Page)
    with pytest.raises(Disallowed):
        get(site, "/there.htm")
    assert "/private/a.htm" not in site.paths()


def test_sitemaps_of_robots_txt_on_other_hosts_are_ignored(site: SiteServer) -> None:
    site.put("/robots.txt", f"Sitemap: {site.url}/a.xml\nSitemap: https://elsewhere.test/b.xml\nSitemap: /c.xml\n")

    async def work(client: SiteClient) -> list[str]:
        return client.sitemaps()

    assert with_client(f"{site.url}/", work) == [f"{site.url}/a.xml", f"{site.url}/c.xml"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_without_a_robots_txt_everything_is_allowed(site: SiteServer, status: int) -> None:
    site.put("/robots.txt", refusal(status))
    site.put("/a.htm", "<p>x")
    assert isinstance(get(site, "/a.htm"), Page)


@pytest.mark.parametrize("failure", [refusal(500), refusal(503), refusal(429), Answer(b"xx", breaks=True)])
def test_when_robots_txt_fails_nothing_is_fetched(site: SiteServer, failure: Answer) -> None:
    site.put("/robots.txt", failure)
    with pytest.raises(ListingError, match=r"robots\.txt"):
        get(site, "/a.htm")
    assert set(site.paths()) == {"/robots.txt"}


def test_a_site_that_has_moved_is_said_with_its_new_address(site: SiteServer) -> None:
    site.put("/robots.txt", redirect("https://elsewhere.test/robots.txt"))
    with pytest.raises(ListingError, match=r"has moved to https://elsewhere\.test"):
        get(site, "/a.htm")


def test_nobody_listens() -> None:
    with SiteServer() as site:
        url = site.url
    with pytest.raises(ListingError, match="connection failed"):
        with_client(url, lambda client: client.get(url))


def test_a_name_that_does_not_resolve_is_said() -> None:
    with pytest.raises(ListingError, match="cannot be resolved"):
        with_client("http://no-such-host.invalid/", lambda client: client.get("http://no-such-host.invalid/"))


@pytest.mark.parametrize("url", ["", "no address", "ftp://example.org/", "http://["])
def test_an_address_that_is_none_is_a_matter_of_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        SiteClient(url)


def test_redirects_are_followed_and_reported(site: SiteServer) -> None:
    site.put("/a.htm", redirect("b.htm", 301))
    site.put("/b.htm", redirect("/sub/c.htm?x=1", 308))
    site.put("/t.htm", redirect("/b.htm", 302))
    site.put("/sub/c.htm?x=1", "<p>x")
    for path, moved in (("/a.htm", "permanently"), ("/t.htm", "temporarily")):
        response = get(site, path)
        assert isinstance(response, Page)
        assert (response.url, response.moved) == (f"{site.url}/sub/c.htm?x=1", moved)


def test_each_hop_is_requested_with_its_own_validators(site: SiteServer) -> None:
    site.put("/a.htm", redirect("b.htm"))
    site.put("/b.htm", "<p>x")
    url = f"{site.url}/b.htm"
    stored = {url: MirroredPage(url, "pages/b", site.pages["/b.htm"].etag, None, None)}
    assert get(site, "/a.htm", stored=stored.get) == NotModified(url, moved="permanently")


def test_redirects_in_a_circle_are_an_error(site: SiteServer) -> None:
    site.put("/a.htm", redirect("/b.htm"))
    site.put("/b.htm", redirect("/a.htm"))
    assert "circle" in problem(site, "/a.htm")
    assert site.paths() == ["/robots.txt", "/a.htm", "/b.htm"]


def test_too_many_redirects_are_an_error(site: SiteServer) -> None:
    for number in range(20):
        site.put(f"/{number}.htm", redirect(f"/{number + 1}.htm"))
    assert "more than 5 times" in problem(site, "/0.htm")
    assert len(site.requests) == 1 + 6


@pytest.mark.parametrize(
    ("to", "status", "permanently"),
    [("https://elsewhere.test/", 301, True), ("http://127.0.0.1:1/", 302, False), ("/outside/x.htm", 302, False)],
)
def test_redirects_out_of_the_site_are_not_followed(site: SiteServer, to: str, status: int, permanently: bool) -> None:
    site.put("/help/a.htm", redirect(to, status))

    async def work(client: SiteClient) -> None:
        await client.get(f"{site.url}/help/a.htm")

    with pytest.raises(OutsideSite) as caught:
        with_client(f"{site.url}/help/", work, within=lambda url: url.startswith(f"{site.url}/help/"))
    assert caught.value.permanently is permanently
    assert site.paths() == ["/robots.txt", "/help/a.htm"]


@pytest.mark.parametrize("to", ["mailto:someone@example.org", "http://[", "https://exa mple.org/"])
def test_a_redirect_to_an_invalid_url_is_an_error(site: SiteServer, to: str) -> None:
    site.put("/a.htm", redirect(to))
    assert "not a web address" in problem(site, "/a.htm")
    assert site.paths().count("/a.htm") == 1


def test_a_body_of_another_content_type_is_not_read(site: SiteServer) -> None:
    site.put("/a.htm", Answer(b"%PDF", content_type="application/pdf", repeats=10_000_000))
    assert get(site, "/a.htm") == OtherContentType(f"{site.url}/a.htm", "application/pdf")
    assert isinstance(get(site, "/robots.txt", content_types=PDF), Gone)


def test_a_body_without_a_content_type_is_read(site: SiteServer) -> None:
    site.put("/a.htm", Answer(b"<p>x", content_type=""))
    response = get(site, "/a.htm")
    assert isinstance(response, Page)
    assert (response.body, response.content_type) == (b"<p>x", "")


@pytest.mark.parametrize("length", ["true", "none", 5_000_000_000])
def test_a_page_of_50_mb_is_refused(site: SiteServer, length: Any) -> None:
    site.put("/a.htm", Answer(b"x" * 2**20, repeats=50, length=length))
    assert problem(site, "/a.htm") == "it is larger than 10 MB."
    assert site.paths().count("/a.htm") == 1


def test_a_page_that_inflates_to_50_mb_is_refused(site: SiteServer) -> None:
    site.put("/a.htm", zipped(b"x" * 50 * 2**20))
    assert problem(site, "/a.htm") == "it is larger than 10 MB."


def test_a_compressed_page_is_read(site: SiteServer) -> None:
    site.put("/a.htm", zipped(b"<p>x"))
    response = get(site, "/a.htm")
    assert isinstance(response, Page)
    assert response.body == b"<p>x"
    assert site.requests[-1].headers["accept-encoding"] == "gzip"


def test_the_page_count_of_a_list_is_returned(site: SiteServer) -> None:
    site.put("/a.htm", Answer(b"[]", content_type="application/json", headers={"X-WP-TotalPages": "7"}))
    response = get(site, "/a.htm", content_types=("application/json",))
    assert isinstance(response, Page)
    assert response.total_pages == 7


def test_credentials_of_the_url_are_sent_and_never_shown(site: SiteServer) -> None:
    site.put("/a.htm", refusal(401))
    with_credentials = site.url.replace("http://", "http://user:se%63ret@") + "/"
    with pytest.raises(PageError) as caught:
        with_client(with_credentials, lambda client: client.get(f"{site.url}/a.htm"))
    assert site.requests[-1].headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert "secret" not in str(caught.value)


def test_a_host_is_reached_by_whichever_address_accepts_connections() -> None:
    with SiteServer("localhost") as site:  # ::1 comes first on most machines, and the server listens on 127.0.0.1 only
        site.put("/a.htm", "<p>x")
        response = get(site, "/a.htm")
        assert isinstance(response, Page)
        assert site.requests[-1].headers["host"] == f"localhost:{site.port}"


def test_a_public_host_that_resolves_to_this_machine_is_not_connected_to(site: SiteServer) -> None:
    async def run() -> None:
        transport = SiteTransport(httpx.Limits(), is_public=True)
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get(f"http://localhost:{site.port}/")

    with pytest.raises(httpx.ConnectError, match="no address that may be connected to"):
        asyncio.run(run())
    assert site.requests == []


def test_requests_go_through_an_injected_transport(site: SiteServer) -> None:
    class RecordingTransport(httpx.AsyncHTTPTransport):
        paths: ClassVar[list[str]] = []

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.paths.append(request.url.path)
            return await super().handle_async_request(request)

    site.put("/a.htm", "<p>x")
    transport = RecordingTransport()
    response = with_client(f"{site.url}/", lambda client: client.get(f"{site.url}/a.htm"), transport=transport)
    assert isinstance(response, Page)
    assert transport.paths == ["/robots.txt", "/a.htm"]
