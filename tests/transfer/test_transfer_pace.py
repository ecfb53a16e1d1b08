"""A transfer must bring enough in every window of time."""

from __future__ import annotations

from assetctl.transfer.pace import Pace
from assetctl.transfer.remote import TransferLimits

LIMITS = TransferLimits(min_bytes_per_s=10, window_s=20)


def test_enough_in_each_window_goes_on_for_ever():
    pace = Pace(LIMITS, 0)
    assert not any(pace.is_too_slow(10, second) for second in range(1, 1000))


def test_drip_is_found_out_after_one_window():
    pace = Pace(LIMITS, 0)
    assert next(second for second in range(1, 40) if pace.is_too_slow(1, second)) == 20


def test_fast_beginning_does_not_pay_for_a_drip():
    pace = Pace(LIMITS, 0)
    assert not pace.is_too_slow(10**9, 1)
    assert not any(pace.is_too_slow(1, second) for second in range(2, 40))
    assert pace.is_too_slow(1, 40)
