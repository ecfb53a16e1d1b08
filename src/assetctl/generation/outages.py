"""Services that are away for a while: all of a process wait for them together, and not for ever."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeVar

from assetctl.errors import AssetctlError, OutcomeUnknown, RateLimited, ServiceFault, ServiceUnreachable
from assetctl.events import ServiceAway, ServiceBack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus

T = TypeVar("T")

#: What a service is said to be away by.
AWAY: Final = (ServiceUnreachable, RateLimited)
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 15.0
#: With less time than this there is no other try.
_LEAST_S: Final = 0.05


def is_away(error: AssetctlError) -> bool:
    """Whether `error` says that a service is away, or that only that keeps an order from being settled."""
    cause = error.__cause__ if isinstance(error, OutcomeUnknown) else error
    return isinstance(cause, AWAY)


def may_pass(error: AssetctlError) -> bool:
    """Whether whoever has a job to come back for does well to wait: besides all that is away, trouble within."""
    return is_away(error) or isinstance(error, ServiceFault)


class Outages:
    """What all work of a process knows of services that give no answer.

    Where others get theirs, a service isn't away: there are only too many of us, and the time counts anew.
    """

    def __init__(self, *, clock: Clock, events: AssetEventBus, limit_s: float = math.inf) -> None:
        """Wait for `limit_s` at most. The bus is told once why, and for how long, and once that it is over."""
        self._clock = clock
        self._events = events
        self._limit_s = limit_s
        self._since_s: float | None = None
        self._answers = 0
        self._first: AssetctlError | None = None

    def limit_to(self, limit_s: float) -> None:
        """From now on a service is waited for no longer than this."""
        self._limit_s = limit_s

    def answered(self) -> None:
        """A service gave an answer."""
        self._since_s = None
        self._answers += 1
        if self._first is not None:
            self._first = None
            self._events.publish(ServiceBack(None))

    def reason(self, error: AssetctlError) -> AssetctlError:
        """Why work ends with `error`: what was wrong at first says more than that it is still being left alone."""
        return self._first if is_away(error) and self._first is not None else error

    async def outlasted(
        self,
        ask: Callable[[], Awaitable[T]],
        *,
        until_s: float = math.inf,
        is_over: Callable[[], bool] = lambda: False,
        is_passing: Callable[[AssetctlError], bool] = is_away,
    ) -> T:
        """What `ask` gives, asked again while its trouble `is_passing`, until `until_s` on the clock or `is_over`.

        Raises:
            AssetctlError: what `ask` raised last; when it is passing, the time was over.
        """
        pause_s = _FIRST_PAUSE_S
        is_alone, answers = False, None
        while True:
            try:
                return await ask()
            except AssetctlError as error:
                if not is_passing(error):
                    raise
                left_s = self._left_s(until_s)
                if left_s < _LEAST_S or is_over():
                    raise
                # Where others got answers between two troubles of one, only that one has any: no service is away.
                is_alone = is_alone or answers not in (None, self._answers)
                answers = self._answers
                if not is_alone:
                    self._tell_away(error, left_s)
            await self._clock.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _left_s(self, until_s: float) -> float:
        now_s = self._clock.elapsed_s()
        if self._since_s is None:
            self._since_s = now_s
        return min(self._limit_s - (now_s - self._since_s), until_s - now_s)

    def _tell_away(self, error: AssetctlError, left_s: float) -> None:
        if self._first is None:
            self._first = error
            self._events.publish(ServiceAway(None, error.what, error.why, left_s))
