"""Many tasks that wait at once, on one clock that moves only when all of them wait, and a server that counts."""

from __future__ import annotations

import heapq
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from assetctl.pixsim.records import Generation, GenerationPage
from fakes import NOW, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from assetctl.errors import AssetctlError

#: As many turns of the event loop as anything here takes to come to rest.
_TURNS = 40
#: Nobody may wait for what never comes.
_REAL_LIMIT_S = 150.0


class CrowdClock(FakeClock):
    """Moves to the next moment that somebody sleeps for, once nobody has anything else to do."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._number = count()

    async def sleep(self, seconds: float) -> None:
        event = anyio.Event()
        heapq.heappush(self._sleepers, (self.elapsed_s() + seconds, next(self._number), event))
        await event.wait()

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[anyio.abc.TaskGroup]:
        """Within the block, time goes on; tasks are started in the group that it gives. The end waits for them."""
        with anyio.fail_after(_REAL_LIMIT_S):
            async with anyio.create_task_group() as outer:
                outer.start_soon(self._move)
                async with anyio.create_task_group() as tasks:
                    yield tasks
                outer.cancel_scope.cancel()

    async def _move(self) -> None:
        while True:
            for _ in range(_TURNS):
                await anyio.lowlevel.checkpoint()
            if self._sleepers:
                due_s, _, event = heapq.heappop(self._sleepers)
                self.advance(seconds=max(0.0, due_s - self.elapsed_s()))
                event.set()


@dataclass
class Row:
    """A job at the server: what it becomes, and when, in seconds from the start."""

    number: int
    steps: list[tuple[float, dict[str, object]]] = field(default_factory=list)
    is_listed: bool = True
    trouble: AssetctlError | None = None

    def at(self, elapsed_s: float) -> Generation:
        row = Generation(self.number, "pending", "text_to_video", "pixverse", {})
        for after_s, changes in self.steps:
            if elapsed_s >= after_s:
                row = replace(row, **changes)  # type: ignore[arg-type]
        return row


def completes(after_s: float) -> list[tuple[float, dict[str, object]]]:
    return [(after_s / 4, {"status": "processing"}), (after_s, {"status": "completed", "asset_id": 7})]


@dataclass
class Server:
    """Answers as the client does, `takes_s` after it was asked, what was true when it was asked. `calls` tells what."""

    clock: CrowdClock
    rows: dict[int, Row] = field(default_factory=dict)
    takes_s: float = 0.01
    calls: list[tuple[str, float]] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    list_trouble: Callable[[], AssetctlError] | None = None

    def add(self, *rows: Row) -> None:
        self.rows |= {row.number: row for row in rows}

    @property
    def lists(self) -> list[float]:
        """When the list was asked for."""
        return [moment for what, moment in self.calls if what == "list"]

    async def generation(self, number: int) -> Generation | None:
        self.reads.append(number)
        row = self.rows.get(number)
        found = None if row is None else row.at(self._called("read"))
        await self.clock.sleep(self.takes_s)
        if row is not None and row.trouble is not None:
            raise row.trouble
        return found

    async def generations(self, *, limit: int, offset: int) -> GenerationPage:
        self.limits.append(limit)
        elapsed_s = self._called("list")
        rows = [row.at(elapsed_s) for row in reversed(self.rows.values()) if row.is_listed]
        await self.clock.sleep(self.takes_s)
        if self.list_trouble is not None:
            raise self.list_trouble()
        return GenerationPage(tuple(rows[offset : offset + limit]), len(rows))

    def _called(self, what: str) -> float:
        elapsed_s = (self.clock.now() - NOW).total_seconds()
        self.calls.append((what, elapsed_s))
        return elapsed_s
