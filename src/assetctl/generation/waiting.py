"""How often a job is looked at, and when we stop waiting for it.

The pauses are a pure generator: growing, jittered, capped, and bent by the server's own wish. One loop sleeps through
them under a deadline. Clock, sleep and random source are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from random import Random

    from assetctl.clock import Clock
    from assetctl.generation.base import JobStatus


@dataclass(frozen=True, slots=True)
class Pace:
    """How pauses between looks grow, in seconds; `jitter` is the share of each pause that is random, 0 to 1."""

    first_s: float = 2.0
    factor: float = 1.5
    cap_s: float = 15.0
    jitter: float = 0.5


#: For a queue at a remote service, which is asked by many.
REMOTE_PACE = Pace()
_SHORTEST_S = 0.05
_WISH_JITTER = 0.1


def pauses(pace: Pace, random: Random) -> Generator[float, float | None, None]:
    """Endless pauses in seconds: first 0 (look at once), then each more than 0 and at most `cap_s` and a tenth.

    Send the server's wish (or None) after each look to get the next pause. A wish replaces the planned one and is
    jittered upwards only. Planned pauses are half jittered: with `jitter` 0.5 a pause of 10 s becomes 5 to 10 s, so
    that many askers drift apart.
    """
    planned_s = pace.first_s
    wish_s = yield 0.0
    while True:
        if wish_s is not None:
            wish_s = yield min(pace.cap_s, max(_SHORTEST_S, wish_s)) * (1 + _WISH_JITTER * random.random())
        else:
            wish_s = yield min(planned_s, pace.cap_s) * (1 - pace.jitter * random.random())
            planned_s = min(pace.cap_s, planned_s * pace.factor)


async def wait_for_job(
    look: Callable[[], Awaitable[JobStatus]],
    *,
    clock: Clock,
    random: Random,
    max_wait_s: float,
    on_status: Callable[[JobStatus], None],
    pace: Pace = REMOTE_PACE,
) -> JobStatus | None:
    """The final status of the job that `look` looks at; None when `max_wait_s` passed first and the job goes on.

    Looks at least once, also with `max_wait_s` 0. `on_status` hears of each look. What `look` raises passes through.
    """
    deadline_s = clock.elapsed_s() + max_wait_s
    rhythm = pauses(pace, random)
    next(rhythm)
    while True:
        status = await look()
        on_status(status)
        if status.is_final:
            return status
        left_s = deadline_s - clock.elapsed_s()
        if left_s <= 0:
            return None
        await clock.sleep(min(rhythm.send(status.poll_after_s), left_s))
