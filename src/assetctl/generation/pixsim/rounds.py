"""Reads that many ask for at about the same time, made together, in rounds that follow each other at a distance.

Who asks first leads a round for all who ask before it leaves; nobody gets what was read before they asked. There is no
task behind it: a leader that is cancelled hands the lead on, and takes nobody with it.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final, Generic, NoReturn, TypeVar

import anyio

from assetctl.errors import AssetctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from assetctl.clock import Clock

T = TypeVar("T")

#: How long a round waits for others to join it.
GATHER_S: Final = 0.05
#: How far apart two rounds leave.
GAP_S: Final = 0.25


class Rounds(Generic[T]):
    """Rounds of one kind of read, one after the other."""

    def __init__(
        self,
        bring: Callable[[Collection[int]], Awaitable[Mapping[int, T]]],
        *,
        clock: Clock,
        gathering: Callable[[], None] | None = None,
    ) -> None:
        """`bring` reads what a round is about, all it can; `gathering` is called when a round begins to gather."""
        self._bring = bring
        self._clock = clock
        self._gathering = gathering
        self._waiting: dict[_Asked[T], None] = {}
        self._is_led = False
        self._left_s: float | None = None

    async def ask(self, number: int) -> T | None:
        """What a round that leaves from now on brings of `number`; None when it brings nothing of it.

        Raises:
            AssetctlError: what went wrong with the round; each asker gets an error of its own.
        """
        asked = _Asked[T](number)
        self._waiting[asked] = None
        try:
            while asked.outcome is None:
                if self._is_led:
                    await asked.called()
                else:
                    await self._lead()
        finally:
            self._waiting.pop(asked, None)
            self._hand_on()
        return asked.outcome()

    async def _lead(self) -> None:
        self._is_led = True
        try:
            if self._gathering is not None:
                self._gathering()
            await self._clock.sleep(self._pause_s())
            self._left_s = self._clock.elapsed_s()
            # Who asks from here on waits for the next one: this may be too old for them.
            aboard = tuple(self._waiting)
            try:
                brought = await self._bring({asked.number for asked in aboard})
            except AssetctlError as error:
                for asked in aboard:
                    # Whoever gets it may add to it.
                    asked.answer(_raiser(copy(error)))
            else:
                for asked in aboard:
                    asked.answer(_giver(brought.get(asked.number)))
            for asked in aboard:
                self._waiting.pop(asked, None)
        finally:
            self._is_led = False

    def _pause_s(self) -> float:
        since_s = GAP_S if self._left_s is None else self._clock.elapsed_s() - self._left_s
        return max(GATHER_S, GAP_S - since_s)

    def _hand_on(self) -> None:
        """Somebody who waits leads the next round, if nobody leads one."""
        first = next(iter(self._waiting), None)
        if not self._is_led and first is not None:
            first.call()


class _Asked(Generic[T]):
    """One asker; `outcome` is None until a round answered."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.outcome: Callable[[], T | None] | None = None
        self._event = anyio.Event()

    async def called(self) -> None:
        """There is an answer, or the lead to take."""
        await self._event.wait()
        self._event = anyio.Event()

    def call(self) -> None:
        self._event.set()

    def answer(self, outcome: Callable[[], T | None]) -> None:
        self.outcome = outcome
        self._event.set()


def _giver(value: T) -> Callable[[], T]:
    return lambda: value


def _raiser(error: AssetctlError) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail
