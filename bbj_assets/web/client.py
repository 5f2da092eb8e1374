"""The polite HTTP client through which every request of a web source goes.

It obeys robots.txt, keeps to a rate, sends conditional requests, retries transient failures, honours Retry-After, and
refuses bodies that are too large, of another content type, or outside of the site. It follows redirects itself,
because robots.txt has to allow each hop.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

import httpx

from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.retrying import RetryPolicy, parse_retry_after, retry_async
from bbj_assets.web.bodies import ACCEPT_ENCODING, BodyError, read_body
from bbj_assets.web.content_types import HTML, body_limit
from bbj_assets.web.network import site_transport
from bbj_assets.web.pace import Pace
from bbj_assets.web.responses import (
    Disallowed,
    Gone,
    Move,
    NotModified,
    OtherContentType,
    OutsideSite,
    Page,
    PageError,
    Response,
    TransientError,
)
from bbj_assets.web.robots import AGENT, Robots
from bbj_assets.web.urls import Site, normalised, without_credentials

RETRIES = 3
INITIAL_DELAY = 1.0
"""Seconds before the first retry."""
MAX_RETRY_AFTER = 120.0
"""Seconds. A site that demands a longer delay gets no further request before the next run."""
REQUEST_TIMEOUT = 60.0
"""Seconds for a request from beginning to end, even if its bytes arrive steadily."""
MAX_CONSECUTIVE_FAILURES = 10
"""After this many pages in a row have failed, each after all retries, the site counts as failed."""

_LOCATION = "X-Location"
_MAX_REDIRECTS = 5
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Validators(Protocol):
    """The validators of a stored page, for a conditional request."""

    @property
    def etag(self) -> str | None: ...
    @property
    def last_modified(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Redirect:
    target: str
    permanently: bool


class SiteClient:
    """An HTTP client for one site; an async context manager, which reads robots.txt on entering.

    Args:
        url: of the site. Its credentials, if it has any, are sent as Basic authentication.
        within: returns whether a normalised URL is inside the crawled part of the site. A URL inside may only redirect
            to another one inside. By default the whole host is inside.
        transport: sends the requests; by default to the site's checked addresses, or by the environment's proxy.

    Raises:
        ConfigurationError: the URL is not the address of a website.
        ListingError: on entering, when robots.txt cannot be fetched, so that nothing may be fetched.
    """

    def __init__(
        self,
        url: str,
        *,
        requests_per_second: float = 2.0,
        concurrency: int = 2,
        within: Callable[[str], bool] = lambda _url: True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        site = Site.of(url)
        if site is None:
            address = without_credentials(url)
            raise ConfigurationError([f"{address!r} is not the address of a website. Correct `url` in sources.toml."])
        self.site = site
        self._within = within
        self._pace = Pace(1 / requests_per_second)
        self._slots = asyncio.Semaphore(concurrency)
        self._robots: Robots | None = None
        self._consecutive_failures = 0
        self._resources = AsyncExitStack()
        self._http = httpx.AsyncClient(
            transport=transport or site_transport(site.origin, httpx.Limits(max_connections=concurrency)),
            headers={"User-Agent": _user_agent(), "Accept-Encoding": ACCEPT_ENCODING},
            auth=_credentials(url),
            timeout=_TIMEOUT,
            follow_redirects=False,
            event_hooks={"response": [_rename_location]},
        )

    async def __aenter__(self) -> Self:
        await self._resources.enter_async_context(self._http)
        try:
            self._robots = await Robots.fetch(self.site.origin, lambda url: self.get(url, content_types=()))
        except BaseException:
            await self._resources.aclose()
            raise
        self._pace.interval = max(self._pace.interval, self._robots.interval)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._resources.aclose()

    async def get(
        self,
        url: str,
        *,
        stored: Callable[[str], Validators | None] = lambda _url: None,
        content_types: Collection[str] = HTML,
    ) -> Response:
        """Fetch a normalised URL, following redirects.

        Args:
            stored: returns the validators of the page that is stored under a URL (`mirror.page`), which make a 304
                possible.
            content_types: the types whose bodies are read; empty for all types. A response without a type is read too.

        Raises:
            PageError: the page cannot be fetched, after retries where they may help; also `Disallowed` and
                `OutsideSite`.
            ListingError: too many pages failed in a row, or the site demands a longer delay than `MAX_RETRY_AFTER`.
        """
        hops = [url]
        moved: Move | None = None
        while True:
            url = hops[-1]
            if self._robots is not None and not self._robots.allows(url):
                raise Disallowed(url)
            response = await self._get_with_retries(url, stored(url), content_types)
            if not isinstance(response, _Redirect):
                return replace(response, moved=moved) if moved else response
            moved = "permanently" if response.permanently and moved != "temporarily" else "temporarily"
            hops.append(self._redirect_target(hops, response))

    def sitemaps(self) -> list[str]:
        """Return the sitemaps on the site's host that robots.txt names."""
        named = self._robots.sitemaps if self._robots is not None else ()
        urls = (normalised(url, self.site.origin) for url in named)
        return [url for url in urls if url is not None and self._is_on_host(url)]

    def _redirect_target(self, hops: list[str], redirect: _Redirect) -> str:
        target = normalised(redirect.target, hops[-1])
        if target is None:
            raise PageError(hops[0], f"redirects to {redirect.target[:200]!r}, which is not a web address.")
        if not self._is_on_host(target) or (self._within(hops[0]) and not self._within(target)):
            raise OutsideSite(hops[0], target=target, permanently=redirect.permanently)
        if target in hops:
            circle = " → ".join(map(without_credentials, [*hops, target]))
            raise PageError(hops[0], f"redirects in a circle: {circle}.")
        if len(hops) > _MAX_REDIRECTS:
            raise PageError(hops[0], f"redirects more than {_MAX_REDIRECTS} times.")
        return target

    def _is_on_host(self, url: str) -> bool:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}" == self.site.origin

    async def _get_with_retries(
        self, url: str, stored: Validators | None, content_types: Collection[str]
    ) -> Response | _Redirect:
        """Fetch one URL, and retry while the failure is transient."""
        policy = RetryPolicy(
            retry_on=TransientError, retries=RETRIES, initial_delay=INITIAL_DELAY, max_retry_after=MAX_RETRY_AFTER
        )
        try:
            response = await retry_async(partial(self._get_once, url, stored, content_types), policy)
        except TransientError as error:
            self._consecutive_failures += 1
            if self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
                raise ListingError(
                    f"{self.site.origin} failed for {self._consecutive_failures} pages in a row, at last for {error} "
                    "What was fetched until then is kept; the next run goes on from there."
                ) from error
            raise
        self._consecutive_failures = 0
        return response

    async def _get_once(
        self, url: str, stored: Validators | None, content_types: Collection[str]
    ) -> Response | _Redirect:
        headers = {"Accept": ", ".join([*content_types, "*/*;q=0.1"])}
        if stored is not None and stored.etag:
            headers["If-None-Match"] = stored.etag
        if stored is not None and stored.last_modified:
            headers["If-Modified-Since"] = stored.last_modified
        async with self._slots:
            await self._pace.wait()
            try:
                async with (
                    asyncio.timeout(REQUEST_TIMEOUT),
                    self._http.stream("GET", url, headers=headers) as response,
                ):
                    return await self._read(url, response, content_types, is_conditional=len(headers) > 1)
            except TimeoutError:
                raise TransientError(url, f"no complete response within {REQUEST_TIMEOUT:g} seconds.") from None
            except httpx.TimeoutException as error:
                raise TransientError(url, f"no response in time ({type(error).__name__}).") from error
            except httpx.TransportError as error:
                raise TransientError(url, f"the connection failed ({type(error).__name__}: {error}).") from error
            except (httpx.HTTPError, httpx.InvalidURL, BodyError) as error:
                raise PageError(url, str(error)) from error

    async def _read(
        self, url: str, response: httpx.Response, content_types: Collection[str], *, is_conditional: bool
    ) -> Response | _Redirect:
        status = response.status_code
        if status == 304 and is_conditional:
            return NotModified(url)
        if status in (301, 302, 303, 307, 308) and _LOCATION in response.headers:
            return _Redirect(response.headers[_LOCATION], permanently=status in (301, 308))
        if status in (404, 410):
            return Gone(url)
        if status != 200:
            raise self._error(url, response)
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type and content_types and content_type not in content_types:
            return OtherContentType(url, content_type)
        limit = body_limit(content_type)
        if (_integer(response.headers.get("Content-Length")) or 0) > limit:
            raise BodyError.too_large(limit)
        return Page(
            url=url,
            body=await read_body(response.aiter_raw(), response.headers.get("Content-Encoding", ""), limit),
            content_type=content_type,
            charset=response.charset_encoding,
            etag=response.headers.get("ETag"),
            last_modified=response.headers.get("Last-Modified"),
            total_pages=_integer(response.headers.get("X-WP-TotalPages")) or None,
            total=_integer(response.headers.get("X-WP-Total")) or None,
            link=response.headers.get("Link", ""),
        )

    def _error(self, url: str, response: httpx.Response) -> PageError:
        """Return the error of a status, and pause all requests if the site demands it.

        Raises:
            ListingError: the site demands a delay beyond `MAX_RETRY_AFTER`.
        """
        status = response.status_code
        reason = f"the site answers {status} {response.reason_phrase}".rstrip()
        if status not in (408, 425, 429) and status < 500:
            remedy = " Put credentials into `url` (https://user:password@...)." if status == 401 else ""
            return PageError(url, f"{reason}.{remedy}", status=status)
        retry_after = parse_retry_after(response.headers.get("Retry-After"))
        if retry_after is not None:
            if retry_after > MAX_RETRY_AFTER:
                raise ListingError(
                    f"{self.site.origin} demands a pause of {retry_after:.0f} seconds ({status}). What was fetched "
                    "until then is kept: run this source again after that, or lower its requests_per_second."
                )
            self._pace.pause(retry_after)
        return TransientError(url, f"{reason}.", status=status, retry_after=retry_after)


async def _rename_location(response: httpx.Response) -> None:
    """Hide the target of a redirect from httpx, which raises for an invalid one even if it does not follow it."""
    if location := response.headers.pop("Location", None):
        response.headers[_LOCATION] = location


def _user_agent() -> str:
    return f"{AGENT}/{version('bbj-assets')} (reads documentation for a search index; in robots.txt: {AGENT})"


def _credentials(url: str) -> httpx.BasicAuth | None:
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return httpx.BasicAuth(unquote(parts.username), unquote(parts.password or ""))


def _integer(text: str | None) -> int | None:
    """Return the number in a header; None for a header that is missing or holds something else."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 16 else None
