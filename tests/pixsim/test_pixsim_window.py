"""Against a server that counts in fixed windows, whatever moment they begin at; decisions alone, no clock runs."""

from __future__ import annotations

import heapq
import json
import math
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.pixsim.window import ARRIVES_WITHIN_S, LONGEST_HOLD_S, Rules, Window

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = Rules(most=20, window_s=60.0)
START_S = 1_000.0


@dataclass
class Server:
    """Takes `limit` in a window. `phase_s` None: a window begins with the first order that comes after the last one."""

    limit: int = 20
    phase_s: float | None = None
    began_s: float = -math.inf
    count: int = 0
    refusals: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)

    def ask(self, now_s: float) -> int | None:
        """None when it takes the order, else the whole seconds until its window ends."""
        if now_s >= self.began_s + 60:
            self.count = 0
            self.began_s = now_s if self.phase_s is None else now_s - (now_s - self.phase_s) % 60
        self.count += 1
        if self.count <= self.limit:
            self.taken.append(now_s)
            return None
        self.refusals.append(now_s)
        return max(1, round(self.began_s + 60 - now_s))


@dataclass
class Ours:
    """What we send in simulated time: at each of `wanted` one more order is wanted; each way takes one of `ways_s`.

    `refused` has the beginning of the server's window for each of our orders that it refused.
    """

    server: Server
    wanted: list[float]
    ways_s: list[float]
    rules: Rules = RULES
    window: Window = field(default_factory=Window)
    sent: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._events: list[tuple[float, int, Callable[..., None], tuple[float, ...]]] = []
        self._numbers, self._ways = count(), cycle(self.ways_s)
        self._waiting, self._is_looking = 0, False
        for moment in self.wanted:
            self._at(moment, self._want)

    def run(self, until_s: float = math.inf, others: list[float] | None = None) -> Ours:
        for moment in others or ():
            self._at(moment, self.server.ask)
        while self._events and self._events[0][0] < until_s:
            now_s, _, what, facts = heapq.heappop(self._events)
            self.window = self.window.at(now_s, self.rules)
            what(now_s, *facts)
            self._send_what_may_leave(now_s)
        return self

    def _at(self, moment_s: float, what: Callable[..., object], *facts: float) -> None:
        heapq.heappush(self._events, (moment_s, next(self._numbers), what, facts))

    def _want(self, _: float) -> None:
        self._waiting += 1

    def _look(self, _: float) -> None:
        self._is_looking = False

    def _arrive(self, now_s: float, left_s: float) -> None:
        said = self.server.ask(now_s)
        if said is None:
            self._at(now_s + next(self._ways), self._taken, left_s)
        else:
            self.refused.append(self.server.began_s)
            self._at(now_s + next(self._ways), self._turned_away, left_s, said)

    def _taken(self, now_s: float, left_s: float) -> None:
        self.window = self.window.arrived(left_s, now_s, self.rules)

    def _turned_away(self, now_s: float, left_s: float, said: float) -> None:
        self.window = self.window.refused(left_s, now_s, said, self.rules)
        self._waiting += 1

    def _send_what_may_leave(self, now_s: float) -> None:
        while self._waiting and self.window.pause_s(now_s, self.rules) == 0:
            self._waiting -= 1
            self.window = self.window.left(now_s)
            self.sent.append(now_s)
            self._at(now_s + next(self._ways), self._arrive, now_s)
        if self._waiting and not self._is_looking:
            self._is_looking = True
            self._at(now_s + self.window.pause_s(now_s, self.rules), self._look)


#: Crowds, single ones, and silence.
gaps = st.lists(st.just(0.0) | st.floats(0, 4) | st.floats(0, 70), min_size=45, max_size=90)
ways = st.lists(st.floats(0.001, ARRIVES_WITHIN_S / 2 - 0.1), min_size=1, max_size=10)
phases = st.none() | st.floats(0, 60)
times = st.floats(min_value=-1e12, max_value=1e12)


def moments(gaps: list[float]) -> list[float]:
    now_s = START_S
    return [now_s := now_s + gap for gap in gaps]


@given(st.lists(times, max_size=30), st.lists(st.tuples(times, st.integers(1, 50)), max_size=30), times)
def test_file_says_what_was_written(under_way, answered, closed_until_s):
    window = Window(tuple(under_way), tuple(answered), 3, closed_until_s)
    assert Window.of(json.loads(json.dumps(window.document()))) == window


@given(gaps, ways, phases)
def test_server_never_refuses_where_nobody_else_asks(gaps, ways_s, phase_s):
    server = Server(phase_s=phase_s)
    Ours(server, moments(gaps), ways_s).run()
    assert (server.refusals, len(server.taken)) == ([], len(gaps))


@given(st.lists(st.floats(0.001, 2), min_size=1, max_size=10), phases)
def test_all_that_the_server_takes_is_asked_for(ways_s, phase_s):
    server = Server(phase_s=phase_s)
    Ours(server, [START_S] * 200, ways_s).run()
    # Nine full windows, each later by the way there and back and a tenth of a second, and the last way there.
    assert server.taken[-1] - START_S <= 9 * (60.1 + 2 * max(ways_s)) + max(ways_s) + 0.001
    assert server.refusals == []


def test_twenty_leave_at_once_and_the_next_as_the_first_places_are_free():
    sent = Ours(Server(), [START_S] * 40, [0.05]).run().sent
    assert sent[:20] == [START_S] * 20
    assert sent[20] == pytest.approx(START_S + 60.1, abs=0.1)
    assert sent[39] - sent[20] < 0.2


@pytest.mark.parametrize("configured", [100, math.inf])
def test_lower_limit_of_the_server_is_learned_from_one_window(configured):
    server = Server(limit=7)
    ours = Ours(server, [START_S] * 60, [0.05], Rules(most=configured)).run(until_s=START_S + 40)
    assert len(server.refusals) == 53
    assert ours.window.learned == 7


def test_after_learning_a_limit_is_hurt_by_one_order_in_two_windows_at_most():
    server = Server(limit=7)
    Ours(server, [START_S] * 400, [0.05]).run(until_s=START_S + 20 * 61.5)
    steady = [moment for moment in server.refusals if moment > START_S + 65]
    assert len(steady) <= 10
    assert len(server.taken) >= 20 * 7 - 7


@given(st.floats(3.2, 30), st.lists(st.floats(0.001, 0.3), min_size=1, max_size=10))
def test_beside_somebody_who_orders_evenly_one_order_of_a_window_is_refused_at_most(every_s, ways_s):
    theirs = [START_S + number * every_s for number in range(int(600 / every_s))]
    server = Server()
    ours = Ours(server, [START_S] * 200, ways_s).run(until_s=START_S + 600, others=theirs)
    # From the second window on; in the first one it was learned.
    windows = [began_s for began_s in ours.refused if began_s > START_S + 59]
    assert len(windows) == len(set(windows))
    # Nearly all that the server takes in these ten windows was asked for.
    assert len(server.taken) >= 0.9 * min(200, 200 + len(theirs))


def test_one_who_comes_back_tries_more_again_one_at_a_time():
    server = Server(limit=5)
    ours = Ours(server, [START_S] * 30 + [START_S + 70.0 * number for number in range(1, 60)], [0.05])
    ours.run(until_s=START_S + 61)
    assert ours.window.learned == 5
    server.limit = 20
    server.refusals.clear()
    ours.run(until_s=START_S + 600)
    assert server.refusals == []


def test_foreign_window_is_waited_out_and_then_counts_from_nothing():
    window = Window(answered=((START_S - 20, 3),)).at(START_S, RULES).left(START_S)
    window = window.refused(START_S, START_S + 0.1, 5, RULES)
    assert window.learned == 3
    assert window.pause_s(START_S + 0.1, RULES) == pytest.approx(6)
    after_s = START_S + 6.2
    assert window.at(after_s, RULES).answered == ()
    assert window.at(after_s, RULES).pause_s(after_s, RULES) == 0


def test_answer_that_comes_after_a_refusal_counts_for_what_was_learned():
    window = Window(under_way=(START_S,) * 3)
    window = window.refused(START_S, START_S + 1, 59, RULES)
    assert window.learned == 1
    for _ in range(2):
        window = window.arrived(START_S, START_S + 1.1, RULES)
    assert window.learned == 2


def test_answer_that_comes_very_late_counts_once():
    later_s = START_S + ARRIVES_WITHIN_S + 1
    window = Window().left(START_S).at(later_s, RULES)
    assert window.answered == ((START_S + ARRIVES_WITHIN_S, 1),)
    assert window.arrived(START_S, later_s, RULES) == window


def test_shorter_wait_that_is_told_later_shortens_no_longer_one():
    window = Window(under_way=(START_S,) * 2).refused(START_S, START_S + 1, 59, RULES)
    assert window.refused(START_S, START_S + 1, 5, RULES).closed_until_s == window.closed_until_s


def test_turn_that_nobody_used_is_free_at_once():
    window = Window()
    for number in range(20):
        window = window.left(START_S + number)
    assert window.at(START_S + 5, RULES).pause_s(START_S + 5, RULES) == 0
    full = Window(under_way=(START_S,) * 20)
    assert full.pause_s(START_S, RULES) > 0
    assert full.unsent(START_S).pause_s(START_S, RULES) == 0


def test_order_of_a_process_that_died_frees_its_place_a_window_later():
    window = Window(under_way=(START_S,) * 20)
    assert window.at(START_S + ARRIVES_WITHIN_S, RULES).answered == ((START_S + ARRIVES_WITHIN_S, 1),) * 20
    later_s = START_S + ARRIVES_WITHIN_S + 60
    assert window.at(later_s, RULES) == Window()


@given(
    st.lists(times, max_size=30),
    st.lists(st.tuples(times, st.integers(-5, 50)), max_size=30),
    st.none() | st.integers(-3, 100),
    times,
)
def test_whatever_the_file_says_the_wait_is_bounded(under_way, answered, learned, closed_until_s):
    document = {"under_way": under_way, "answered": answered, "learned": learned, "closed_until_s": closed_until_s}
    window = Window.of(document).at(START_S, RULES)
    assert 0 <= window.pause_s(START_S, RULES) <= max(LONGEST_HOLD_S, 61)
    free_s = START_S + 2 * LONGEST_HOLD_S
    assert window.at(free_s, RULES).pause_s(free_s, RULES) == 0


def test_any_limit_takes_little_memory():
    rules, window, now_s = Rules(most=math.inf), Window(), START_S
    for number in range(5_000):
        now_s = START_S + number * 0.02
        window = window.at(now_s, rules).left(now_s)
        window = window.arrived(now_s, now_s, rules)
    assert len(window.at(now_s, rules).answered) <= 601
