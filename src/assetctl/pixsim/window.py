"""The server's window of orders as far as we know it: whether one more may leave, and what an answer teaches.

There are so many places. An order takes one when it leaves, and frees it a whole window after its answer came. The
server counts an order before it answers, so wherever its windows begin, none sees more orders than there are places.
Only decides; all times are moments of the clock that the processes of a machine share, and never wall time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

#: The server's window of orders and logins (its API document, "Rate limits and quotas").
WINDOW_S: Final = 60.0
ORDERS_PER_WINDOW: Final = 20
LONGEST_HOLD_S: Final = 300.0
#: The server tells whole seconds: one more is surely enough, and one less may be true.
ROUNDING_S: Final = 1.0
#: An order whose answer takes longer (made while we wait, or nobody is left to hear it) has arrived by then.
ARRIVES_WITHIN_S: Final = 10.0
_CAREFUL_WINDOWS: Final = 10
#: How soon one who may only go alone looks whether the other's answer came.
_ALONE_PAUSE_S: Final = 0.1
#: Answers are counted together by tenths of a second, always the later one, so that any limit takes little memory.
_TENTHS: Final = 10


@dataclass(frozen=True, slots=True)
class Rules:
    """At most so many orders leave within `window_s`; `math.inf` is without a limit."""

    most: float = ORDERS_PER_WINDOW
    window_s: float = WINDOW_S


@dataclass(frozen=True, slots=True)
class Window:
    """What is known at one moment.

    `under_way` has the moments at which orders left whose answers are not here; `answered` moments by which answers had
    come and of how many orders, the oldest first, without those that were refused. Before `closed_until_s` the server
    takes none. `learned` is how many it took in a window of which it refused one, as when somebody else orders under
    the same name. From then on orders leave one at a time, so that one at most is refused in a window: no more than
    were learned in the next one, then as many as the server takes, and all at once after `_CAREFUL_WINDOWS` in peace.
    """

    under_way: tuple[float, ...] = ()
    answered: tuple[tuple[float, int], ...] = ()
    learned: int | None = None
    closed_until_s: float = 0.0

    def at(self, now_s: float, rules: Rules) -> Window:
        """What still counts at `now_s`; what would lie ahead of it or last too long was never true and is dropped."""
        closed_until_s = self.closed_until_s if self.closed_until_s <= now_s + LONGEST_HOLD_S else 0.0
        late = [(left_s + ARRIVES_WITHIN_S, 1) for left_s in self.under_way if left_s + ARRIVES_WITHIN_S <= now_s]
        # Once a window has ended that the server told of, it counts from nothing.
        since_s = closed_until_s if closed_until_s <= now_s else 0.0
        answered = (
            each
            for each in (*self.answered, *late)
            # As `pause_s` adds them: rounded otherwise, a place would be waited for that is no longer taken.
            if since_s < each[0] <= now_s + 1 / _TENTHS and each[0] + rules.window_s > now_s
        )
        return Window(
            tuple(left_s for left_s in self.under_way if left_s <= now_s < left_s + ARRIVES_WITHIN_S),
            tuple(sorted(answered)),
            self.learned if now_s < closed_until_s + _CAREFUL_WINDOWS * rules.window_s else None,
            closed_until_s,
        )

    def pause_s(self, now_s: float, rules: Rules) -> float:
        """How long an order has to wait at `now_s`, to which this was brought by `at`; 0 when it may leave."""
        if now_s < self.closed_until_s:
            return self.closed_until_s - now_s
        taken = len(self.under_way) + _count(self.answered, 0.0)
        # Nothing is under way that answers sooner than now; its place is free a window later.
        free_s = (self.answered[0][0] if self.answered else now_s) + rules.window_s
        if taken >= rules.most:
            return free_s - now_s
        if self.learned is None:
            return 0.0
        more_s = self.closed_until_s + rules.window_s
        if taken >= self.learned and now_s < more_s:
            return min(free_s, more_s) - now_s
        return _ALONE_PAUSE_S if self.under_way else 0.0

    def left(self, now_s: float) -> Window:
        """One order more is under way."""
        return replace(self, under_way=(*self.under_way, now_s))

    def unsent(self, left_s: float) -> Window:
        """The order that was to leave at `left_s` never did."""
        return replace(self, under_way=_without(self.under_way, left_s))

    def arrived(self, left_s: float, now_s: float, rules: Rules) -> Window:
        """The order that left at `left_s` was counted by the server, whatever it answered."""
        if left_s not in self.under_way:
            # It was taken for arrived long ago.
            return self
        moment_s, count = math.ceil(now_s * _TENTHS) / _TENTHS, 1
        earlier = self.answered
        if earlier and earlier[-1][0] >= moment_s:
            moment_s, count = earlier[-1][0], earlier[-1][1] + 1
            earlier = earlier[:-1]
        answered = (*earlier, (moment_s, count))
        # While it is closed, the refusal came before the answers to others in that very window.
        began_s = self.closed_until_s - rules.window_s - 2 * ROUNDING_S if now_s < self.closed_until_s else 0.0
        return replace(
            self,
            under_way=_without(self.under_way, left_s),
            answered=answered,
            learned=None if self.learned is None else max(self.learned, _count(answered, began_s)),
        )

    def refused(self, left_s: float, now_s: float, ends_in_s: float | None, rules: Rules) -> Window:
        """The server refused the order that left at `left_s`: there were too many in a window that ends in `ends_in_s`.

        None is not told. How many were taken in that window is what the server takes of us.
        """
        wait_s = rules.window_s if ends_in_s is None else ends_in_s + ROUNDING_S
        began_s = now_s - rules.window_s
        if ends_in_s is not None:
            began_s = min(now_s, max(began_s, began_s + ends_in_s - ROUNDING_S))
        return replace(
            self,
            under_way=_without(self.under_way, left_s),
            learned=max(1, _count(self.answered, began_s)),
            closed_until_s=max(self.closed_until_s, now_s + min(wait_s, LONGEST_HOLD_S)),
        )

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "under_way": self.under_way,
            "answered": self.answered,
            "learned": self.learned,
            "closed_until_s": self.closed_until_s,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Window:
        """What `document` made a document of.

        Raises:
            ValueError, TypeError, KeyError, OverflowError: nothing did.
        """
        learned = document["learned"]
        return cls(
            tuple(_moment(left_s) for left_s in document["under_way"]),
            tuple((_moment(moment_s), int(count)) for moment_s, count in document["answered"]),
            None if learned is None else max(1, int(learned)),
            _moment(document["closed_until_s"]),
        )


def _moment(value: Any) -> float:
    moment_s = float(value)
    if not math.isfinite(moment_s):
        raise ValueError("no moment")
    return moment_s


def _count(answered: tuple[tuple[float, int], ...], since_s: float) -> int:
    return sum(count for moment_s, count in answered if moment_s > since_s)


def _without(moments: tuple[float, ...], one: float) -> tuple[float, ...]:
    """`moments` without one that is `one`."""
    if one not in moments:
        return moments
    index = moments.index(one)
    return moments[:index] + moments[index + 1 :]
