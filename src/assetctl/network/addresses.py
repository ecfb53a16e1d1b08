"""Which machines may be connected to: checked on the very address that the connection then goes to.

A server can name any address, and a name can mean another machine a moment later. So a name is resolved here, each
address it has is judged, and the connection is made to a judged address, never to the name again.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import anyio
import httpcore

from assetctl.errors import AddressRefused
from assetctl.hosts import address_of, is_loopback, is_public, plain_of

if TYPE_CHECKING:
    from assetctl.hosts import Address
    from assetctl.network.origins import Origin

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host, best first; raises an OSError when it has none."""

# RFC 8305, section 5: how long one address may keep us before the next is tried beside it.
_HEAD_START_S: Final = 0.25


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host` in the system's order of preference.

    Raises:
        OSError: it has none, or nobody can tell now.
    """
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses, to `home` wherever it is, and to other doors of the machine that `home` is on."""

    def __init__(self, home: Origin | None, *, resolver: Resolver = resolve) -> None:
        """Refuse everything that is neither public nor where `home` is."""
        self._home = home
        self._resolver = resolver
        # httpcore declares a second, empty class of this name for those who have no anyio.
        self._connections = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's face
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to `host` at one of its addresses, each of them judged.

        Raises:
            AddressRefused: it has none that may be connected to.
            httpcore.ConnectError, httpcore.ConnectTimeout: as httpcore's own.
        """
        options = list(socket_options or ())

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            return await self._connections.connect_tcp(address, port, None, local_address, options)

        try:
            with anyio.fail_after(timeout):
                return await _first(await self._allowed(host, port), connect)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error

    async def check_by_name(self, host: str, port: int) -> None:
        """Nothing is wrong with `host` as it is written; the address behind a name is left to a proxy.

        Raises:
            AddressRefused: it is an address, or a name of this machine, that may not be connected to.
        """
        if address_of(host) is not None or is_loopback(host):
            await self._allowed(host, port)

    async def _allowed(self, host: str, port: int) -> Sequence[str]:
        addresses = await self._addresses(host, port)
        allowed = [address for address in addresses if await self._may_connect(host, port, address)]
        if not allowed:
            raise AddressRefused(
                f"`{host}` is refused",
                why="it leads to an address inside this machine or its private network, where only the backend may be",
                hint="nothing was sent; whoever named this address must name a public one",
            )
        return allowed

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        if address_of(host) is not None:
            return [host]
        try:
            return await self._resolver(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def _may_connect(self, host: str, port: int, address: str) -> bool:
        parsed = address_of(address)
        if parsed is None:
            return False
        plain = plain_of(parsed)
        if is_loopback(host) and not plain.is_loopback:
            return False  # plain http is allowed to this name because it never leaves the machine
        if self._home is not None and (host, port) == (self._home.host, self._home.port):
            return True
        if is_public(str(plain)):
            return True
        return not plain.is_link_local and await self._is_where_home_is(plain)

    async def _is_where_home_is(self, address: Address) -> bool:
        if self._home is None:
            return False
        try:
            where = await self._addresses(self._home.host, self._home.port)
        except httpcore.ConnectError:
            return False  # nobody knows where it is, least of all there
        for text in where:
            found = address_of(text)
            if found is not None and (
                plain_of(found) == address or (plain_of(found).is_loopback and address.is_loopback)
            ):
                return True
        return False


async def _first(
    addresses: Sequence[str], connect: Callable[[str], Awaitable[httpcore.AsyncNetworkStream]]
) -> httpcore.AsyncNetworkStream:
    """The connection that stood first; the others are given up. The last failure is raised when all failed."""
    if len(addresses) == 1:
        return await connect(addresses[0])
    won: list[httpcore.AsyncNetworkStream] = []
    failures: list[Exception] = []

    async def attempt(address: str, failed: anyio.Event) -> None:
        try:
            stream = await connect(address)
        except httpcore.ConnectError as error:
            failures.append(error)
            failed.set()
            return
        if won:
            await stream.aclose()
        else:
            won.append(stream)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for address in addresses:
            failed = anyio.Event()
            tasks.start_soon(attempt, address, failed)
            with anyio.move_on_after(_HEAD_START_S):
                await failed.wait()
    if not won:
        raise failures[-1]
    return won[0]
