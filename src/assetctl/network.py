"""How assetctl reaches the network: one way to make an HTTP client, one idea of whose server an address is.

Clients follow no redirect, keep no cookie, ask for plain bytes and always check certificates; who sends a credential
binds it to an `Origin`.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from assetctl.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: What is on this machine is never asked for through a proxy, whatever the environment says.
_NEVER_BY_PROXY: Final = ("all://localhost", "all://*.localhost", "all://127.0.0.1", "all://[::1]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose server an address is (RFC 6454, section 4): scheme and host in lower case, the port always a number."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of `url`.

        Raises:
            ValueError: it has none that HTTP could reach.
        """
        parts = urlsplit(url)
        host, scheme = parts.hostname, parts.scheme.lower()
        if not host or scheme not in _DEFAULT_PORTS:
            raise ValueError("an address starts with http:// or https:// and a host")
        return cls(scheme, host.lower().removesuffix("."), parts.port or _DEFAULT_PORTS[scheme])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: 127.0.0.0/8, `::1`, `localhost` or a name below it (RFC 6761, section 6.3)."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def ssl_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Certificates are checked against the system's authorities, or against those in `ca_file` alone.

    Raises:
        ConfigError: `ca_file` cannot be read or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"`{ca_file}` cannot be used as the certificates to trust",
            why=error.strerror or str(error),
            hint="name a PEM file with `backend.ca_file`",
        ) from error


def new_client(
    *,
    timeout_s: float,
    ca_file: Path | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    max_connections: int = 32,
) -> httpx.AsyncClient:
    """A client whose every silence is limited to `timeout_s`; the caller closes it.

    Raises:
        ConfigError: `ca_file` cannot be used.
    """
    # httpx tells whole addresses at INFO.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(
        verify=ssl_context(ca_file),
        http1=True,
        http2=False,
        follow_redirects=False,
        timeout=httpx.Timeout(timeout_s),
        limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
        headers={"User-Agent": f"assetctl/{version('assetctl')}", "Accept-Encoding": "identity"},
        mounts=None if transport else dict.fromkeys(_NEVER_BY_PROXY),
        transport=transport,
    )
