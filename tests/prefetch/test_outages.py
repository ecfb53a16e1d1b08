"""Services that are away: waited for together, not for ever, and not where only some have to wait."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import AssetctlError, JobFailed, OutcomeUnknown, RateLimited, ServiceUnreachable
from assetctl.models import Asset, AssetType, Origin, Source
from assetctl.prefetch.outages import Outages
from fakes import FILM, FakeClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio

CLOSED, REFUSED, BUSY = (
    ServiceUnreachable("closed", why="refused"),
    ServiceUnreachable("left alone"),
    RateLimited("busy"),
)


def an_asset(source: Source) -> Asset:
    return Asset("a", Path("a.mp4"), AssetType.VIDEO, source, Origin("shop"), "0" * 64, 1, FILM)


MADE = an_asset(Source.GENERATED)


class Told:
    """Outages with a clock, and what they told; `ask` answers with what it was given, in turn."""

    def __init__(self, limit_s: float = 100.0) -> None:
        self.clock = FakeClock()
        self.heard: list[tuple[AssetctlError, float] | None] = []
        self.outages = Outages(
            limit_s,
            clock=self.clock,
            on_away=lambda error, left_s: self.heard.append((error, left_s)),
            on_back=lambda: self.heard.append(None),
        )

    def answers(self, *answers: AssetctlError | Asset) -> Callable[[], Awaitable[Asset]]:
        waiting = list(answers)

        async def ask() -> Asset:
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, AssetctlError):
                raise answer
            return answer

        return ask

    async def outlasted(self, *answers: AssetctlError | Asset) -> Asset:
        return await self.outages.outlasted(self.answers(*answers), lambda: False)


async def test_who_comes_back_is_told_once_each_time():
    told = Told()
    assert await told.outlasted(CLOSED, REFUSED, BUSY, MADE) is MADE
    assert told.clock.slept == [1.0, 2.0, 4.0]
    assert told.heard == [(CLOSED, 100.0), None]
    await told.outlasted(BUSY, MADE)
    assert told.heard[2:] == [(BUSY, 100.0), None]


async def test_who_stays_away_is_given_up_and_the_first_reason_counts():
    told = Told(limit_s=20)
    with pytest.raises(ServiceUnreachable, match="left alone"):
        await told.outlasted(CLOSED, REFUSED)
    assert sum(told.clock.slept) <= 20
    assert told.outages.reason(REFUSED) is CLOSED
    full = AssetctlError("full")
    assert told.outages.reason(full) is full


async def test_the_last_try_comes_when_the_time_is_over():
    told = Told(limit_s=3)
    assert await told.outlasted(CLOSED, CLOSED, MADE) is MADE
    assert told.clock.slept == [1, 2]


async def test_while_others_get_answers_nobody_is_away():
    told = Told(limit_s=40)
    waiting = told.answers(*[BUSY] * 30, MADE)

    async def ask() -> Asset:
        await told.outlasted(MADE)
        return await waiting()

    assert await told.outages.outlasted(ask, lambda: False) is MADE
    assert sum(told.clock.slept) > 100


@pytest.mark.parametrize("source", [Source.CACHED, Source.PLACEHOLDER])
async def test_what_no_service_gave_is_no_word_of_one(source: Source):
    told = Told()
    await told.outlasted(CLOSED, an_asset(source))
    assert told.heard == [(CLOSED, 100.0)]


async def test_when_the_run_is_over_nobody_is_waited_for():
    told = Told()
    with pytest.raises(RateLimited):
        await told.outages.outlasted(told.answers(BUSY), lambda: True)
    assert (told.clock.slept, told.heard) == ([], [])


async def test_any_other_trouble_is_the_callers():
    with pytest.raises(JobFailed):
        await Told().outlasted(JobFailed("no"))
    with pytest.raises(OutcomeUnknown):
        await Told().outlasted(OutcomeUnknown("nobody can tell"), MADE)


async def test_an_order_that_cannot_be_settled_for_want_of_an_answer_is_waited_for():
    unknown = OutcomeUnknown("nobody can tell now")
    unknown.__cause__ = CLOSED
    told = Told()
    assert await told.outlasted(unknown, MADE) is MADE
    assert told.heard == [(unknown, 100.0), None]
