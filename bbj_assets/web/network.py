"""Connections that lead to the site and nowhere else.

A name that leads to the site today may lead to 127.0.0.1 tomorrow, and an index that everybody can search must not
hold what only this machine can see. So names are resolved here, and the connection goes to the address that was
checked. A site whose name leads to a private address from the beginning is on an intranet, as configured.
"""

import asyncio
import ipaddress
import socket
from urllib.request import getproxies, proxy_bypass

import httpx

from bbj_assets.loopback import is_loopback


class SiteTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 and HTTP/2 to one host, by an address that is checked at every lookup.

    Args:
        is_public: whether the site is on the internet or on an intranet; by default the first lookup decides.
    """

    def __init__(self, limits: httpx.Limits, *, is_public: bool | None = None) -> None:
        self._transport = httpx.AsyncHTTPTransport(http2=True, limits=limits)
        self._is_public = is_public
        self._addresses: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to the first address of its host that accepts a connection."""
        host = request.url.host
        if not self._addresses:
            self._addresses = await self._lookup(host, request.url.port)
        failure: httpx.HTTPError | None = None
        for address in list(self._addresses):
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,  # the Host header is the name
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._transport.handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                self._addresses.remove(address)  # when none is left, the next request looks them up again
                failure = error
        raise failure or httpx.ConnectError(f"{host} has no address that may be connected to")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _lookup(self, host: str, port: int | None) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"the name {host} cannot be resolved: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if self._is_public is None:
            self._is_public = any(map(_is_public, addresses))
        return [address for address in addresses if _is_public(address) == self._is_public]


def site_transport(url: str, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
    """Return the transport to a site: by the proxy that the environment names for it, or directly."""
    parts = httpx.URL(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.host) and not is_loopback(parts.host):
        return httpx.AsyncHTTPTransport(http2=True, limits=limits, proxy=proxy)
    return SiteTransport(limits)


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast
