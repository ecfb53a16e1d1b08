"""Reads that many ask for at about the same time, made together, in rounds that follow each other at a distance.

Who asks first leads a round for all who ask before it leaves; nobody gets what was read before they asked, and what a
round does not bring is read by itself. There is no task behind it: a leader that is cancelled hands the lead on, and
takes nobody with it.
"""

from __future__ import annotations

import logging
from copy import copy
from typing import TYPE_CHECKING, Final, Generic, NoReturn, TypeVar

import anyio

from assetctl.errors import AssetctlError, NotAllowed, RateLimited, ServiceUnreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from assetctl.clock import Clock

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: How long a round waits for others to join it.
GATHER_S: Final = 0.05
#: How far apart two rounds leave.
GAP_S: Final = 0.25


#: Fewer are read by themselves.
_WORTH_A_ROUND: Final = 2
#: How long reading together is given up after it failed; all is read by itself meanwhile.
_REST_S: Final = 60.0
#: Trouble of the server as a whole, which a read by itself would only meet again.
_ALL_TROUBLE: Final = (ServiceUnreachable, NotAllowed, RateLimited)


class Rounds(Generic[T]):
    """Reads of one kind of thing, by its number."""

    def __init__(
        self,
        read: Callable[[int], Awaitable[T | None]],
        read_together: Callable[[Collection[int]], Awaitable[Mapping[int, T]]],
        *,
        clock: Clock,
        gathering: Callable[[], None] | None = None,
    ) -> None:
        """`read` gives None when there is none; `read_together` leaves out what it doesn't find.

        `gathering` is called when a round begins to gather.
        """
        self._read = read
        self._read_together = read_together
        self._clock = clock
        self._gathering = gathering
        self._waiting: dict[_Asked[T], None] = {}
        self._reading = 0
        self._is_led = False
        self._left_s: float | None = None
        self._rests_until_s: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._reading > 0 or bool(self._waiting)

    async def get(self, number: int, *, alone: bool) -> T | None:
        """What there is of that number, read after this call; None when there is none.

        `alone` says that nobody else is likely to ask for anything soon.

        Raises:
            AssetctlError: it could not be read; each asker gets an error of its own.
        """
        found = None if alone and not self.is_busy else await self._brought(number)
        if found is not None:
            return found
        self._reading += 1
        try:
            return await self._read(number)
        finally:
            self._reading -= 1

    async def _brought(self, number: int) -> T | None:
        """What a round that leaves from now on brings of it."""
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

    async def _bring(self, numbers: Collection[int]) -> Mapping[int, T]:
        now_s = self._clock.elapsed_s()
        if len(numbers) < _WORTH_A_ROUND or (self._rests_until_s is not None and now_s < self._rests_until_s):
            return {}
        try:
            return await self._read_together(numbers)
        except _ALL_TROUBLE:
            raise
        except AssetctlError as error:
            # One bad item spoils the whole answer, and no other must suffer for it.
            _log.info("%d are read one by one: %s", len(numbers), error.what)
            self._rests_until_s = now_s + _REST_S
            return {}

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
