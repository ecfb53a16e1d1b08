"""Connections are used again while they are good, and never more than allowed."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import anyio
import httpcore
import httpx
import pytest

from assetctl.network import Origin, new_client
from assetctl.network.addresses import CheckedBackend
from assetctl.network.pool import ConnectionPool
from byte_server import Asked, always, head, plain, serving

if TYPE_CHECKING:
    import socket

pytestmark = pytest.mark.anyio

OK = always(plain(b"fine"))
#: Never waited for: nothing here is too slow.
TIMEOUT_S = 60


@pytest.fixture(autouse=True)
async def bounded(anyio_backend: str, monkeypatch: pytest.MonkeyPatch):
    del anyio_backend
    # No connection is given up because a loaded machine took its time between two requests.
    monkeypatch.setattr("assetctl.network.client._KEEP_IDLE_S", 3600.0)
    with anyio.fail_after(120):
        yield


async def test_connection_the_server_closed_is_not_used_again():
    with serving(always(plain(b"fine"), keep=False)) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            for _ in range(3):
                assert (await client.get(server.url)).text == "fine"
                (kept,) = idle(client)
                while not kept.has_expired():  # noqa: ASYNC110 - the end of a connection that nobody reads is told nobody
                    await anyio.sleep(0.01)
    assert server.connections == 3


def idle(client: httpx.AsyncClient) -> list[httpcore.AsyncHTTP11Connection]:
    """The connections that are kept."""
    return [connection for kept in client._transport._direct._pool._idle.values() for connection in kept]


async def test_connection_whose_body_was_not_read_is_not_used_again():
    with serving(always(plain(b"x" * 100_000))) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            for _ in range(2):
                async with client.stream("GET", server.url) as response:
                    assert response.status_code == 200
    assert server.connections == 2


async def test_no_more_connections_than_allowed_are_in_use():
    running = most = 0
    changed = threading.Condition()

    def counted(_: Asked, connection: socket.socket) -> bool:
        nonlocal running, most
        with changed:
            running += 1
            most = max(most, running)
            changed.notify_all()
            # The first ones are not answered before all that may are in use; more would come while these are answered.
            changed.wait_for(lambda: most >= 3, timeout=20)
        threading.Event().wait(0.01)
        with changed:
            running -= 1
        connection.sendall(plain(b"fine"))
        return True

    with serving(counted) as server:
        async with (
            new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S, max_connections=3) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(20):
                tasks.start_soon(client.get, server.url)
    assert most == 3
    assert server.connections == 3


async def test_failed_request_gives_its_place_back():
    broken = always(b"nonsense\r\n\r\n", keep=False)
    with serving(broken) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S, max_connections=1) as client:
            for _ in range(3):
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(server.url)


async def test_cut_body_gives_its_place_back():
    with serving(always(head("200 OK", Content_Length=100) + b"x", keep=False)) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S, max_connections=1) as client:
            for _ in range(3):
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(server.url)


async def test_cancelled_request_gives_its_place_back():
    asked, released = anyio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def silent(_: Asked, connection: socket.socket) -> bool:
        if not released.is_set():
            loop.call_soon_threadsafe(asked.set)
            released.wait(20)
            return False
        connection.sendall(plain(b"fine"))
        return True

    with serving(silent) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S, max_connections=1) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, server.url)
                await asked.wait()
                tasks.cancel_scope.cancel()
            released.set()
            assert (await client.get(server.url)).text == "fine"
    assert server.connections == 2


async def test_closing_closes_what_is_kept():
    with serving(OK) as server:
        backend = CheckedBackend(Origin.of(server.url))
        async with ConnectionPool(backend, lambda: pytest.fail("no TLS"), max_connections=2, keep_idle_s=60) as pool:
            request = httpcore.Request("GET", server.url, headers={"Host": "x"})
            response = await pool.handle_async_request(request)
            await response.aread()
            await response.aclose()
            await response.aclose()
            kept = pool._idle[str(request.url.origin)]
            assert len(kept) == 1
            connection = kept[0]
        assert connection.is_closed()


async def test_listener_hears_that_a_connection_is_made_before_anything_is_sent():
    heard: list[str] = []

    async def trace(name: str, _: object) -> None:
        heard.append(name)

    with serving(OK) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            await client.get(server.url, extensions={"trace": trace})
    assert heard.index("connection.connect_tcp.started") < heard.index("http11.send_request_headers.started")


async def test_many_at_once_all_get_theirs():
    def echo(asked: Asked, connection: socket.socket) -> bool:
        connection.sendall(plain(asked.target.encode()))
        return True

    got: dict[int, str] = {}
    with serving(echo) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S, max_connections=4) as client:

            async def ask(number: int) -> None:
                got[number] = (await client.get(f"{server.url}/{number}")).text

            async with anyio.create_task_group() as tasks:
                for number in range(60):
                    tasks.start_soon(ask, number)
    assert got == {number: f"/{number}" for number in range(60)}
