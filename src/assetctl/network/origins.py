"""What credentials are bound to: scheme, host and port (RFC 6454)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import httpx

from assetctl.errors import AddressRefused
from assetctl.hosts import is_loopback

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65_535
_NO_ADDRESS: Final = "an address starts with http:// or https:// and a host"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is spoken to. `host` is in lower case and as DNS sees it, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str | httpx.URL) -> Self:
        """The origin of `url`.

        Raises:
            ValueError: it has none that HTTP could reach; the address is not repeated.
        """
        parsed = _parsed(url)
        host = parsed.raw_host.decode("ascii").lower().rstrip(".")
        if parsed.scheme not in _DEFAULT_PORTS or not host or (parsed.port or 0) > _MAX_PORT:
            raise ValueError(_NO_ADDRESS)
        return cls(parsed.scheme, host, parsed.port or _DEFAULT_PORTS[parsed.scheme])

    def __str__(self) -> str:
        """As it stands at the beginning of an address, the usual port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")


def _parsed(url: str | httpx.URL) -> httpx.URL:
    if isinstance(url, httpx.URL):
        return url
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        # What httpx says of it may repeat it.
        raise ValueError(_NO_ADDRESS) from error


def address(url: str | httpx.URL) -> httpx.URL:
    """`url`, parsed once for all that look at it; whether we go there is said by `accepted`.

    Raises:
        AddressRefused: it is no address; it is not repeated.
    """
    try:
        return _parsed(url)
    except ValueError as error:
        raise AddressRefused("what should be a web address is none", why=str(error)) from error


def accepted(url: str | httpx.URL) -> Origin:
    """The origin of `url`, one that assetctl may speak to as far as its words tell; the address is not repeated.

    Raises:
        AddressRefused: it is no http(s) address, carries credentials, or is plain http to another machine.
    """
    parsed = address(url)
    try:
        origin = Origin.of(parsed)
    except ValueError as error:
        raise AddressRefused("what should be a web address is none", why=str(error)) from error
    if parsed.userinfo:
        raise AddressRefused(
            f"an address of `{origin.host}` with a user name or password in it is refused",
            hint="log in with `assetctl auth login`; addresses hold no credentials",
        )
    if origin.scheme == "http" and not is_loopback(origin.host):
        raise AddressRefused(
            f"plain http to `{origin.host}` is refused",
            why="whoever sits on the way could read and change what is sent",
            hint=f"use https://{origin.host}; plain http is for this machine alone",
        )
    return origin
