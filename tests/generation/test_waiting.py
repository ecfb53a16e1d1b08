"""Pauses grow within their bounds, the server's wish is heard, and a deadline is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assetctl.errors import ServiceUnreachable
from assetctl.generation.base import JobState, JobStatus
from assetctl.generation.waiting import HINTED_PACE, REMOTE_PACE, Pace, pauses, wait_for_job
from fakes import FakeClock

pytestmark = pytest.mark.anyio

paces = st.builds(
    Pace,
    first_s=st.floats(min_value=0.01, max_value=60),
    factor=st.floats(min_value=1, max_value=10),
    cap_s=st.floats(min_value=0.1, max_value=120),
    jitter=st.floats(min_value=0, max_value=1),
)
wishes = st.none() | st.floats(allow_nan=True, allow_infinity=True)


def taken(pace: Pace, seed: int, heard: list[float | None]) -> list[float]:
    rhythm = pauses(pace, Random(seed))
    return [next(rhythm), *(rhythm.send(wish) for wish in heard)]


@given(paces, st.integers(), st.lists(wishes, max_size=30))
@example(REMOTE_PACE, 1, [math.nan, math.inf, -math.inf, -1.0, 0.0])
def test_every_pause_is_bounded(pace: Pace, seed: int, heard: list[float | None]):
    first, *rest = taken(pace, seed, heard)
    assert first == 0
    for pause in rest:
        assert 0 < pause <= pace.cap_s * 1.1


@given(paces)
def test_pauses_grow_up_to_the_cap(pace: Pace):
    steady = Pace(pace.first_s, pace.factor, pace.cap_s, jitter=0.0)
    rest = taken(steady, 1, [None] * 30)[1:]
    assert rest == sorted(rest)
    assert rest[0] == min(pace.first_s, pace.cap_s)
    if pace.factor > 2:
        assert rest[-1] == pace.cap_s


def test_remote_pace_is_the_promised_one():
    steady = Pace(jitter=0.0)
    assert taken(steady, 1, [None] * 7) == [0, 2.0, 3.0, 4.5, 6.75, 10.125, 15.0, 15.0]
    assert (REMOTE_PACE.first_s, REMOTE_PACE.cap_s, REMOTE_PACE.jitter) == (2.0, 15.0, 0.5)


@given(st.integers())
def test_jitter_takes_at_most_half_and_adds_nothing(seed: int):
    for plain, bent in zip(taken(Pace(jitter=0.0), 1, [None] * 9), taken(REMOTE_PACE, seed, [None] * 9), strict=True):
        assert plain / 2 <= bent <= plain


def test_askers_drift_apart():
    assert len({taken(REMOTE_PACE, seed, [None])[1] for seed in range(20)}) == 20


@given(st.floats(min_value=0.05, max_value=15), st.integers())
def test_wish_is_respected_and_never_undercut(wish: float, seed: int):
    pause = taken(REMOTE_PACE, seed, [wish])[1]
    assert wish <= pause <= wish * 1.1 + 1e-9


@pytest.mark.parametrize("wish", [0.0, -5.0, math.nan, 1e-9])
def test_senseless_wish_does_not_make_us_spin(wish: float):
    assert taken(REMOTE_PACE, 1, [wish])[1] >= 0.05


def test_endless_wish_is_capped():
    assert 15.0 <= taken(REMOTE_PACE, 1, [math.inf])[1] <= 16.5


def test_wish_does_not_make_the_planned_pauses_grow():
    steady = Pace(jitter=0.0)
    assert taken(steady, 1, [5.0, 5.0, None])[3] == 2.0


# The loop


@dataclass
class Job:
    """Ends after `looks` looks."""

    looks: int
    state: JobState = JobState.SUCCEEDED
    wish_s: float | None = None
    seen: int = 0

    async def __call__(self) -> JobStatus:
        self.seen += 1
        if self.seen >= self.looks:
            return JobStatus(self.state)
        return JobStatus(JobState.RUNNING, fraction=self.seen / self.looks, poll_after_s=self.wish_s)


async def wait(job: Job, clock: FakeClock, max_wait_s: float, heard: list[JobStatus] | None = None):
    told = [] if heard is None else heard
    return await wait_for_job(job, clock=clock, random=Random(1), max_wait_s=max_wait_s, on_status=told.append)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.PAUSED])
async def test_final_or_paused_status_ends_the_wait_at_once(state: JobState):
    clock = FakeClock()
    status = await wait(Job(1, state), clock, 100)
    assert status == JobStatus(state)
    assert clock.slept == []


async def test_every_look_is_told():
    heard: list[JobStatus] = []
    await wait(Job(4), FakeClock(), 1000, heard)
    assert [status.state for status in heard] == ["running", "running", "running", "succeeded"]


async def test_pauses_lie_between_the_looks():
    clock = FakeClock()
    await wait(Job(4), clock, 1000)
    assert len(clock.slept) == 3
    assert all(pause > 0 for pause in clock.slept)


async def test_no_wait_looks_once():
    job, clock = Job(5), FakeClock()
    assert await wait(job, clock, 0.0) is None
    assert (job.seen, clock.slept) == (1, [])


async def test_no_wait_still_sees_what_is_ready():
    assert await wait(Job(1), FakeClock(), 0.0) == JobStatus(JobState.SUCCEEDED)


@pytest.mark.parametrize("max_wait_s", [0.5, 1.0, 7.0, 30.0, 120.0])
async def test_deadline_is_kept_to_the_second(max_wait_s: float):
    job, clock = Job(10**9), FakeClock()
    start = clock.elapsed_s()
    assert await wait(job, clock, max_wait_s) is None
    assert clock.elapsed_s() - start == pytest.approx(max_wait_s, abs=0.001)


async def test_last_look_is_at_the_deadline():
    job, clock = Job(2, wish_s=15.0), FakeClock()
    status = await wait(job, clock, 3.0)
    assert status == JobStatus(JobState.SUCCEEDED)
    assert clock.slept == [pytest.approx(3.0)]


async def test_machine_that_slept_past_the_deadline_does_not_hang():
    clock = FakeClock()

    async def look() -> JobStatus:
        clock.advance(days=3)
        return JobStatus(JobState.RUNNING)

    status = await wait_for_job(look, clock=clock, random=Random(1), max_wait_s=60, on_status=lambda _: None)
    assert status is None


async def test_trouble_of_a_look_passes_through():
    async def look() -> JobStatus:
        raise ServiceUnreachable("no answer")

    with pytest.raises(ServiceUnreachable):
        await wait_for_job(look, clock=FakeClock(), random=Random(1), max_wait_s=60, on_status=lambda _: None)


async def test_few_looks_in_a_long_wait():
    job, clock = Job(10**9), FakeClock()
    await wait(job, clock, 120)
    assert job.seen <= 20


# Hints


@dataclass
class Line:
    """Each wait is told by `news`: after how many seconds something is heard, None for never; then never."""

    clock: FakeClock
    news: list[float | None]
    is_live: bool = True
    breaks: bool = False

    async def wait(self, job_id: str, timeout_s: float) -> bool:
        assert job_id == "j1"
        heard_s = self.news.pop(0) if self.news else None
        if heard_s is not None and heard_s <= timeout_s:
            self.clock.advance(seconds=heard_s)
            return True
        if not self.breaks:
            self.clock.advance(seconds=timeout_s)
        return False


async def hinted(job: Job, line: Line, max_wait_s: float = 1000, *, ordered_s_ago: float = math.inf) -> list[float]:
    """When the job was looked at, in seconds from the start."""
    start_s = line.clock.elapsed_s()
    looks: list[float] = []
    await wait_for_job(
        job,
        clock=line.clock,
        random=Random(1),
        max_wait_s=max_wait_s,
        on_status=lambda _: looks.append(round(line.clock.elapsed_s() - start_s, 3)),
        hints=line,
        job_id="j1",
        ordered_s_ago=ordered_s_ago,
    )
    return looks


async def test_hint_causes_a_look_at_once():
    assert await hinted(Job(3), Line(FakeClock(), [1.0, 0.5])) == [0, 1.0, 1.5]


async def test_hint_that_came_during_the_look_causes_the_next_one_at_once():
    assert await hinted(Job(2), Line(FakeClock(), [0.0])) == [0, 0]


async def test_chatter_does_not_make_us_spin():
    looks = await hinted(Job(10), Line(FakeClock(), [0.0] * 20))
    assert looks == [0, 0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6]


async def test_no_news_leaves_the_plain_pauses_of_a_quiet_line():
    steady = taken(HINTED_PACE, 1, [None] * 4)[1:]
    looks = await hinted(Job(5), Line(FakeClock(), []))
    assert [later - earlier for earlier, later in pairwise(looks)] == pytest.approx(steady, abs=0.01)


async def test_dead_line_leaves_the_pauses_as_they_are_without_one():
    looks = await hinted(Job(5), Line(FakeClock(), [], is_live=False))
    steady = taken(REMOTE_PACE, 1, [None] * 4)[1:]
    assert [later - earlier for earlier, later in pairwise(looks)] == pytest.approx(steady, abs=0.01)


async def test_line_that_gives_up_early_does_not_make_us_spin():
    clock = FakeClock()
    await hinted(Job(10**9), Line(clock, [], breaks=True), max_wait_s=120)
    assert sum(clock.slept) == pytest.approx(120, abs=0.01)
    assert len(clock.slept) <= 20


@pytest.mark.parametrize("news", [[], [0.5, 0.5, 0.5], [29.9]], ids=len)
async def test_deadline_is_kept_whatever_is_heard(news: list[float | None]):
    clock = FakeClock()
    start_s = clock.elapsed_s()
    await hinted(Job(10**9), Line(clock, news), max_wait_s=30)
    assert clock.elapsed_s() - start_s == pytest.approx(30, abs=0.01)


async def test_job_ordered_just_now_is_first_looked_at_after_a_pause():
    (first_s, *_) = await hinted(Job(2), Line(FakeClock(), [], is_live=False), ordered_s_ago=0.1)
    assert 1.0 <= first_s <= 2.0


async def test_job_ordered_just_now_is_looked_at_once_there_is_news():
    assert await hinted(Job(2), Line(FakeClock(), [0.3, 0.5]), ordered_s_ago=0.1) == [0.3, 0.8]


async def test_job_ordered_a_while_ago_is_looked_at_at_once():
    assert (await hinted(Job(2), Line(FakeClock(), []), ordered_s_ago=2.0))[0] == 0


async def test_who_waits_for_nothing_looks_at_a_new_job_too():
    assert await hinted(Job(5), Line(FakeClock(), []), max_wait_s=0.0, ordered_s_ago=0.1) == [0]


async def test_quiet_line_costs_few_looks():
    assert len(await hinted(Job(10**9), Line(FakeClock(), []), max_wait_s=60)) <= 6
