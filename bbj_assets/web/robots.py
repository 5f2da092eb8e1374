"""The site's robots.txt: what may be fetched, how fast, and where the sitemaps are."""

from collections.abc import Awaitable, Callable
from typing import Self

from protego import Protego

from bbj_assets.errors import ListingError
from bbj_assets.web.responses import Gone, OutsideSite, Page, PageError, Response, TransientError
from bbj_assets.web.urls import without_credentials

AGENT = "bbj-assets"
"""The name of this crawler: in robots.txt, and at the start of its User-Agent."""
MAX_INTERVAL = 600.0
"""Seconds between two requests. A site that demands a longer interval does not want to be crawled."""


class Robots:
    """The rules of a robots.txt for this crawler. Protego reads them as Google does (RFC 9309)."""

    def __init__(self, text: str) -> None:
        self._rules = Protego.parse(text)

    @classmethod
    async def fetch(cls, origin: str, get: Callable[[str], Awaitable[Response]]) -> Self:
        """Fetch and parse the robots.txt of a site.

        Args:
            origin: of the site: `https://example.org`.
            get: fetches a URL, with retries.

        Raises:
            ListingError: robots.txt cannot be fetched, or it demands an interval beyond `MAX_INTERVAL`.
        """
        url = f"{origin}/robots.txt"
        try:
            response = await get(url)
        except OutsideSite as error:
            raise ListingError(
                f"{origin} has moved to {without_credentials(error.target)}. Correct `url` in sources.toml accordingly."
            ) from error
        except PageError as error:
            if isinstance(error, TransientError) or error.status is None or not 400 <= error.status < 500:
                raise ListingError(
                    f"{error} Without robots.txt nothing may be fetched, and nothing was deleted. Try again later, or "
                    "correct `url` in sources.toml."
                ) from error
            response = Gone(url)  # RFC 9309, 2.3.1.3: a file that may not be read forbids nothing
        robots = cls(response.body.decode("utf-8", "replace") if isinstance(response, Page) else "")
        if robots.interval > MAX_INTERVAL:
            raise ListingError(
                f"{url} demands {robots.interval:.0f} seconds between two requests, so the site does not want to be "
                f"crawled. Ask its owner for a rule for `{AGENT}`, or set `enabled = false`."
            )
        return robots

    def allows(self, url: str) -> bool:
        """Return whether the URL may be fetched."""
        return self._rules.can_fetch(url, AGENT)

    @property
    def interval(self) -> float:
        """Return the seconds between two requests (Crawl-delay or Request-rate); 0 without such a rule."""
        delay = self._rules.crawl_delay(AGENT) or 0.0
        rate = self._rules.request_rate(AGENT)
        return max(delay, rate.seconds / rate.requests if rate and rate.requests > 0 else 0.0)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """Return the sitemaps that it names, as written: possibly relative, possibly on another host."""
        return tuple(map(str, self._rules.sitemaps))
