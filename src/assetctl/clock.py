"""The one place that asks what time it is and that waits.

Deadlines use a clock that goes on while the machine sleeps, so that a closed lid cannot turn a limit into a hang;
wall time only labels things. Tests hand in their own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from assetctl import eventloop


class Clock(Protocol):
    """Time as the core sees it."""

    def now(self) -> datetime:
        """Wall time in UTC, for labels and expiry dates."""
        ...

    def elapsed_s(self) -> float:
        """Seconds since an arbitrary start; never goes back, and counts the time the machine slept where it can."""
        ...

    async def sleep(self, seconds: float) -> None:
        """At least `seconds` have passed, unless the caller was cancelled."""
        ...


def _elapsed_with_suspend() -> float:
    # CLOCK_BOOTTIME (clock_gettime(2), Linux) counts suspend. macOS' and Windows' monotonic clocks are what there is.
    clock_id = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock_id is None else time.clock_gettime(clock_id)


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Wall time in UTC."""
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        """Seconds since boot, sleep included where the system has such a clock."""
        return _elapsed_with_suspend()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for `seconds`."""
        import anyio  # noqa: PLC0415 - an answer from the cache never sleeps

        await eventloop.started()
        await anyio.sleep(seconds)
