"""Turns to order: who comes first goes first, and each leaves only when the server's window has a place.

One at a time stands at the front and looks; a thousand others wait behind without a look or a try. What is known of the
window may be shared with other processes (`turn_file.py`), whose fronts then look for the same places.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import anyio

from assetctl import eventloop
from assetctl.pixsim.window import Rules, Window

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from assetctl.clock import Clock

T = TypeVar("T")
#: How soon the front looks again: a turn that was given back is free at once, and no other process says so.
_LOOK_AGAIN_S: Final = 2.0


class SharedWindow(Protocol):
    """What is known of one server's window, kept between orders."""

    async def change(self, work: Callable[[Window], tuple[Window, T]]) -> T:
        """What `work` made of it besides the window that is known from now on; nobody else changes it meanwhile."""
        ...


class OwnWindow:
    """What this process knows by itself."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._window = Window()

    async def change(self, work: Callable[[Window], tuple[Window, T]]) -> T:
        """As `SharedWindow.change`."""
        self._window, result = work(self._window)
        return result


class NotCalled(Exception):
    """Those before took longer than was waited; nothing was taken."""


@dataclass(slots=True)
class Turn:
    """A place in the window, taken at `left_s`; open until it is used or given back.

    `on_wait` is called when its order was refused and waits for another turn, which it does until `until_s`.
    """

    left_s: float
    is_open: bool = True
    on_wait: Callable[[], None] | None = None
    until_s: float = math.inf


class Turns:
    """The turns at one server; for the tasks of one event loop."""

    def __init__(self, *, clock: Clock, rules: Rules | None = None, shared: SharedWindow | None = None) -> None:
        """Without `shared` no other process is known of."""
        self._clock = clock
        self._rules = rules or Rules()
        self._shared = shared or OwnWindow()
        self._line = _Line()
        self._untold: dict[int, Callable[[], None]] = {}
        self._is_held_up = False

    @property
    def per_minute(self) -> int | None:
        """How many turns there are in a minute; None is without a limit."""
        rules = self._rules
        return None if math.isinf(rules.most) else round(rules.most * 60.0 / rules.window_s)

    async def learned(self) -> int | None:
        """How many the server took lately in a window of which it refused one; None when it refused none."""
        return await self._changed(lambda window, _: (window, window.learned))

    def number(self) -> int:
        """The next number in line; whoever was refused comes back with the one he has, before all later ones."""
        return self._line.number()

    @asynccontextmanager
    async def front(
        self, number: int, on_wait: Callable[[], None] | None = None, until_s: float = math.inf
    ) -> AsyncGenerator[None]:
        """Within the block nobody else of this process looks for a turn; entering waits for all with lower numbers.

        `on_wait` is called once when whoever stands at the front has to pause.

        Raises:
            NotCalled: they were not done at `until_s` on the clock.
        """
        if on_wait is not None:
            self._untold[number] = on_wait
        if self._is_held_up:
            self._tell_all()
        try:
            async with self._line.front(number, max(0.0, until_s - self._clock.elapsed_s())):
                yield
        finally:
            self._untold.pop(number, None)

    async def pause(self, seconds: float) -> None:
        """It is time to look again, after `seconds` at most. The caller stands at the front."""
        self._is_held_up = True
        self._tell_all()
        try:
            await self._clock.sleep(min(seconds, _LOOK_AGAIN_S))
        finally:
            self._is_held_up = False

    def _tell_all(self) -> None:
        while self._untold:
            self._untold.pop(next(iter(self._untold)))()

    async def take(self) -> Turn | float:
        """A turn, or after how many seconds to look again. The caller stands at the front."""

        def work(window: Window, now_s: float) -> tuple[Window, Turn | float]:
            pause_s = window.pause_s(now_s, self._rules)
            return (window, pause_s) if pause_s > 0 else (window.left(now_s), Turn(now_s))

        return await self._changed(work)

    async def give_back(self, turn: Turn) -> None:
        """Nothing was sent; the place is free at once. A turn that was used stays used."""
        if turn.is_open:
            turn.is_open = False
            await self._changed(lambda window, _: (window.unsent(turn.left_s), None))

    async def answered(self, turn: Turn) -> None:
        """The order of this turn was counted by the server, or may have been."""
        turn.is_open = False
        await self._changed(lambda window, now_s: (window.arrived(turn.left_s, now_s, self._rules), None))

    async def refused(self, turn: Turn, ends_in_s: float | None) -> None:
        """The server took no more: its window ends in so many seconds, None where it didn't say."""
        turn.is_open = False
        await self._changed(lambda window, now_s: (window.refused(turn.left_s, now_s, ends_in_s, self._rules), None))

    async def _changed(self, work: Callable[[Window, float], tuple[Window, T]]) -> T:
        def at_this_moment(window: Window) -> tuple[Window, T]:
            now_s = self._clock.elapsed_s()
            return work(window.at(now_s, self._rules), now_s)

        with eventloop.shield():
            # Whoever leaves now has a turn to give back, or an answer that must be kept.
            return await self._shared.change(at_this_moment)


class _Line:
    """One at a time stands at the front; the others wait in the order of their numbers."""

    def __init__(self) -> None:
        self._last = 0
        self._is_taken = False
        self._waiting: list[tuple[int, anyio.Event]] = []

    def number(self) -> int:
        self._last += 1
        return self._last

    @asynccontextmanager
    async def front(self, number: int, max_wait_s: float) -> AsyncGenerator[None]:
        if self._is_taken:
            with anyio.move_on_after(max_wait_s) as wait:
                await self._called(number)
            if wait.cancelled_caught:
                raise NotCalled
        self._is_taken = True
        try:
            yield
        finally:
            self._call_next()

    async def _called(self, number: int) -> None:
        mine = (number, anyio.Event())
        heappush(self._waiting, mine)
        try:
            await mine[1].wait()
        except BaseException:
            if mine in self._waiting:
                self._waiting.remove(mine)
                heapify(self._waiting)
            else:
                self._call_next()
            raise

    def _call_next(self) -> None:
        if self._waiting:
            heappop(self._waiting)[1].set()
        else:
            self._is_taken = False
