"""When a failed attempt is worth another one, and how long to wait before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from assetctl.errors import AssetctlError

MAX_PAUSE_S: Final = 300.0
"""The most that a server may ask us to wait."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0
_MAX_IN_A_ROW: Final = 5
_MAX_ALTOGETHER: Final = 30
_BUDGET: Final = 10.0
_EARNED: Final = 0.1


class Again(Exception):
    """An attempt failed in a way that another one may not; `error` is what it is if there is none.

    `wait_s` is what the server asked for. `anew` says that what came so far is of no use.
    """

    def __init__(self, error: AssetctlError, *, wait_s: float | None = None, anew: bool = False) -> None:
        super().__init__(error.what)
        self.error = error
        self.wait_s = wait_s
        self.anew = anew


class RetryBudget:
    """How many repeats one origin is still good for: what works earns a tenth of one (reliability D1)."""

    def __init__(self) -> None:
        """Start with ten."""
        self._left = _BUDGET

    def earn(self) -> None:
        """A transfer succeeded."""
        self._left = min(self._left + _EARNED, _BUDGET)

    def spend(self) -> bool:
        """Whether there is one left; it is used up now."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Tries:
    """The failed attempts of one transfer."""

    def __init__(self, random: Random, budget: RetryBudget) -> None:
        """Have none yet."""
        self._random = random
        self._budget = budget
        self._in_a_row = 0
        self._altogether = 0

    def pause_s(self, failure: Again, *, progressed: bool) -> float | None:
        """How long to wait after `failure` before another attempt, None when there shall be none.

        Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        self._in_a_row = 1 if progressed else self._in_a_row + 1
        self._altogether += 1
        if self._in_a_row >= _MAX_IN_A_ROW or self._altogether >= _MAX_ALTOGETHER or not self._budget.spend():
            return None
        longest_s = min(_FIRST_PAUSE_S * 2 ** (self._in_a_row - 1), _LONGEST_PAUSE_S)
        pause_s = self._random.uniform(0, longest_s)
        return pause_s if failure.wait_s is None else min(failure.wait_s, MAX_PAUSE_S) + pause_s
