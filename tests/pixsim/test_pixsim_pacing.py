from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.pixsim.exchange import Answer
from assetctl.pixsim.pacing import Lane, Pace, PaceLimits, retry_after_s, told_wait_s
from assetctl.pixsim.window import LONGEST_HOLD_S, WINDOW_S
from fakes import NOW, FakeClock


def answered(status: int, message: str = "", **headers: str) -> Answer:
    body = f'{{"code": "http_{status}", "message": "{message}"}}'.encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.fixture
def pace(clock) -> Pace:
    return Pace(clock=clock, random=Random(1))


# Holds


def test_wait_is_read_from_the_servers_sentence(pace):
    assert pace.hold(Lane.ORDER, answered(429, "Rate limit exceeded. Try again in 37 seconds.")) == 38
    assert pace.pause_before(Lane.ORDER) == 38


@pytest.mark.parametrize("message", ["Slow down", "in many seconds", "in 9999999 seconds"])
def test_without_a_number_a_whole_window_is_waited(pace, message):
    assert told_wait_s(answered(429, message)) is None
    assert pace.hold(Lane.ORDER, answered(429, message)) == WINDOW_S


def test_no_hold_is_longer_than_five_minutes(pace):
    assert pace.hold(Lane.ORDER, answered(429, "Try again in 86400 seconds.")) == LONGEST_HOLD_S
    assert pace.hold(Lane.READ, answered(503, retry_after="86400")) == LONGEST_HOLD_S


def test_servers_own_limit_of_orders_holds_orders_alone(pace):
    pace.hold(Lane.ORDER, answered(429, "Try again in 10 seconds."))
    assert (pace.pause_before(Lane.READ), pace.pause_before(Lane.LOGIN)) == (0, 0)


@pytest.mark.parametrize("answer", [answered(429, retry_after="9"), answered(503, retry_after="9")])
def test_retry_after_holds_the_whole_host(pace, answer):
    pace.hold(Lane.READ, answer)
    assert [pace.pause_before(lane) for lane in Lane] == [9, 9, 9]


def test_shorter_hold_does_not_end_a_longer_one(pace, clock):
    pace.hold(Lane.READ, answered(503, retry_after="60"))
    pace.hold(Lane.READ, answered(503, retry_after="1"))
    clock.advance(seconds=59)
    assert pace.pause_before(Lane.READ) == pytest.approx(1)
    clock.advance(seconds=1)
    assert pace.pause_before(Lane.READ) == 0


@given(st.integers(0, 10**12))
def test_seconds_are_read_and_capped(seconds):
    assert retry_after_s({"retry-after": str(seconds)}, NOW) == min(seconds, LONGEST_HOLD_S)


@given(st.integers(-(10**6), 10**6))
def test_date_is_read_and_bounded_both_ways(offset):
    header = {"retry-after": format_datetime(NOW + timedelta(seconds=offset), usegmt=True)}
    assert retry_after_s(header, NOW) == min(max(0, offset), LONGEST_HOLD_S)


@given(st.text())
def test_any_header_gives_a_bounded_wait_or_none(text):
    wait_s = retry_after_s({"retry-after": text}, NOW)
    assert wait_s is None or 0 <= wait_s <= LONGEST_HOLD_S


# Retries


def test_pause_is_jittered_fully_and_capped(clock):
    pace = Pace(clock=clock, random=Random(5), limits=PaceLimits(max_tries=100, spare_retries=1000))
    for tries, longest in ((1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (50, 8)):
        pauses = [pace.retry_pause(tries) or 0 for _ in range(100)]
        assert 0 <= min(pauses) < longest / 10
        assert longest * 0.9 < max(pauses) <= longest


def test_tries_of_one_call_end(pace):
    assert pace.retry_pause(3) is not None
    assert pace.retry_pause(4) is None


def test_all_calls_together_may_repeat_a_tenth(pace):
    retries = 0
    for _ in range(1000):
        pace.began()
        retries += pace.retry_pause(1) is not None
    assert 100 <= retries <= 106


# The breaker


def test_host_that_fails_again_and_again_is_left_alone_for_a_while(pace, clock):
    for _ in range(4):
        pace.failed()
    assert not pace.is_broken()
    pace.failed()
    assert pace.is_broken()
    clock.advance(seconds=9)
    assert pace.is_broken()


def test_after_a_while_one_call_may_try_and_the_others_wait_for_it(pace, clock):
    for _ in range(5):
        pace.failed()
    clock.advance(seconds=10)
    assert [pace.is_broken(), pace.is_broken(), pace.is_broken()] == [False, True, True]


def test_any_answer_closes_the_breaker(pace, clock):
    for _ in range(5):
        pace.failed()
    clock.advance(seconds=10)
    assert not pace.is_broken()
    pace.answered()
    assert [pace.is_broken(), pace.is_broken()] == [False, False]
    pace.failed()
    assert not pace.is_broken()


# Evenness


@given(waits_ms=st.lists(st.integers(0, 30), min_size=60, max_size=200))
def test_calls_of_many_jobs_never_crowd(waits_ms: list[int]):
    clock = FakeClock()
    pace = Pace(clock=clock, random=Random(1), limits=PaceLimits(calls_per_tenth=20))
    left_s: list[float] = []
    for wait_ms in waits_ms:
        clock.advance(milliseconds=wait_ms)
        while (pause_s := pace.leaving()) > 0:
            assert pause_s <= 0.1 + 1e-6
            clock.advance(seconds=pause_s)
        left_s.append(clock.elapsed_s())
    assert all(later - earlier >= 0.1 - 1e-5 for earlier, later in zip(left_s, left_s[20:], strict=False))


def test_few_calls_leave_at_once(pace):
    assert [pace.leaving() for _ in range(30)] == [0.0] * 30
    assert pace.leaving() > 0
