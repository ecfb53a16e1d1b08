"""Where orders leave: each try of one takes a turn, and what became of it is told to those who come next."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from assetctl.pixsim import trouble
from assetctl.pixsim.exchange import NoAnswer
from assetctl.pixsim.pacing import Lane, Pace, told_wait_s
from assetctl.pixsim.turns import NotCalled, Turn, Turns
from assetctl.pixsim.window import ARRIVES_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from assetctl.clock import Clock
    from assetctl.errors import RateLimited
    from assetctl.network import Origin
    from assetctl.pixsim.exchange import Answer

#: An order that leaves later after it got its turn might not arrive within `ARRIVES_WITHIN_S`: it takes another one.
_TURN_LASTS_S: Final = ARRIVES_WITHIN_S / 2
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an order stands in line: it calls `on_wait` when it has to wait there, which it does until `until_s`."""

    number: int
    on_wait: Callable[[], None] | None = None
    until_s: float = math.inf


class OrderGate:
    """Lets the orders to one server out, as many and as soon as it takes them."""

    def __init__(self, turns: Turns, pace: Pace, *, origin: Origin, clock: Clock, patience_s: float) -> None:
        """Wait out pauses of `patience_s` at most; waiting behind others has no limit but that of each order."""
        self._turns = turns
        self._pace = pace
        self._origin = origin
        self._clock = clock
        self._patience_s = patience_s

    @property
    def per_minute(self) -> int | None:
        """How many orders leave in a minute at most; None is without a limit."""
        return self._turns.per_minute

    def number(self) -> int:
        """The next number in line, which an order keeps for all its tries."""
        return self._turns.number()

    @asynccontextmanager
    async def reserved(self, on_wait: Callable[[], None] | None, max_wait_s: float = math.inf) -> AsyncGenerator[Turn]:
        """Within the block one order may leave at once, if it leaves soon; a turn that is not used is given back.

        `on_wait` is called when there is no turn at this moment, and again when the server refuses the order. Both
        times it is waited until `max_wait_s` from now have passed.

        Raises:
            RateLimited: the server takes none for longer than we wait.
        """
        turn = await self._taken(_Place(self.number(), on_wait, self._clock.elapsed_s() + max_wait_s), None)
        try:
            yield turn
        finally:
            await self.give_back(turn)

    async def turn(self, number: int, before: Turn | None, request_id: str) -> Turn:
        """`before`, or another turn where that is used up or too old.

        Raises:
            RateLimited: as `reserved`.
        """
        if before is not None and self._clock.elapsed_s() > before.left_s + _TURN_LASTS_S:
            await self.give_back(before)
        if before is not None and before.is_open:
            return before
        place = _Place(number) if before is None else _Place(number, before.on_wait, before.until_s)
        return await self._taken(place, request_id)

    async def give_back(self, turn: Turn) -> None:
        """Nothing left with this turn, unless it was used."""
        await self._turns.give_back(turn)

    async def leave(self, turn: Turn, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `send` gives; the turn is used, unless the server certainly never saw the order.

        Raises:
            NoAnswer, UnusableAnswer: as `send`.
        """
        try:
            answer = await send()
        except NoAnswer as lost:
            await (self._turns.answered(turn) if lost.was_sent else self.give_back(turn))
            raise
        except BaseException:
            # No usable answer, or whoever waits for it is called off: the server may have counted it.
            await self._turns.answered(turn)
            raise
        if answer.status == _TOO_MANY:
            await self._turns.refused(turn, told_wait_s(answer))
        else:
            await self._turns.answered(turn)
        return answer

    async def _taken(self, place: _Place, request_id: str | None) -> Turn:
        try:
            async with self._turns.front(place.number, place.on_wait, place.until_s):
                while True:
                    found = self._pace.pause_before(Lane.ORDER) or await self._turns.take()
                    if isinstance(found, Turn):
                        found.on_wait, found.until_s = place.on_wait, place.until_s
                        return found
                    if found > self._patience_s:
                        raise trouble.limited(self._origin, wait_s=found, request_id=request_id)
                    if self._clock.elapsed_s() + found > place.until_s:
                        raise self._too_late(found, request_id)
                    await self._turns.pause(found)
        except NotCalled:
            raise self._too_late(None, request_id) from None

    def _too_late(self, next_s: float | None, request_id: str | None) -> RateLimited:
        return trouble.no_turn(self._origin, self.per_minute, next_s=next_s, request_id=request_id)
