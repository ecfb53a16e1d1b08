"""The machine's own time: UTC for labels, and a clock for deadlines that never goes back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from assetctl.clock import SystemClock

pytestmark = pytest.mark.anyio


async def test_now_is_in_utc():
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)


async def test_elapsed_time_never_goes_back():
    clock = SystemClock()
    looks = [clock.elapsed_s() for _ in range(1000)]
    assert looks == sorted(looks)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has a clock that counts suspend")
async def test_elapsed_time_counts_suspend_where_it_can():
    assert abs(SystemClock().elapsed_s() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 60


async def test_sleep_lasts_at_least_as_long_as_asked():
    clock = SystemClock()
    start = clock.elapsed_s()
    await clock.sleep(0.02)
    assert clock.elapsed_s() - start >= 0.019
