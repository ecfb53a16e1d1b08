"""The socket against the look-alike: what counts as news, what is lost and what is not."""

from __future__ import annotations

import ssl
from random import Random
from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl.clock import SystemClock
from assetctl.network import Origin
from assetctl.pixsim.socket import EventSocket, SocketHints
from service.harness import LookAlike

if TYPE_CHECKING:
    from assetctl.clock import Clock

pytestmark = pytest.mark.anyio
LONG_S = 20.0


class HurriedClock(SystemClock):
    """Sleeps a hundredth of what it is told."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 100)


class StoppedClock(SystemClock):
    """Never wakes up who sleeps; `told` are the seconds."""

    def __init__(self) -> None:
        self.told: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.told.append(seconds)
        await anyio.sleep_forever()


def socket_to(url: str, clock: Clock) -> EventSocket:
    """Hurried or not, a server has a minute to answer a ping."""
    return EventSocket(
        Origin.of(url), clock=clock, random=Random(1), context=ssl.create_default_context, ping_every_s=6_000
    )


@pytest.fixture(scope="module")
def server():
    with LookAlike() as server:
        yield server


@pytest.fixture
async def socket(server, anyio_backend):
    del anyio_backend
    with anyio.fail_after(60):
        yield socket_to(server.url, HurriedClock())


async def live(socket: EventSocket, hints: SocketHints, *jobs: str) -> None:
    """The line is open, and that is no news any more for `jobs`."""
    while not socket.is_live:  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(0.01)
    for job in jobs:
        await hints.wait(job, 0)


def event(generation_id: int, kind: str = "job:completed") -> dict:
    return {"type": kind, "generation_id": generation_id, "status": "completed", "user_id": 1, "data": {}}


async def test_event_of_the_job_ends_the_wait(server, socket):
    async with socket.watch() as hints, anyio.create_task_group() as tasks:
        await live(socket, hints, "7")
        tasks.start_soon(anyio.to_thread.run_sync, server.say, event(7))

        assert await hints.wait("7", LONG_S)


async def test_news_between_two_waits_is_not_lost(server, socket):
    async with socket.watch() as hints:
        await live(socket, hints, "7", "8")
        await anyio.to_thread.run_sync(server.say, event(7))
        await anyio.to_thread.run_sync(server.say, event(8))
        assert await hints.wait("8", LONG_S)  # what came before it was heard, too

        assert await hints.wait("7", 0)
        assert not await hints.wait("7", 0)


@pytest.mark.parametrize(
    "message",
    [
        event(8),
        event(7, "job:created"),
        {"type": "connected", "payload": None, "data": None},
        "not json",
        "[" * 5000,
        {"type": 7, "generation_id": "seven"},
        {"type": "job:completed", "generation_id": 7.5},
        {"type": "job:started", "data": {"analysis_id": 7}},
    ],
    ids=lambda message: str(message)[:30],
)
async def test_what_is_not_about_the_job_is_no_news(server, socket, message):
    async with socket.watch() as hints:
        await live(socket, hints, "7", "9")
        await anyio.to_thread.run_sync(server.say, message)
        await anyio.to_thread.run_sync(server.say, event(9))
        assert await hints.wait("9", LONG_S)

        assert not await hints.wait("7", 0)


async def test_stored_file_is_news_of_its_job(server, socket):
    stored = {"type": "asset:updated", "asset_id": 3, "data": {"asset_id": 3, "source_generation_id": 7}}
    async with socket.watch() as hints:
        await live(socket, hints, "7")
        await anyio.to_thread.run_sync(server.say, stored)

        assert await hints.wait("7", LONG_S)


async def test_cut_line_is_news_and_comes_back(server, socket):
    async with socket.watch() as hints:
        await live(socket, hints, "7")
        await anyio.to_thread.run_sync(server.drop_sockets)
        assert await hints.wait("7", LONG_S)

        await live(socket, hints, "7")
        await anyio.to_thread.run_sync(server.say, event(7))
        assert await hints.wait("7", LONG_S)


async def test_message_over_the_limit_only_cuts_the_line(server, socket):
    async with socket.watch() as hints:
        await live(socket, hints, "7")
        await anyio.to_thread.run_sync(server.say, "x" * (2 << 20))

        assert await hints.wait("7", LONG_S)
        await live(socket, hints)


async def test_watchers_share_one_line_that_closes_after_the_last(server, socket):
    async with socket.watch() as first:
        await live(socket, first)
        async with socket.watch() as second:
            await live(socket, second)
            # Those of earlier watchers may just be going.
            while await anyio.to_thread.run_sync(server.sockets) != 1:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.01)
        assert socket.is_live
    assert not socket.is_live
    while await anyio.to_thread.run_sync(server.sockets):  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(0.01)


async def test_line_counts_as_live_once_it_told_something(server, socket):
    async with socket.watch() as hints:
        await live(socket, hints, "7")
        assert not hints.is_live
        await anyio.to_thread.run_sync(server.say, event(8))
        while not hints.is_live:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)
        await anyio.to_thread.run_sync(server.drop_sockets)
        assert await hints.wait("7", LONG_S)
        await live(socket, hints)
        assert not hints.is_live


async def test_line_outlives_the_watcher_that_opened_it(server, socket):
    async with anyio.create_task_group() as tasks:
        opened = anyio.Event()

        async def first() -> None:
            async with socket.watch():
                opened.set()
                await anyio.sleep_forever()

        tasks.start_soon(first)
        await opened.wait()
        async with socket.watch() as hints:
            tasks.cancel_scope.shield = True
            await live(socket, hints, "7")
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(server.say, event(7))
                assert await hints.wait("7", LONG_S)


async def test_no_server_means_no_hints_and_no_trouble(anyio_backend):
    del anyio_backend
    async with socket_to("http://127.0.0.1:9", HurriedClock()).watch() as hints:
        assert not await hints.wait("7", 0.05)
        assert not hints.is_live


async def test_trouble_of_the_block_is_the_callers(socket):
    with pytest.raises(ValueError, match="mine"):
        async with socket.watch():
            raise ValueError("mine")


async def test_line_sends_no_token(server, socket):
    user = await anyio.to_thread.run_sync(server.user, "socket_user")
    async with socket.watch() as hints:
        await live(socket, hints)

    assert not server.sightings(user.token)


async def test_server_that_refuses_the_line_is_asked_for_it_rarely(server):
    clock = StoppedClock()
    asked = len(await anyio.to_thread.run_sync(server.requests, "GET /api/v1/ws/*"))
    await anyio.to_thread.run_sync(lambda: server.configure(sockets_open=False))
    try:
        async with socket_to(server.url, clock).watch() as hints:
            with anyio.fail_after(60):
                while not clock.told:  # noqa: ASYNC110 - nobody tells
                    await anyio.sleep(0.01)
            assert not await hints.wait("7", 0)
    finally:
        await anyio.to_thread.run_sync(lambda: server.configure(sockets_open=True))
    assert len(await anyio.to_thread.run_sync(server.requests, "GET /api/v1/ws/*")) == asked + 1
    assert min(clock.told) > 10
