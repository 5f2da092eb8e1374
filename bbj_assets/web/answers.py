"""What a site answers: a typed result for each thing that a visit goes on from, an exception for what it cannot have.

BBjAssetsError
 └── PageError            this page, not now; what is stored of it stays
      ├── TransientError  also after several tries
      ├── Disallowed      robots.txt
      └── OutsideSite     a redirect that leads out
"""

from dataclasses import dataclass
from typing import TypeAlias

from bbj_assets.errors import BBjAssetsError
from bbj_assets.web.urls import shown


@dataclass(frozen=True, slots=True)
class Page:
    """A body, as it is after decompression.

    Attributes:
        url: where it was in the end, normalised.
        content_type: in lower case without parameters; empty when the server did not say.
        charset: that the server said, if it did.
        total_pages: of a list of WordPress's REST API (X-WP-TotalPages).
        total: of the posts in all of its pages (X-WP-Total).
        link: the Link header, which names that API.
        moved: `temporarily` or `permanently` when redirects led here from the URL that was asked for.
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
    moved: str = ""


@dataclass(frozen=True, slots=True)
class NotModified:
    """A 304: what was stored under this URL is what would have been sent."""

    url: str
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """A 404 or 410."""

    url: str
    moved: str = ""


@dataclass(frozen=True, slots=True)
class OtherKind:
    """Something is there, of a content type that was not asked for; its body was not read."""

    url: str
    content_type: str
    moved: str = ""


Answer: TypeAlias = Page | NotModified | Gone | OtherKind


class PageError(BBjAssetsError):
    """A page that could not be had. `reason` is for a reader who knows the URL, the message for all others."""

    def __init__(self, url: str, reason: str, *, status: int | None = None) -> None:
        self.url = url
        self.reason = reason
        self.status = status
        super().__init__(f"{shown(url)}: {reason}")


class TransientError(PageError):
    """It may be had later. `retry_after` is in seconds, when the server said it."""

    def __init__(self, url: str, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(url, reason, status=status)


class Disallowed(PageError):
    """The site's robots.txt asks us not to fetch it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "robots.txt disallows it.")


class OutsideSite(PageError):
    """It redirects to an address that is not ours to fetch."""

    def __init__(self, url: str, target: str, *, permanently: bool) -> None:
        self.target = target
        self.permanently = permanently
        super().__init__(url, f"redirects to {shown(target)}, which is outside of the site.")
