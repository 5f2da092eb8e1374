"""The polite fetcher: every request that a source of the web makes goes through one of these.

It obeys robots.txt, keeps to a rate, asks conditionally, tries again what may heal, waits as long as it is asked to,
and reads nothing that is too large, of another kind, or outside of the site. It follows redirects itself, since each
hop has to be allowed.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

import httpx
from protego import Protego
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.retrying import parse_retry_after, retry_delay
from bbj_assets.web.answers import (
    Answer,
    Disallowed,
    Gone,
    NotModified,
    OtherKind,
    OutsideSite,
    Page,
    PageError,
    TransientError,
)
from bbj_assets.web.bodies import ACCEPTED, BodyError, read_body
from bbj_assets.web.network import site_transport
from bbj_assets.web.pace import Pace
from bbj_assets.web.urls import Site, normalised, shown

HTML = ("text/html", "application/xhtml+xml")
XML = ("text/xml", "application/xml", "application/gzip", "application/x-gzip", "application/octet-stream")
JSON = ("application/json",)
SCRIPT = ("application/javascript", "text/javascript", "application/x-javascript", "text/ecmascript")
PDF = ("application/pdf",)

AGENT = "bbj-assets"
RETRIES = 3
INITIAL_DELAY = 1.0
LONGEST_RETRY_AFTER = 120.0
"""Seconds. A site that asks for more patience is left alone until the next run."""
LONGEST_INTERVAL = 600.0
"""Seconds between two requests. A site that asks for more does not mean to be crawled."""
REQUEST_SECONDS = 60.0
"""That a request may take from beginning to end, however steadily its bytes drip in."""
MOST_FAILURES_IN_A_ROW = 10
"""Pages that fail one after the other, each after all retries: then it is the site that fails."""

_LOCATION = "X-Location"
_MOST_HOPS = 5
_LIMITS = {"application/pdf": 64 * 2**20}
_LIMIT = 10 * 2**20
_LIMIT_XML = 64 * 2**20  # a sitemap may have 50 MB
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Validators(Protocol):
    """What a conditional request needs of a page that is known."""

    @property
    def etag(self) -> str | None: ...
    @property
    def last_modified(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Redirect:
    target: str
    permanently: bool


class Fetcher:
    """Requests to one site; an async context manager, which reads robots.txt first.

    Args:
        url: of the site. Its credentials, if it has any, are sent as Basic authentication.
        within: what a redirect may lead to, by its normalised URL, when the URL that was asked for is of that kind;
            the host, if not given.

    Raises:
        ListingError: on entering: robots.txt cannot be had, so nothing may be fetched.
    """

    def __init__(
        self,
        url: str,
        *,
        requests_per_second: float = 2.0,
        concurrency: int = 2,
        within: Callable[[str], bool] = lambda _url: True,
    ) -> None:
        site = Site.of(url)
        if site is None:
            raise ConfigurationError([f"{shown(url)!r} is no address of a website. Correct `url` in sources.toml."])
        self.site = site
        self._within = within
        self._pace = Pace(1 / requests_per_second)
        self._places = asyncio.Semaphore(concurrency)
        self._robots: Protego | None = None
        self._failures_in_a_row = 0
        self._open = AsyncExitStack()
        self._client = httpx.AsyncClient(
            transport=site_transport(site.origin, httpx.Limits(max_connections=concurrency)),
            headers={"User-Agent": _user_agent(), "Accept-Encoding": ACCEPTED},
            auth=_credentials(url),
            timeout=_TIMEOUT,
            follow_redirects=False,
            event_hooks={"response": [_keep_location]},
        )

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._client)
        try:
            await self._read_robots()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def get(
        self,
        url: str,
        *,
        known: Callable[[str], Validators | None] = lambda _url: None,
        kinds: Collection[str] = HTML,
    ) -> Answer:
        """Fetch what is at a normalised URL, following redirects.

        Args:
            known: the validators of what is stored under a URL (`mirror.page`); they make a 304 possible.
            kinds: content types to read; of others only the name is told. An answer that has no type is read.

        Raises:
            PageError: it cannot be had, after retries where those may help; also `Disallowed` and `OutsideSite`.
            ListingError: the site has failed too often in a row, or asks to be left alone.
        """
        hops = [url]
        moved = ""
        while True:
            if self._robots is not None and not self._robots.can_fetch(url, AGENT):
                raise Disallowed(url)
            answer = await self._persistently(url, known(url), kinds)
            if not isinstance(answer, _Redirect):
                return replace(answer, moved=moved) if moved else answer
            moved = "permanently" if answer.permanently and moved != "temporarily" else "temporarily"
            target = self._target(hops, answer)
            hops.append(target)
            url = target

    def sitemaps(self) -> list[str]:
        """The sitemaps that robots.txt names, as far as they are on the site's host."""
        named = self._robots.sitemaps if self._robots is not None else ()
        urls = (normalised(str(url), self.site.origin) for url in named)
        return [url for url in urls if url is not None and self._is_on_host(url)]

    def _target(self, hops: list[str], redirect: _Redirect) -> str:
        target = normalised(redirect.target, hops[-1])
        if target is None:
            raise PageError(hops[0], f"redirects to {redirect.target[:200]!r}, which is no address of the web.")
        if not self._is_on_host(target) or (self._within(hops[0]) and not self._within(target)):
            raise OutsideSite(hops[0], target, permanently=redirect.permanently)
        if target in hops:
            raise PageError(hops[0], f"redirects in a circle: {' → '.join(map(shown, [*hops, target]))}.")
        if len(hops) > _MOST_HOPS:
            raise PageError(hops[0], f"redirects more than {_MOST_HOPS} times.")
        return target

    def _is_on_host(self, url: str) -> bool:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}" == self.site.origin

    async def _persistently(self, url: str, known: Validators | None, kinds: Collection[str]) -> Answer | _Redirect:
        """What one URL answers, asked again while the answer is one that may heal."""

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, TransientError) else None
            return max(retry_delay(state.attempt_number, INITIAL_DELAY, asked), asked or 0.0)

        attempts = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(1 + RETRIES),
            wait=wait,
            reraise=True,
        )
        try:
            answer: Answer | _Redirect = await attempts(self._ask, url, known, kinds)
        except TransientError as error:
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= MOST_FAILURES_IN_A_ROW:
                raise ListingError(
                    f"{self.site.origin} failed for {self._failures_in_a_row} pages in a row, at last for {error} "
                    "What was fetched until then is kept; the next run goes on from there."
                ) from error
            raise
        self._failures_in_a_row = 0
        return answer

    async def _ask(self, url: str, known: Validators | None, kinds: Collection[str]) -> Answer | _Redirect:
        headers = {"Accept": ", ".join([*kinds, "*/*;q=0.1"])}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        if known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        async with self._places:
            await self._pace.turn()
            try:
                async with (
                    asyncio.timeout(REQUEST_SECONDS),
                    self._client.stream("GET", url, headers=headers) as response,
                ):
                    return await self._answer(url, response, kinds, conditional=len(headers) > 1)
            except TimeoutError:
                raise TransientError(url, f"no complete answer within {REQUEST_SECONDS:g} seconds.") from None
            except httpx.TimeoutException as error:
                raise TransientError(url, f"no answer in time ({type(error).__name__}).") from error
            except httpx.TransportError as error:
                raise TransientError(url, f"the connection failed ({type(error).__name__}: {error}).") from error
            except (httpx.HTTPError, httpx.InvalidURL, BodyError) as error:
                raise PageError(url, str(error)) from error

    async def _answer(
        self, url: str, response: httpx.Response, kinds: Collection[str], *, conditional: bool
    ) -> Answer | _Redirect:
        status = response.status_code
        if status == 304 and conditional:
            return NotModified(url)
        if status in (301, 302, 303, 307, 308) and _LOCATION in response.headers:
            return _Redirect(response.headers[_LOCATION], permanently=status in (301, 308))
        if status in (404, 410):
            return Gone(url)
        if status != 200:
            raise self._refusal(url, response)
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type and kinds and content_type not in kinds:
            return OtherKind(url, content_type)
        limit = _LIMIT_XML if content_type in XML else _LIMITS.get(content_type, _LIMIT)
        if _integer(response.headers.get("Content-Length")) > limit:
            raise BodyError(f"it is larger than {limit / 2**20:.0f} MB.")
        body = await read_body(response.aiter_raw(), response.headers.get("Content-Encoding", ""), limit)
        return Page(
            url,
            body,
            content_type=content_type,
            charset=response.charset_encoding,
            etag=response.headers.get("ETag"),
            last_modified=response.headers.get("Last-Modified"),
            total_pages=_integer(response.headers.get("X-WP-TotalPages")) or None,
            total=_integer(response.headers.get("X-WP-Total")) or None,
            link=response.headers.get("Link", ""),
        )

    def _refusal(self, url: str, response: httpx.Response) -> PageError:
        status = response.status_code
        said = f"the site answers {status} {response.reason_phrase}".rstrip()
        if status not in (408, 425, 429) and status < 500:
            remedy = " Put credentials into `url` (https://user:password@...)." if status == 401 else ""
            return PageError(url, f"{said}.{remedy}", status=status)
        retry_after = parse_retry_after(response.headers.get("Retry-After"))
        if retry_after is not None:
            if retry_after > LONGEST_RETRY_AFTER:
                raise ListingError(
                    f"{self.site.origin} asks to be left alone for {retry_after:.0f} seconds ({status}). What was "
                    "fetched until then is kept: run this source again after that, or lower its requests_per_second."
                )
            self._pace.pause(retry_after)
        return TransientError(url, f"{said}.", status=status, retry_after=retry_after)

    async def _read_robots(self) -> None:
        url = f"{self.site.origin}/robots.txt"
        try:
            answer = await self.get(url, kinds=())
        except OutsideSite as error:
            raise ListingError(
                f"{self.site.origin} has moved to {shown(error.target)}. Correct `url` in sources.toml accordingly."
            ) from error
        except PageError as error:
            if isinstance(error, TransientError) or error.status is None or not 400 <= error.status < 500:
                raise ListingError(
                    f"{error} Without robots.txt nothing may be fetched, and nothing was deleted. Try again later, or "
                    "correct `url` in sources.toml."
                ) from error
            answer = Gone(url)  # RFC 9309, 2.3.1.3: a file that nobody may read forbids nothing
        text = answer.body.decode("utf-8", "replace") if isinstance(answer, Page) else ""
        self._robots = Protego.parse(text)
        self._pace.interval = max(self._pace.interval, _interval(self._robots))
        if self._pace.interval > LONGEST_INTERVAL:
            raise ListingError(
                f"{url} asks for {self._pace.interval:.0f} seconds between two requests, so the site does not mean to "
                f"be crawled. Ask its owner for a rule for `{AGENT}`, or set `enabled = false`."
            )


async def _keep_location(response: httpx.Response) -> None:
    """Hide where a redirect leads from the client, which fails for what is no URL even if it need not follow."""
    if location := response.headers.pop("Location", None):
        response.headers[_LOCATION] = location


def _user_agent() -> str:
    return f"{AGENT}/{version('bbj-assets')} (reads documentation for a search index; in robots.txt: {AGENT})"


def _interval(robots: Protego) -> float:
    """The seconds between two requests that robots.txt asks for."""
    delay = robots.crawl_delay(AGENT) or 0.0
    rate = robots.request_rate(AGENT)
    return max(delay, rate.seconds / rate.requests if rate and rate.requests > 0 else 0.0)


def _credentials(url: str) -> httpx.BasicAuth | None:
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return httpx.BasicAuth(unquote(parts.username), unquote(parts.password or ""))


def _integer(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 16 else 0
