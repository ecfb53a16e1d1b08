"""Keeps connections, so that the next request to the same origin needs no new one.

httpcore's own pool looks at every connection whenever anything happens: at sixteen of them, three quarters of the time
that a small file takes. Here a request takes the connection that was given back last, and looks at that one alone.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

import anyio
import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from assetctl.network.addresses import CheckedBackend

_SECURE: Final = b"https"


class _Connection(httpcore.AsyncHTTP11Connection):
    # Four times httpcore's own: a large file takes a quarter of the turns.
    READ_NUM_BYTES = 256 * 1024

    def __init__(self, origin: httpcore.Origin, stream: httpcore.AsyncNetworkStream, keep_idle_s: float) -> None:
        super().__init__(origin, stream, keep_idle_s)
        self.origin = str(origin)


class ConnectionPool:
    """Sends requests over connections that `backend` makes; what httpx expects of a pool of httpcore."""

    def __init__(
        self,
        backend: CheckedBackend,
        context: Callable[[], ssl.SSLContext],
        *,
        max_connections: int,
        keep_idle_s: float,
    ) -> None:
        """Have at most `max_connections` in use; whoever wants one more waits. `context` is called for each https."""
        self._backend = backend
        self._context = context
        self._slots = anyio.Semaphore(max_connections)
        self._max_idle = max_connections
        self._keep_idle_s = keep_idle_s
        self._idle: defaultdict[str, list[_Connection]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        """The pool itself; it connects when it must."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """As `aclose`."""
        await self.aclose()

    async def aclose(self) -> None:
        """No idle connection is open."""
        idle = [connection for kept in self._idle.values() for connection in kept]
        self._idle.clear()
        for connection in idle:
            await connection.aclose()

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """The answer, its body still to be read; its connection is busy until it is closed."""
        await self._slots.acquire()
        connection = None
        try:
            connection = await self._kept(str(request.url.origin)) or await self._connected(request)
            response = await connection.handle_async_request(request)
        except BaseException:
            await self._give_back(connection)
            raise
        body = _Body(cast("_AsyncBody", response.stream), connection, self._give_back)
        return httpcore.Response(
            response.status, headers=response.headers, content=body, extensions=_extensions_of(response)
        )

    async def _kept(self, origin: str) -> _Connection | None:
        kept = self._idle[origin]
        while kept:
            connection = kept.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _connected(self, request: httpcore.Request) -> _Connection:
        origin, told = request.url.origin, _extensions_of(request)
        host, timeout_s = origin.host.decode("ascii"), told.get("timeout", {}).get("connect")
        context = self._context() if origin.scheme == _SECURE else None
        if trace := told.get("trace"):
            # Whoever listens knows by it that nothing is sent yet, as with httpcore's own.
            await trace("connection.connect_tcp.started", {})
        stream = await self._backend.connect_tcp(host, origin.port, timeout_s)
        if context is not None:
            # On failure, httpcore closes what it was to secure.
            stream = await stream.start_tls(context, server_hostname=host, timeout=timeout_s)
        return _Connection(origin, stream, self._keep_idle_s)

    async def _give_back(self, connection: _Connection | None) -> None:
        """Somebody else may have a connection now, this one if it is as good as new."""
        self._slots.release()
        if connection is None:
            return
        if connection.is_idle() and sum(map(len, self._idle.values())) < self._max_idle:
            self._idle[connection.origin].append(connection)
        else:
            with anyio.CancelScope(shield=True):
                await connection.aclose()


def _extensions_of(message: httpcore.Request | httpcore.Response) -> dict[str, Any]:
    # httpcore leaves them half untyped (its documentation, "Extensions").
    return cast("dict[str, Any]", message.extensions)  # pyright: ignore[reportUnknownMemberType]


class _AsyncBody(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class _Body:
    """A body that gives its connection back when it is closed, once."""

    def __init__(
        self,
        body: _AsyncBody,
        connection: _Connection,
        give_back: Callable[[_Connection], Awaitable[None]],
    ) -> None:
        self._body = body
        self._connection = connection
        self._give_back = give_back
        self._is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._body.aclose()
        finally:
            await self._give_back(self._connection)
