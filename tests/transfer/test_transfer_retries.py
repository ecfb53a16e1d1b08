"""How often a failed attempt is repeated, and after what pause."""

from __future__ import annotations

from random import Random

import pytest

from assetctl.errors import ServiceError
from assetctl.transfer.retries import MAX_PAUSE_S, Again, RetryBudget, Tries

FAILED = Again(ServiceError("no"))


class Longest(Random):
    """Always the longest pause."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return b


def pauses(*, progressed: bool, budget: RetryBudget | None = None) -> list[float]:
    tries = Tries(Longest(), budget or RetryBudget())
    found = []
    while (pause_s := tries.pause_s(FAILED, progressed=progressed)) is not None:
        found.append(pause_s)
        assert len(found) < 100
    return found


def test_pauses_double_and_end():
    assert pauses(progressed=False) == [0.5, 1.0, 2.0, 4.0]


def test_what_goes_forward_is_repeated_until_the_budget_is_used_up():
    assert pauses(progressed=True) == [0.5] * 10


def test_success_earns_a_tenth_of_a_repeat():
    budget = RetryBudget()
    assert len(pauses(progressed=True, budget=budget)) == 10
    for _ in range(11):
        budget.earn()
    assert len(pauses(progressed=True, budget=budget)) == 1


def test_attempts_are_bounded_whatever_the_budget():
    class Endless(RetryBudget):
        def spend(self) -> bool:
            return True

    assert len(pauses(progressed=True, budget=Endless())) == 29


@pytest.mark.parametrize(("asked_s", "waited_s"), [(7.0, 7.5), (1e9, MAX_PAUSE_S + 0.5)])
def test_server_is_given_the_time_it_asks_for_within_reason(asked_s: float, waited_s: float):
    tries = Tries(Longest(), RetryBudget())
    assert tries.pause_s(Again(ServiceError("busy"), wait_s=asked_s), progressed=False) == waited_s


def test_pause_may_be_anything_up_to_the_longest():
    found = {Tries(Random(seed), RetryBudget()).pause_s(FAILED, progressed=False) for seed in range(50)}
    assert len(found) == 50
    assert all(0 <= (pause_s or 0) <= 0.5 for pause_s in found)
