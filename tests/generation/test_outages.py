"""Services that are away: waited for together, not for ever, and not where only some have to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assetctl.errors import (
    AssetctlError,
    JobFailed,
    OutcomeUnknown,
    RateLimited,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
)
from assetctl.events import AssetEventBus, Event, ServiceAway, ServiceBack
from assetctl.generation.outages import Outages, may_pass
from fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio

CLOSED, REFUSED, BUSY = (
    ServiceUnreachable("closed", why="refused"),
    ServiceUnreachable("left alone"),
    RateLimited("busy"),
)
BOOM = ServiceFault("boom")
MADE = "an asset"
BACK = ServiceBack(None)


def away(error: AssetctlError, left_s: float = 100.0) -> ServiceAway:
    return ServiceAway(None, error.what, error.why, left_s)


class Told:
    """Outages with a clock, and what they told; `outlasted` answers with what it was given, in turn."""

    def __init__(self, limit_s: float = 100.0) -> None:
        self.clock = FakeClock()
        self.heard: list[Event] = []
        bus = AssetEventBus()
        bus.subscribe(self.heard.append)
        self.outages = Outages(clock=self.clock, events=bus, limit_s=limit_s)

    def answers(self, *answers: AssetctlError | str) -> Callable[[], Awaitable[str]]:
        waiting = list(answers)

        async def ask() -> str:
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, AssetctlError):
                raise answer
            return answer

        return ask

    async def outlasted(self, *answers: AssetctlError | str, until_s: float = 1e9) -> str:
        answer = await self.outages.outlasted(self.answers(*answers), until_s=self.clock.elapsed_s() + until_s)
        self.outages.answered()
        return answer


async def test_who_comes_back_is_told_once_each_time():
    told = Told()
    assert await told.outlasted(CLOSED, REFUSED, BUSY, MADE) is MADE
    assert told.clock.slept == [1.0, 2.0, 4.0]
    assert told.heard == [away(CLOSED), BACK]
    await told.outlasted(BUSY, MADE)
    assert told.heard[2:] == [away(BUSY), BACK]


async def test_who_stays_away_is_given_up_at_the_limit_and_the_first_reason_counts():
    told = Told(limit_s=20)
    with pytest.raises(ServiceUnreachable, match="left alone"):
        await told.outlasted(CLOSED, REFUSED)
    assert sum(told.clock.slept) == pytest.approx(20)
    assert told.outages.reason(REFUSED) is CLOSED
    full = AssetctlError("full")
    assert told.outages.reason(full) is full


async def test_a_limit_may_be_set_later_and_a_waiter_may_have_less_time():
    told = Told()
    told.outages.limit_to(8)
    with pytest.raises(ServiceUnreachable):
        await told.outlasted(CLOSED)
    assert sum(told.clock.slept) == pytest.approx(8)
    told = Told()
    with pytest.raises(ServiceUnreachable):
        await told.outlasted(CLOSED, until_s=5)
    assert sum(told.clock.slept) == pytest.approx(5)
    assert told.heard == [away(CLOSED, 5.0)]


async def test_all_who_wait_share_one_time():
    told = Told(limit_s=20)
    for _ in range(2):
        with pytest.raises(ServiceUnreachable):
            await told.outlasted(CLOSED)
    assert sum(told.clock.slept) == pytest.approx(20)
    assert len(told.heard) == 1


async def test_while_others_get_answers_nobody_is_away():
    told = Told(limit_s=40)
    waiting = told.answers(*[BUSY] * 30, MADE)

    async def ask() -> str:
        await told.outlasted(MADE)
        return await waiting()

    assert await told.outages.outlasted(ask) is MADE
    assert sum(told.clock.slept) > 100


@pytest.mark.parametrize("error", [BOOM, BUSY])
async def test_one_that_fails_on_while_others_get_answers_is_told_of_once(error: AssetctlError):
    told = Told()
    waiting = told.answers(*[error] * 20, MADE)

    async def ask() -> str:
        # Others are asked more rarely than one that fails.
        if len(told.clock.slept) % 3 == 1:
            await told.outlasted(MADE)
        return await waiting()

    assert await told.outages.outlasted(ask, is_passing=may_pass) is MADE
    assert told.heard == [away(error), BACK]


async def test_who_failed_on_by_itself_is_told_of_when_it_fails_anew():
    told = Told()
    for _ in range(2):
        waiting = told.answers(BUSY, BUSY, BUSY, MADE)

        async def ask(waiting: Callable[[], Awaitable[str]] = waiting) -> str:
            told.outages.answered()
            return await waiting()

        assert await told.outages.outlasted(ask) is MADE
    assert told.heard == [away(BUSY), BACK] * 2


async def test_what_is_no_answer_of_a_service_says_nothing_of_it():
    told = Told()
    await told.outages.outlasted(told.answers(CLOSED, "from the cache"))
    assert told.heard == [away(CLOSED)]


async def test_when_the_work_is_over_nobody_is_waited_for():
    told = Told()
    with pytest.raises(RateLimited):
        await told.outages.outlasted(told.answers(BUSY), is_over=lambda: True)
    with pytest.raises(RateLimited):
        await told.outlasted(BUSY, until_s=0)
    assert (told.clock.slept, told.heard) == ([], [])


@pytest.mark.parametrize("error", [JobFailed("no"), OutcomeUnknown("nobody can tell"), BOOM])
async def test_any_other_trouble_is_the_callers(error: AssetctlError):
    with pytest.raises(type(error)):
        await Told().outlasted(error, MADE)


async def test_trouble_within_a_service_passes_for_whoever_has_a_job_there():
    told = Told()
    asked = told.answers(BOOM, MADE)
    assert await told.outages.outlasted(asked, is_passing=may_pass) is MADE
    assert may_pass(CLOSED)
    assert not may_pass(ServiceError("no such page"))
    assert not may_pass(JobFailed("no"))


async def test_an_order_that_cannot_be_settled_for_want_of_an_answer_is_waited_for():
    unknown = OutcomeUnknown("nobody can tell now")
    unknown.__cause__ = CLOSED
    told = Told()
    assert await told.outlasted(unknown, MADE) is MADE
    assert told.heard == [away(unknown), BACK]
