"""The rules for URLs: one spelling for each address, and which addresses belong to a site.

A page is stored under its URL, so two spellings of one address would be two pages. Only spellings that RFC 3986 calls
equivalent are merged here, together with the corrections that browsers make to bad links. Whether `index.htm` and `/`
are one page depends on the server: `page_identity` names the candidates, and their content decides.
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}
_MAX_LENGTH = 2000
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_IN_PATH = "!$&'()*+,;=:@/%"
_INDEX_PAGE = re.compile(r"(?<=/)(?:index|default|welcome)\.(?:html?|xhtml|php|aspx?|jsp)$", re.IGNORECASE)
_TRACKING = re.compile(
    r"(?:utm_\w+|gclid|fbclid|msclkid|_ga|mc_[ce]id|tocpath|highlight|phpsessid|sessionid|sid|replytocom|share|print"
    r"|searchtype|cshid)$",
    re.IGNORECASE,
)
"""Parameters for tracking and for the frame around a page. They never change its content."""
_CREDENTIALS = re.compile(r"^([^/?#]*//)?[^/?#]*@")
"""A pattern, because it has to work also on an address that cannot be parsed, or has no scheme."""
_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/?]*", re.IGNORECASE)


def normalised(reference: str, base: str | None = None) -> str | None:
    """Return the normal form of a link's address, without fragment and credentials; None for one that is not http(s).

    >>> normalised("../b/./%7ex.htm?utm_source=mail#top", "HTTP://Example.org:80/a/c/")
    'http://example.org/a/b/~x.htm'
    """
    reference = re.sub(r"[\t\r\n]", "", reference.strip("\x00\x0b\x0c \t\r\n"))
    head, mark, query = reference.partition("?")
    reference = head.replace("\\", "/") + mark + query  # as browsers do
    try:
        parts = urlsplit(urljoin(base, reference) if base else reference)
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError:  # http://[, a port that is not a number, an invalid host name
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host:
        return None
    authority = host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
    path = _SESSION.sub("", _without_dots(_encoded(parts.path)))
    url = urlunsplit((scheme, authority, path or "/", _encoded(_without_tracking(parts.query), "?"), ""))
    return url if len(url) <= _MAX_LENGTH else None


def page_identity(url: str) -> str:
    """Return what the addresses of one page often share: no query, no name of an index page, lower case.

    >>> page_identity("https://example.org/Guide/Default.htm?v=2")
    'https://example.org/guide/'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, _INDEX_PAGE.sub("", parts.path), "", "")).lower()


@dataclass(frozen=True, slots=True)
class Site:
    """A host, and the folder on it that the start URL names.

    Attributes:
        start: the normalised start URL.
        origin: `https://example.org`, with the port if it is not the default one.
        folder: the path with which every path of the site begins; it ends with `/`.
    """

    start: str
    origin: str
    folder: str

    @classmethod
    def of(cls, url: str) -> Self | None:
        """Return the site of a start URL; None for a URL that is not http(s).

        >>> Site.of("https://example.org/help/index.htm").folder, Site.of("https://example.org/help").folder
        ('/help/', '/help/')
        """
        start = normalised(url)
        if start is None:
            return None
        parts = urlsplit(start)
        folder, _, name = parts.path.rpartition("/")
        if "." not in name and name:
            folder = parts.path
        return cls(start, f"{parts.scheme}://{parts.netloc}", f"{folder}/")

    def holds(self, url: str) -> bool:
        """Return whether a normalised URL lies in the folder."""
        return self.below(url) is not None

    def with_site_scheme(self, url: str) -> str | None:
        """Return a normalised URL with the site's scheme; None for a URL on another host.

        Sitemaps and old links often name `http` URLs of pages that have long been served by `https`.
        """
        ours, parts = urlsplit(self.origin), urlsplit(url)
        if parts.netloc != ours.netloc:
            return None
        return urlunsplit(parts._replace(scheme=ours.scheme))

    def below(self, url: str) -> str | None:
        """Return the decoded path below the folder; None for a URL outside of it."""
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            return None
        if f"{parts.path}/" == self.folder:
            return ""
        return unquote(parts.path.removeprefix(self.folder)) if parts.path.startswith(self.folder) else None

    def section(self, url: str) -> str:
        """Return the path below the folder, without the `Content/` that Flare may put all topics into."""
        return (self.below(url) or "").removeprefix("Content/")


def without_credentials(url: str) -> str:
    """Return a URL without the credentials that it may hold, for messages."""
    return _CREDENTIALS.sub(r"\1", url)


def _host(name: str) -> str:
    name = name.lower().rstrip(".")
    if not name.isascii():
        name = name.encode("idna").decode()  # UnicodeError is a ValueError
    if ":" in name:
        return f"[{name}]"
    if not re.fullmatch(r"[a-z0-9_.-]+", name):
        raise ValueError(f"{name!r} is not a host")
    return name


def _encoded(text: str, also: str = "") -> str:
    """Percent-encode where necessary and only there, with codes in upper case."""
    text = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
    text = re.sub(r"%[0-9A-Fa-f]{2}", _code, text)
    return quote(text, safe=_IN_PATH + also, errors="replace")


def _code(match: re.Match[str]) -> str:
    character = chr(int(match[0][1:], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986, 5.2.4), which urljoin does for relative references only."""
    if "/." not in path:
        return path
    kept: list[str] = []
    *folders, name = path.split("/")
    for segment in folders:
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if name == ".." and len(kept) > 1:
        kept.pop()
    return "/".join([*kept, "" if name in (".", "..") else name])


def _without_tracking(query: str) -> str:
    if not query:
        return query
    pairs = query.split("&")
    return "&".join(pair for pair in pairs if pair and not _TRACKING.match(pair.partition("=")[0]))
