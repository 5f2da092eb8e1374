"""What a site responds: a typed result for each case that a crawl goes on from, an exception for each failure.

BBjAssetsError
 └── PageError            the page cannot be fetched now; its stored body stays
      ├── TransientError  also after several retries
      ├── Disallowed      by robots.txt
      └── OutsideSite     a redirect that leaves the site
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bbj_assets.errors import BBjAssetsError
from bbj_assets.web.urls import without_credentials

Move: TypeAlias = Literal["temporarily", "permanently"]
"""How the redirects that led to a response describe themselves: permanently only if all of them do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A body, after decompression.

    Attributes:
        url: the normalised URL where the redirects ended.
        content_type: in lower case, without parameters; empty when the server did not send it.
        charset: from the Content-Type header, if it has one.
        total_pages: the number of pages of a list of WordPress's REST API (X-WP-TotalPages).
        total: the number of posts on all of these pages (X-WP-Total).
        link: the Link header, which names that API; empty without one.
        moved: set when redirects led here from the requested URL.
    """

    url: str
    body: bytes
    content_type: str = ""
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    total_pages: int | None = None
    total: int | None = None
    link: str = ""
    moved: Move | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """A 304: the body is the one that is stored under this URL."""

    url: str
    moved: Move | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A 404 or 410."""

    url: str
    moved: Move | None = None


@dataclass(frozen=True, slots=True)
class OtherContentType:
    """A body of a content type that was not requested; it was not read."""

    url: str
    content_type: str
    moved: Move | None = None


Response: TypeAlias = Page | NotModified | Gone | OtherContentType


class PageError(BBjAssetsError):
    """A page that cannot be fetched. `reason` is for a reader who sees the URL beside it; the message holds both."""

    def __init__(self, url: str, reason: str, *, status: int | None = None) -> None:
        self.url = url
        self.reason = reason
        self.status = status
        super().__init__(f"{without_credentials(url)}: {reason}")


class TransientError(PageError):
    """A failure that may pass. `retry_after` is the header's value in seconds, if the server sent it."""

    def __init__(self, url: str, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(url, reason, status=status)


class Disallowed(PageError):
    """The site's robots.txt forbids the URL."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "robots.txt disallows it.")


class OutsideSite(PageError):
    """The URL redirects to an address outside the site.

    Attributes:
        target: where it redirects to.
        permanently: whether the redirect is a 301 or 308.
    """

    def __init__(self, url: str, *, target: str, permanently: bool) -> None:
        self.target = target
        self.permanently = permanently
        super().__init__(url, f"redirects to {without_credentials(target)}, which is outside of the site.")
