import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import httpx
import pytest

from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.web import fetcher as module
from bbj_assets.web.answers import (
    Answer as FetchAnswer,
)
from bbj_assets.web.answers import (
    Disallowed,
    Gone,
    NotModified,
    OtherKind,
    OutsideSite,
    Page,
    PageError,
    TransientError,
)
from bbj_assets.web.fetcher import PDF, Fetcher
from bbj_assets.web.mirror import MirroredPage
from bbj_assets.web.network import SiteTransport
from bbj_assets_tests.fakes.site_server import Answer, SiteServer, redirect, refusal, zipped

T = TypeVar("T")
CLOCK_TOLERANCE = 0.25
"""Seconds by which the times that the server notes may differ from those at which it was asked."""


def fetching(url: str, work: Callable[[Fetcher], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        async with Fetcher(url, **{"requests_per_second": 1000, **options}) as fetcher:
            return await work(fetcher)

    return asyncio.run(run())


def get(site: SiteServer, path: str, **options: Any) -> FetchAnswer:
    return fetching(f"{site.url}/", lambda fetcher: fetcher.get(f"{site.url}{path}", **options))


def problem(site: SiteServer, path: str, kind: type[PageError] = PageError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        get(site, path, **options)
    assert str(caught.value) == f"{site.url}{path}: {caught.value.reason}"
    return caught.value.reason


def test_a_page_comes_with_what_the_server_says_of_it(site: SiteServer) -> None:
    served = Answer(b"<p>x", content_type="Text/HTML; charset=ISO-8859-1", headers={"Last-Modified": "then"})
    site.put("/a.htm", served)
    url = f"{site.url}/a.htm"
    assert get(site, "/a.htm") == Page(
        url, b"<p>x", content_type="text/html", charset="iso-8859-1", etag=served.etag, last_modified="then"
    )
    asked = site.asked[-1].headers
    assert asked["user-agent"].startswith("bbj-assets/")
    assert asked["host"] == site.url.removeprefix("http://")


def test_a_known_page_that_is_unchanged_costs_a_304(site: SiteServer) -> None:
    site.put("/a.htm", "<p>x")
    url = f"{site.url}/a.htm"
    known = {url: MirroredPage(url, "pages/a", site.pages["/a.htm"].etag, "then", None)}
    assert get(site, "/a.htm", known=known.get) == NotModified(url)
    assert site.asked[-1].headers["if-modified-since"] == "then"
    site.put("/a.htm", "<p>new")
    answer = get(site, "/a.htm", known=known.get)
    assert isinstance(answer, Page)
    assert answer.body == b"<p>new"


def test_a_304_that_nobody_asked_for_is_an_error(site: SiteServer) -> None:
    site.put("/a.htm", Answer(status=304))
    assert "304" in problem(site, "/a.htm")


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_is_gone(site: SiteServer, status: int) -> None:
    site.put("/a.htm", refusal(status))
    assert get(site, "/a.htm") == Gone(f"{site.url}/a.htm")
    assert site.paths() == ["/robots.txt", "/a.htm"]


@pytest.mark.parametrize(
    "fault", [refusal(500), refusal(503, retry_after="0"), refusal(429), Answer(b"xx", breaks=True)]
)
def test_what_heals_is_tried_again(site: SiteServer, fault: Answer) -> None:
    site.put("/a.htm", "<p>x")
    site.disturb("/a.htm", fault, fault, fault)
    answer = get(site, "/a.htm")
    assert isinstance(answer, Page)
    assert site.paths().count("/a.htm") == 4


def test_what_does_not_heal_is_an_error_after_three_retries(site: SiteServer) -> None:
    site.put("/a.htm", refusal(500))
    assert problem(site, "/a.htm", TransientError) == "the site answers 500 Internal Server Error."
    assert site.paths().count("/a.htm") == 4


@pytest.mark.parametrize("status", [400, 401, 403, 418, 204])
def test_other_refusals_are_not_tried_again(site: SiteServer, status: int) -> None:
    site.put("/a.htm", refusal(status))
    assert str(status) in problem(site, "/a.htm")
    assert site.paths().count("/a.htm") == 1


def test_a_page_that_is_too_slow_is_an_error(site: SiteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.05)
    site.put("/a.htm", Answer(b"x", delay=5))
    assert "no complete answer" in problem(site, "/a.htm", TransientError)


@pytest.mark.parametrize("asked", ["1", "date"])
def test_retry_after_holds_all_requests(site: SiteServer, asked: str) -> None:
    site.put("/a.htm", "<p>x")
    site.put("/b.htm", "<p>y")
    later = asked if asked == "1" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    site.disturb("/a.htm", refusal(429, retry_after=later))

    async def both(fetcher: Fetcher) -> None:
        first = asyncio.create_task(fetcher.get(f"{site.url}/a.htm"))
        while "/a.htm" not in site.paths():  # noqa: ASYNC110 - the server lives in another thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await asyncio.gather(first, fetcher.get(f"{site.url}/b.htm"))

    fetching(f"{site.url}/", both)
    refused, *others = [asked.time for asked in site.asked if asked.path != "/robots.txt"]
    assert len(others) == 2
    assert min(others) - refused >= 1 - CLOCK_TOLERANCE


def test_a_site_that_asks_for_much_patience_is_left_alone(site: SiteServer) -> None:
    site.put("/a.htm", refusal(429, retry_after="3600"))
    with pytest.raises(ListingError, match="left alone for 3600 seconds"):
        get(site, "/a.htm")
    assert site.paths().count("/a.htm") == 1


def test_a_site_that_fails_again_and_again_is_given_up(site: SiteServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRIES", 0)

    async def work(fetcher: Fetcher) -> None:
        for number in range(20):
            with pytest.raises(TransientError):
                await fetcher.get(f"{site.url}/{number}.htm")

    for number in range(20):
        site.put(f"/{number}.htm", refusal(500))
    with pytest.raises(ListingError, match="10 pages in a row"):
        fetching(f"{site.url}/", work)
    assert len(site.asked) == 1 + 10


def test_requests_keep_to_the_rate_and_the_concurrency(site: SiteServer) -> None:
    site.latency = 0.02
    for number in range(60):
        site.put(f"/{number}.htm", "<p>x")

    async def work(fetcher: Fetcher) -> None:
        await asyncio.gather(*(fetcher.get(f"{site.url}/{number}.htm") for number in range(60)))

    fetching(f"{site.url}/", work, requests_per_second=50, concurrency=3)
    times = sorted(asked.time for asked in site.asked)
    assert len(times) == 61
    for width in (20, 60):
        shortest = min(late - early for early, late in zip(times, times[width:], strict=False))
        assert shortest >= width / 50 - CLOCK_TOLERANCE
    assert site.most_at_once <= 3


@pytest.mark.parametrize("rule", ["Crawl-delay: 0.3", "Request-rate: 10/3"])
def test_the_pace_that_robots_txt_asks_for_is_kept(site: SiteServer, rule: str) -> None:
    site.put("/robots.txt", Answer(f"User-agent: *\n{rule}\n".encode(), content_type="text/plain"))
    site.put("/a.htm", "<p>x")

    async def work(fetcher: Fetcher) -> None:
        for _ in range(4):
            await fetcher.get(f"{site.url}/a.htm")

    fetching(f"{site.url}/", work)
    times = [asked.time for asked in site.asked if asked.path == "/a.htm"]
    assert times[-1] - times[0] >= 3 * 0.3 - CLOCK_TOLERANCE


def test_a_crawl_delay_beyond_reason_means_no_crawling(site: SiteServer) -> None:
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


def test_the_sitemaps_of_robots_txt_are_those_on_the_site(site: SiteServer) -> None:
    site.put("/robots.txt", f"Sitemap: {site.url}/a.xml\nSitemap: https://elsewhere.test/b.xml\nSitemap: /c.xml\n")

    async def work(fetcher: Fetcher) -> list[str]:
        return fetcher.sitemaps()

    assert fetching(f"{site.url}/", work) == [f"{site.url}/a.xml", f"{site.url}/c.xml"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_without_a_robots_txt_everything_is_allowed(site: SiteServer, status: int) -> None:
    site.put("/robots.txt", refusal(status))
    site.put("/a.htm", "<p>x")
    assert isinstance(get(site, "/a.htm"), Page)


@pytest.mark.parametrize("answer", [refusal(500), refusal(503), refusal(429), Answer(b"xx", breaks=True)])
def test_without_an_answer_for_robots_txt_nothing_is_fetched(site: SiteServer, answer: Answer) -> None:
    site.put("/robots.txt", answer)
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
        fetching(url, lambda fetcher: fetcher.get(url))


def test_a_name_that_does_not_resolve_is_said() -> None:
    with pytest.raises(ListingError, match="cannot be resolved"):
        fetching("http://no-such-host.invalid/", lambda fetcher: fetcher.get("http://no-such-host.invalid/"))


@pytest.mark.parametrize("url", ["", "no address", "ftp://example.org/", "http://["])
def test_an_address_that_is_none_is_a_matter_of_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        Fetcher(url)


def test_redirects_are_followed_and_said(site: SiteServer) -> None:
    site.put("/a.htm", redirect("b.htm", 301))
    site.put("/b.htm", redirect("/sub/c.htm?x=1", 308))
    site.put("/t.htm", redirect("/b.htm", 302))
    site.put("/sub/c.htm?x=1", "<p>x")
    for path, moved in (("/a.htm", "permanently"), ("/t.htm", "temporarily")):
        answer = get(site, path)
        assert isinstance(answer, Page)
        assert (answer.url, answer.moved) == (f"{site.url}/sub/c.htm?x=1", moved)


def test_each_hop_is_asked_for_with_its_own_validators(site: SiteServer) -> None:
    site.put("/a.htm", redirect("b.htm"))
    site.put("/b.htm", "<p>x")
    url = f"{site.url}/b.htm"
    known = {url: MirroredPage(url, "pages/b", site.pages["/b.htm"].etag, None, None)}
    assert get(site, "/a.htm", known=known.get) == NotModified(url, moved="permanently")


def test_redirects_in_a_circle_end(site: SiteServer) -> None:
    site.put("/a.htm", redirect("/b.htm"))
    site.put("/b.htm", redirect("/a.htm"))
    assert "circle" in problem(site, "/a.htm")
    assert site.paths() == ["/robots.txt", "/a.htm", "/b.htm"]


def test_redirects_without_end_end(site: SiteServer) -> None:
    for number in range(20):
        site.put(f"/{number}.htm", redirect(f"/{number + 1}.htm"))
    assert "more than 5 times" in problem(site, "/0.htm")
    assert len(site.asked) == 1 + 6


@pytest.mark.parametrize(
    ("to", "status", "permanently"),
    [("https://elsewhere.test/", 301, True), ("http://127.0.0.1:1/", 302, False), ("/outside/x.htm", 302, False)],
)
def test_no_redirect_leads_out(site: SiteServer, to: str, status: int, permanently: bool) -> None:
    site.put("/help/a.htm", redirect(to, status))

    async def work(fetcher: Fetcher) -> None:
        await fetcher.get(f"{site.url}/help/a.htm")

    with pytest.raises(OutsideSite) as caught:
        fetching(f"{site.url}/help/", work, within=lambda url: url.startswith(f"{site.url}/help/"))
    assert caught.value.permanently is permanently
    assert site.paths() == ["/robots.txt", "/help/a.htm"]


@pytest.mark.parametrize("to", ["mailto:someone@example.org", "http://[", "https://exa mple.org/"])
def test_a_redirect_to_no_web_page_is_an_error(site: SiteServer, to: str) -> None:
    site.put("/a.htm", redirect(to))
    assert "no address of the web" in problem(site, "/a.htm")
    assert site.paths().count("/a.htm") == 1


def test_other_kinds_are_told_and_not_read(site: SiteServer) -> None:
    site.put("/a.htm", Answer(b"%PDF", content_type="application/pdf", repeats=10_000_000))
    assert get(site, "/a.htm") == OtherKind(f"{site.url}/a.htm", "application/pdf")
    assert isinstance(get(site, "/robots.txt", kinds=PDF), Gone)


def test_what_has_no_type_is_read(site: SiteServer) -> None:
    site.put("/a.htm", Answer(b"<p>x", content_type=""))
    answer = get(site, "/a.htm")
    assert isinstance(answer, Page)
    assert (answer.body, answer.content_type) == (b"<p>x", "")


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
    answer = get(site, "/a.htm")
    assert isinstance(answer, Page)
    assert answer.body == b"<p>x"
    assert site.asked[-1].headers["accept-encoding"] == "gzip"


def test_the_page_count_of_a_list_is_told(site: SiteServer) -> None:
    site.put("/a.htm", Answer(b"[]", content_type="application/json", headers={"X-WP-TotalPages": "7"}))
    answer = get(site, "/a.htm", kinds=("application/json",))
    assert isinstance(answer, Page)
    assert answer.total_pages == 7


def test_credentials_of_the_url_are_sent_and_never_said(site: SiteServer) -> None:
    site.put("/a.htm", refusal(401))
    with_credentials = site.url.replace("http://", "http://user:se%63ret@") + "/"
    with pytest.raises(PageError) as caught:
        fetching(with_credentials, lambda fetcher: fetcher.get(f"{site.url}/a.htm"))
    assert site.asked[-1].headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert "secret" not in str(caught.value)


def test_a_name_with_several_addresses_is_reached_by_the_one_that_answers() -> None:
    with SiteServer("localhost") as site:  # ::1 comes first on most machines, and it listens on 127.0.0.1 only
        site.put("/a.htm", "<p>x")
        answer = get(site, "/a.htm")
        assert isinstance(answer, Page)
        assert site.asked[-1].headers["host"] == f"localhost:{site.port}"


def test_a_public_site_whose_name_comes_to_lead_to_this_machine_is_not_asked(site: SiteServer) -> None:
    async def run() -> None:
        transport = SiteTransport(httpx.Limits())
        transport._is_public = True  # as its first lookup found it
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get(f"http://localhost:{site.port}/")

    with pytest.raises(httpx.ConnectError, match="no address that may be asked"):
        asyncio.run(run())
    assert site.asked == []
