"""HTTP clients as assetctl wants them: TLS always verified, nobody followed, nothing kept, nothing told."""

from __future__ import annotations

import logging
import ssl
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, cast
from urllib.request import getproxies, proxy_bypass

import httpx

from assetctl.errors import ConfigError
from assetctl.hosts import is_loopback
from assetctl.network.addresses import CheckedBackend, Resolver, resolve
from assetctl.network.origins import Origin, accepted
from assetctl.network.pool import ConnectionPool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import httpcore

# Shorter than the five seconds of common servers: a connection that the other side is about to close costs a request.
_KEEP_IDLE_S: Final = 4.0


def new_client(
    *,
    timeout_s: float,
    home: Origin | None = None,
    ca_file: Path | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    max_connections: int = 20,
    resolver: Resolver = resolve,
    proxies: Mapping[str, str] | None = None,
) -> httpx.AsyncClient:
    """A client that may speak to `home` and to public addresses, over HTTP/1.1; its user closes it.

    It follows no redirect, keeps no cookie, asks for bytes as they are, and verifies TLS against the known authorities
    and those in `ca_file`. `timeout_s` is for connecting, and for each read and write; waiting for one of the
    `max_connections` is not limited. `proxies` are by scheme, None for those of the environment; what a proxy resolves
    for us can't be checked, and what is on this machine is never asked through one. With a `transport`, that one speaks
    instead, and no address is checked.

    Every request may raise `AddressRefused`, and `ConfigError` when `ca_file` or a proxy can't be used.
    """
    _be_silent()
    return httpx.AsyncClient(
        transport=transport
        or _Transport(home, ca_file, max_connections, resolver, getproxies() if proxies is None else proxies),
        timeout=httpx.Timeout(timeout_s, pool=None),
        headers={"User-Agent": f"assetctl/{version('assetctl')}", "Accept": "*/*", "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
    )


def ssl_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Certificates are checked against the known authorities, the system's own, and those in `ca_file`.

    Raises:
        ConfigError: `ca_file` cannot be read or holds no certificate.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"`{ca_file}` cannot be used as the certificates to trust",
                why=error.strerror or "it holds no certificate in PEM form",
                hint="name a PEM file with `backend.ca_file`",
            ) from error
    return context


def _be_silent() -> None:
    # At INFO httpx tells whole addresses, and both tell headers at DEBUG: what they say is for nobody's log.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Direct(httpx.AsyncHTTPTransport):
    """httpx's own transport over a pool of ours: httpx has no other way to say how to connect."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = cast("httpcore.AsyncConnectionPool", pool)


class _Transport(httpx.AsyncBaseTransport):
    """Sends each request the way it may go: straight to a checked address, or through the proxy of its scheme."""

    def __init__(
        self,
        home: Origin | None,
        ca_file: Path | None,
        max_connections: int,
        resolver: Resolver,
        proxies: Mapping[str, str],
    ) -> None:
        self._ca_file = ca_file
        self._max_connections = max_connections
        self._proxy = proxies.get("https") or proxies.get("all")
        self._backend = CheckedBackend(home, resolver=resolver)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin = accepted(request.url)
        is_here = origin.scheme == "http" or is_loopback(origin.host)
        if self._proxy is None or is_here or proxy_bypass(origin.host):
            return await self._direct.handle_async_request(request)
        await self._backend.check_by_name(origin.host, origin.port)
        return await self._proxied.handle_async_request(request)

    async def aclose(self) -> None:
        for name in ("_direct", "_proxied"):
            if name in self.__dict__:
                await self.__dict__[name].aclose()

    @cached_property
    def _direct(self) -> httpx.AsyncBaseTransport:
        return _Direct(
            ConnectionPool(
                self._backend,
                lambda: self._authorities,
                max_connections=self._max_connections,
                keep_idle_s=_KEEP_IDLE_S,
            )
        )

    @cached_property
    def _proxied(self) -> httpx.AsyncBaseTransport:
        limits = httpx.Limits(max_connections=self._max_connections, keepalive_expiry=_KEEP_IDLE_S)
        try:
            return httpx.AsyncHTTPTransport(verify=self._authorities, proxy=self._proxy, limits=limits)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            # The address may hold a password: it is not repeated, and neither is what was said of it.
            raise ConfigError(
                "the proxy that the environment names can't be used",
                why="it is none of http, https or socks5, or speaks socks, which is not installed",
                hint="check `HTTPS_PROXY` and `ALL_PROXY`",
            ) from error

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        return ssl_context(self._ca_file)
