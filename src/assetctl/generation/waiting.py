"""How often a job is looked at, and when we stop waiting for it.

The pauses are a pure generator: growing, jittered, capped, and bent by the server's own wish. One loop sleeps through
them under a deadline, and a hint only wakes it early. Clock, sleep and random source are handed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from assetctl.errors import OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from random import Random

    from assetctl.clock import Clock
    from assetctl.generation.base import Hints, JobStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How pauses between looks grow, in seconds; `jitter` is the share of each pause that is random, 0 to 1."""

    first_s: float = 2.0
    factor: float = 1.5
    cap_s: float = 15.0
    jitter: float = 0.5


#: For a queue at a remote service, which is asked by many.
REMOTE_PACE = Pace()
#: While hints are heard, looks are only there for those that got lost.
HINTED_PACE = Pace(first_s=90.0, factor=1.0, cap_s=90.0, jitter=0.3)
_SHORTEST_S = 0.05
_WISH_JITTER = 0.1
#: Two looks that hints asked for lie this far apart, so that a chatty service is not asked all the time.
_HINT_GAP_S = 0.2


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
    hints: Hints | None = None,
    job_id: str = "",
    ordered_s_ago: float = math.inf,
) -> JobStatus | None:
    """The status that ended the wait for the job that `look` looks at; None when `max_wait_s` passed and it goes on.

    Looks at least once, also with `max_wait_s` 0. `on_status` hears of each look. With `hints`, news of `job_id` ends a
    pause at once, and a job that was ordered just now is first looked at after one. What `look` raises passes through.
    """
    deadline_s = clock.elapsed_s() + max_wait_s
    rhythm, hinted_rhythm = pauses(pace, random), pauses(HINTED_PACE, random)
    next(rhythm)
    next(hinted_rhythm)
    rest = _Rest(clock, hints, job_id)
    if hints is not None and ordered_s_ago < pace.first_s:
        await rest.take(min(rhythm.send(None), max_wait_s))
    while True:
        status = await look()
        on_status(status)
        if status.ends_wait:
            return status
        left_s = deadline_s - clock.elapsed_s()
        if left_s <= 0:
            return None
        steps = hinted_rhythm if hints is not None and hints.is_live else rhythm
        await rest.take(min(steps.send(status.poll_after_s), left_s))


async def settled(
    attempt: Callable[[], Awaitable[T]], *, clock: Clock, max_wait_s: float, on_pause: Callable[[float], None]
) -> T:
    """What `attempt` returns, tried again when the generator said it could tell, within `max_wait_s`.

    `on_pause` hears how long each pause will be.

    Raises:
        OutcomeUnknown: the generator can't tell, or not before `max_wait_s` have passed.
    """
    deadline_s = clock.elapsed_s() + max_wait_s
    while True:
        try:
            return await attempt()
        except OutcomeUnknown as error:
            pause_s = error.ask_again_in_s
            if pause_s is None or clock.elapsed_s() + pause_s > deadline_s:
                raise
        pause_s = max(_SHORTEST_S, pause_s)
        on_pause(pause_s)
        await clock.sleep(pause_s)


class _Rest:
    """The pause between two looks, which news of the job cuts short."""

    def __init__(self, clock: Clock, hints: Hints | None, job_id: str) -> None:
        self._clock = clock
        self._hints = hints
        self._job_id = job_id
        self._next_hinted_s = clock.elapsed_s()

    async def take(self, pause_s: float) -> None:
        """`pause_s` have passed, or there was news."""
        start_s = self._clock.elapsed_s()
        if self._hints is not None and await self._hints.wait(self._job_id, pause_s):
            now_s = self._clock.elapsed_s()
            if now_s < self._next_hinted_s:
                await self._clock.sleep(self._next_hinted_s - now_s)
            self._next_hinted_s = self._clock.elapsed_s() + _HINT_GAP_S
            return
        left_s = pause_s - (self._clock.elapsed_s() - start_s)
        if left_s > 0:
            await self._clock.sleep(left_s)
