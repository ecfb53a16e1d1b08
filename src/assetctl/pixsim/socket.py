"""The server's events as hints: that a job may have changed, so that it is looked at now and not at the next poll.

Everybody's events come in unasked and unproven, none is repeated, none is promised: what is true is what REST says.
No token is sent, as the server does not look at one there. Trouble is logged at DEBUG and raises nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import anyio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from assetctl.errors import ConfigError
from assetctl.hosts import is_loopback
from assetctl.pixsim import wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Callable
    from random import Random

    from websockets.asyncio.client import ClientConnection

    from assetctl.clock import Clock
    from assetctl.network import Origin

PATH: Final = "/api/v1/ws/generations"
PING_EVERY_S: Final = 15.0
MAX_MESSAGE_BYTES: Final = 1 << 20
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 60.0
_GOODBYE_S: Final = 1.0
#: A server that refuses the line is not one that is away for a moment: it counts as if it had failed so often before.
_AS_IF_FAILED: Final = 5
#: A line that lasted so long was a good one.
_LASTING_S: Final = 10.0
#: Of how many generations the latest news is kept; of those forgotten everything counts as news.
_REMEMBERED: Final = 4096

_log = logging.getLogger(__name__)
# What the library logs holds whole messages: other people's prompts.
_library_log = logging.getLogger("assetctl.websockets")
_library_log.disabled = True


class EventSocket:
    """One line to the server, open while anybody watches; shared by all tasks of an event loop."""

    def __init__(
        self,
        origin: Origin,
        *,
        clock: Clock,
        random: Random,
        context: Callable[[], ssl.SSLContext],
        timeout_s: float = 30.0,
        ping_every_s: float = PING_EVERY_S,
    ) -> None:
        """Connect when somebody watches; `context` makes what TLS is checked with."""
        self._origin = origin
        self._clock = clock
        self._random = random
        self._context = context
        self._timeout_s = timeout_s
        self._ping_every_s = ping_every_s
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._is_ponged = True
        self.is_live = False
        self.has_spoken = False
        # Everything heard has a number: a watcher has news of a job when the job's number is above the one it knows.
        self.number = 0
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._floor = 0
        self._waiting: dict[str, set[anyio.Event]] = {}

    @asynccontextmanager
    async def watch(self) -> AsyncGenerator[SocketHints]:
        """Within the block, hints; the line is opened for the first watcher and closed after the last."""
        if self._task is None:
            # A task group would end with the first watcher; this one ends with the last.
            self._task = asyncio.create_task(self._listen())
        self._watchers += 1
        try:
            yield SocketHints(self)
        finally:
            self._watchers -= 1
            if self._watchers == 0:
                await self._close()

    def number_of(self, job_id: str) -> int:
        """The number of the latest that may be news of this job."""
        return max(self._numbers.get(job_id, 0), self._floor)

    async def heard(self, job_id: str) -> None:
        """Something that may be news of this job is heard."""
        event = anyio.Event()
        self._waiting.setdefault(job_id, set()).add(event)
        try:
            await event.wait()
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    async def _close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with anyio.CancelScope(shield=True), suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        failures = 0
        while True:
            began_s = self._clock.elapsed_s()
            try:
                await self._connected()
            except (OSError, TimeoutError, WebSocketException, ConfigError) as error:
                _log.debug("no events from %s: %s", self._origin, type(error).__name__)
                if isinstance(error, InvalidStatus):
                    failures = max(failures, _AS_IF_FAILED)
            finally:
                self._line_changed(is_live=False)
            failures = 0 if self._clock.elapsed_s() - began_s > _LASTING_S else failures + 1
            longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**failures)
            await self._clock.sleep(self._random.uniform(longest_s / 2, longest_s))

    async def _connected(self) -> None:
        is_secure = self._origin.scheme == "https"
        async with connect(
            f"{'wss' if is_secure else 'ws'}{str(self._origin).removeprefix(self._origin.scheme)}{PATH}",
            ssl=self._context() if is_secure else None,
            proxy=None if is_loopback(self._origin.host) else True,
            # A few bytes of a compressed message can become any size.
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=self._timeout_s,
            close_timeout=_GOODBYE_S,
            ping_interval=None,
            user_agent_header="assetctl",
            logger=_library_log,
        ) as connection:
            self._is_ponged = True
            self._line_changed(is_live=True)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._ping, connection)
                with suppress(ConnectionClosed):
                    while True:
                        self._take(await connection.recv(decode=False))
                tasks.cancel_scope.cancel()

    async def _ping(self, connection: ClientConnection) -> None:
        """The line is closed once the server no longer answers."""
        with suppress(ConnectionClosed):
            while self._is_ponged:
                self._is_ponged = False
                await connection.send("ping")
                await self._clock.sleep(self._ping_every_s)
            await connection.close()

    def _take(self, message: bytes) -> None:
        if message == b"pong":
            self._is_ponged = True
            return
        try:
            generation_id = wire.generation_of_event(message)
        except wire.Unreadable as error:
            _log.debug("an event of %s is left out: %s", self._origin, error)
            return
        if generation_id is None:
            return
        job_id = str(generation_id)
        self.has_spoken = True
        self.number += 1
        self._numbers[job_id] = self.number
        self._numbers.move_to_end(job_id)
        if len(self._numbers) > _REMEMBERED:
            self._floor = max(self._floor, self._numbers.popitem(last=False)[1])
        for event in self._waiting.get(job_id, ()):
            event.set()

    def _line_changed(self, *, is_live: bool) -> None:
        """Nobody knows what was missed: everything counts as news."""
        if not (is_live or self.is_live):
            return
        self.is_live = is_live
        self.has_spoken = False
        self.number += 1
        self._floor = self.number
        self._numbers.clear()
        for events in self._waiting.values():
            for event in events:
                event.set()


class SocketHints:
    """What one watcher has not heard yet."""

    def __init__(self, socket: EventSocket) -> None:
        self._socket = socket
        self._begin = socket.number
        self._known: dict[str, int] = {}

    @property
    def is_live(self) -> bool:
        """Whether news would be heard at this moment: a line that never told anything may never do."""
        return self._socket.is_live and self._socket.has_spoken

    async def wait(self, job_id: str, timeout_s: float) -> bool:
        """Whether there was news of the job since the last wait for it, or since the watch began; waits for some."""
        with anyio.move_on_after(timeout_s):
            while self._socket.number_of(job_id) <= self._known.get(job_id, self._begin):
                await self._socket.heard(job_id)
        has_news = self._socket.number_of(job_id) > self._known.get(job_id, self._begin)
        self._known[job_id] = self._socket.number
        return has_news
