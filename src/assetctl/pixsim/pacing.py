"""How often and how soon the server is asked: one shared state per host, so that trouble is not made worse.

Holds that the server asked for, a breaker for a server that is down, and a budget of retries for all calls together.
Only decides; `calling.py` sleeps and sends. Everything happens in one event loop. How many orders may leave is the
business of `turns.py`.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from assetctl.pixsim import wire
from assetctl.pixsim.window import LONGEST_HOLD_S, ROUNDING_S, WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from random import Random

    from assetctl.clock import Clock
    from assetctl.pixsim.exchange import Answer

_SECONDS_IN_TEXT: Final = re.compile(r"\bin (\d{1,6}) seconds?\b")
_TENTH_S: Final = 0.1
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0
_UNSTATED_PAUSE_S: Final = 2.0


class Lane(StrEnum):
    """What the server limits by itself: reads and the rest are not, orders and logins are."""

    READ = "read"
    ORDER = "order"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """How patient and how modest we are.

    `retry_share` of all first tries may be tried again, and `spare_retries` whatever came before. After
    `failures_to_break` failures in a row the host is left alone for `broken_for_s`. No more than `calls_per_tenth`
    calls leave within a tenth of a second, whatever they are for: many jobs that begin at once are no reason for more.
    """

    max_tries: int = 4
    retry_share: float = 0.1
    spare_retries: float = 5.0
    failures_to_break: int = 5
    broken_for_s: float = 10.0
    calls_per_tenth: int = 30


class Pace:
    """The state of one host; shared by all that talk to it in this process."""

    def __init__(self, *, clock: Clock, random: Random, limits: PaceLimits | None = None) -> None:
        """`random` spreads pauses and hides nothing."""
        self.limits = limits or PaceLimits()
        self._clock = clock
        self._random = random
        self._held_until_s: dict[Lane, float] = {}
        self._retries_left = self.limits.spare_retries
        self._failures = 0
        self._broken_until_s: float | None = None
        self._left_s: deque[float] = deque(maxlen=self.limits.calls_per_tenth)

    def leaving(self) -> float:
        """How long a call that is about to leave has to wait from now, in seconds; 0 when it may, and then it has."""
        now_s = self._clock.elapsed_s()
        pause_s = self._left_s[0] + _TENTH_S - now_s if len(self._left_s) == self._left_s.maxlen else 0.0
        if pause_s <= 0:
            self._left_s.append(now_s)
        return max(0.0, pause_s)

    def pause_before(self, lane: Lane) -> float:
        """How long a call on `lane` has to wait from now, in seconds; 0 when it may go."""
        now_s = self._clock.elapsed_s()
        return max(0.0, self._held_until_s.get(lane, now_s) - now_s)

    def is_broken(self) -> bool:
        """Whether the host is not to be asked now; after a while one call may try, and what it hears counts for all."""
        if self._broken_until_s is None:
            return False
        now_s = self._clock.elapsed_s()
        if now_s < self._broken_until_s:
            return True
        self._broken_until_s = now_s + self.limits.broken_for_s
        return False

    def began(self) -> None:
        """A new call, no retry, earns its share of retries."""
        self._retries_left = min(self.limits.spare_retries, self._retries_left + self.limits.retry_share)

    def retry_pause(self, tries: int) -> float | None:
        """How long to wait before another try after `tries` of them; None when there is to be none.

        Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        if tries >= self.limits.max_tries or self._retries_left < 1:
            return None
        self._retries_left -= 1
        return self._random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (tries - 1)))

    def answered(self) -> None:
        """The host is alive, whatever it says."""
        self._failures = 0
        self._broken_until_s = None

    def failed(self) -> None:
        """The host gave no answer, or its proxy gave one for it."""
        self._failures += 1
        if self._failures >= self.limits.failures_to_break:
            self._broken_until_s = self._clock.elapsed_s() + self.limits.broken_for_s

    def hold(self, lane: Lane, answer: Answer) -> float:
        """What a 429 or 503 asks for is kept from now on; the seconds it asks for.

        A `Retry-After`, which the server itself never sends, speaks for the whole host, and so does any 503. The
        server's own limits count orders and logins alone: reading goes on, or finished jobs would wait for new ones.
        """
        stated_s = retry_after_s(answer.headers, self._clock.now())
        if stated_s is None and answer.status == 429:  # noqa: PLR2004 - too many requests
            told_s = told_wait_s(answer)
            wait_s, lanes = WINDOW_S if told_s is None else told_s + ROUNDING_S, (lane,)
        else:
            wait_s, lanes = _UNSTATED_PAUSE_S if stated_s is None else stated_s, tuple(Lane)
        wait_s = min(wait_s, LONGEST_HOLD_S)
        for each in lanes:
            until_s = self._clock.elapsed_s() + wait_s
            self._held_until_s[each] = max(self._held_until_s.get(each, 0.0), until_s)
        return wait_s


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait in a `Retry-After` header, in seconds or until a date (RFC 9110, section 10.2.3); None without one."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_HOLD_S)
    try:
        moment = parsedate_to_datetime(text)
        return min(max(0.0, (moment - now).total_seconds()), LONGEST_HOLD_S)
    except (ValueError, TypeError, OverflowError):
        return None


def told_wait_s(answer: Answer) -> float | None:
    """The seconds until a limit begins anew, as the server's sentence rounds them; None where it has none."""
    told = wire.complaint(answer.body)
    found = None if told is None else _SECONDS_IN_TEXT.search(told[1])
    return None if found is None else float(found[1])
