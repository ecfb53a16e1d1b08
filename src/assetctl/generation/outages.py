"""Services that are away for a while in the middle of a run: they are waited for, together and not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl.errors import AssetctlError, OutcomeUnknown, RateLimited, ServiceUnreachable
from assetctl.models import Source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assetctl.clock import Clock
    from assetctl.models import Asset

#: What a service is said to be away by.
AWAY: Final = (ServiceUnreachable, RateLimited)
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


def is_away(error: AssetctlError) -> bool:
    """Whether `error` says that a service is away, or that only that keeps an order from being settled."""
    cause = error.__cause__ if isinstance(error, OutcomeUnknown) else error
    return isinstance(cause, AWAY)


class Outages:
    """What all items of a run know of services that give no answer."""

    def __init__(
        self,
        limit_s: float,
        *,
        clock: Clock,
        on_away: Callable[[AssetctlError, float], None],
        on_back: Callable[[], None],
    ) -> None:
        """Wait for `limit_s` at most. `on_away` hears once why, and for how long; `on_back` that it is over."""
        self._limit_s = limit_s
        self._clock = clock
        self._on_away = on_away
        self._on_back = on_back
        self._first: AssetctlError | None = None
        self._answered_s = clock.elapsed_s()

    def reason(self, error: AssetctlError) -> AssetctlError:
        """Why the run ends with `error`: what was wrong at first says more than that it is still being left alone."""
        return self._first if is_away(error) and self._first is not None else error

    async def outlasted(self, ask: Callable[[], Awaitable[Asset]], is_over: Callable[[], bool]) -> Asset:
        """What `ask` gives, asked again while a service is away, until `is_over`.

        Raises:
            ServiceUnreachable, RateLimited, OutcomeUnknown: for all that time nobody got an answer.
        """
        pause_s, began_s = _FIRST_PAUSE_S, None
        while True:
            try:
                asset = await ask()
            except (*AWAY, OutcomeUnknown) as error:
                if not is_away(error):
                    raise
                now_s = self._clock.elapsed_s()
                began_s = now_s if began_s is None else began_s
                # Where others get theirs, the service isn't away: there are only too many of us.
                left_s = self._limit_s - (now_s - max(began_s, self._answered_s))
                if is_over() or pause_s > left_s:
                    raise
                self._tell_away(error, left_s)
            else:
                self._tell_answered(asset)
                return asset
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _tell_away(self, error: AssetctlError, left_s: float) -> None:
        if self._first is None:
            self._first = error
            self._on_away(error, left_s)

    def _tell_answered(self, asset: Asset) -> None:
        if asset.source in (Source.CACHED, Source.PLACEHOLDER):
            return
        self._answered_s = self._clock.elapsed_s()
        if self._first is not None:
            self._first = None
            self._on_back()
