"""What credentials are bound to: scheme, host and port (RFC 6454)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import httpx

from assetctl.errors import AddressRefused
from assetctl.network.addresses import is_loopback

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is spoken to. `host` is in lower case and as DNS sees it, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str | httpx.URL) -> Self:
        """The origin of `url`, which must be one assetctl may speak to; the address itself is never repeated.

        Raises:
            AddressRefused: it is no http(s) address, carries credentials, or is plain http to another machine.
        """
        parsed = _parsed(url)
        if parsed.userinfo:
            raise AddressRefused(
                f"an address of `{parsed.host}` with a user name or password in it is refused",
                hint="log in with `assetctl auth login`; addresses carry no secrets",
            )
        host = parsed.raw_host.decode("ascii").lower().rstrip(".")
        if parsed.scheme == "http" and not is_loopback(host):
            raise AddressRefused(
                f"plain http to `{host}` is refused",
                why="whoever sits on the way could read and change what is sent",
                hint=f"use https://{parsed.host}; plain http is for this machine alone",
            )
        return cls(parsed.scheme, host, parsed.port or _DEFAULT_PORTS[parsed.scheme])

    def __str__(self) -> str:
        """As it stands at the beginning of an address, the usual port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")


def _parsed(url: str | httpx.URL) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        # What httpx says of it may repeat it.
        raise AddressRefused("what should be a web address is none") from error
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host or (parsed.port or 0) > _MAX_PORT:
        raise AddressRefused(
            "what should be a web address is none", why="it does not begin with http:// or https:// and a host"
        )
    return parsed
