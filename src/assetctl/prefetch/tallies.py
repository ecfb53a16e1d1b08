"""Sums over items: how many take what, how many bytes, and what it costs and takes, as ranges.

Unknown stays unknown: an order without a price or a time is counted beside the sums, never as nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from assetctl.prefetch.deeds import Deed

if TYPE_CHECKING:
    from assetctl.models import Availability, Estimate


@dataclass(slots=True)
class Money:
    """What new orders may cost: from `low` to `high` by currency; `unknown` more have no price.

    `dearest` is the most that a single one of them may cost.
    """

    low: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    high: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    dearest: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    unknown: int = 0

    def add(self, estimate: Estimate | None) -> None:
        """One more order that may cost something."""
        if estimate is None or estimate.cost_low is None or estimate.cost_high is None:
            self.unknown += 1
            return
        for sums, cost in ((self.low, estimate.cost_low), (self.high, estimate.cost_high)):
            sums[cost.currency] = sums.get(cost.currency, Decimal(0)) + cost.amount
        most = estimate.cost_high
        self.dearest[most.currency] = max(most.amount, self.dearest.get(most.currency, Decimal(0)))


@dataclass(slots=True)
class Time:
    """How long jobs take together and the longest of them, in seconds; `unknown` more have no time."""

    low_s: float = 0.0
    high_s: float = 0.0
    longest_low_s: float = 0.0
    longest_high_s: float = 0.0
    known: int = 0
    unknown: int = 0

    def add(self, estimate: Estimate | None) -> None:
        """One more job."""
        if estimate is None or estimate.seconds_low is None or estimate.seconds_high is None:
            self.unknown += 1
            return
        self.known += 1
        self.low_s += estimate.seconds_low
        self.high_s += estimate.seconds_high
        self.longest_low_s = max(self.longest_low_s, estimate.seconds_low)
        self.longest_high_s = max(self.longest_high_s, estimate.seconds_high)

    def span_s(self, at_once: int) -> tuple[float, float]:
        """The shortest and longest time that all of them take with `at_once` of them at a time.

        A list schedule takes at most the sum's share and what of the longest job sticks out (Graham, 1969).
        """
        low_s = max(self.longest_low_s, self.low_s / at_once)
        if self.known <= at_once:
            return low_s, self.longest_high_s
        return low_s, self.high_s / at_once + self.longest_high_s * (1 - 1 / at_once)


@dataclass(slots=True)
class Turns:
    """New orders at a generator whose service takes `per_minute` of them."""

    per_minute: int
    orders: int = 0

    @property
    def least_s(self) -> float:
        """How long after the first one the last one can leave, however short each job is."""
        return max(0, self.orders - 1) // self.per_minute * 60.0


@dataclass(slots=True)
class Tally:
    """The sums over some items. `sources` say where prices and times come from, in the order in which they came.

    `turns` has the generators whose services take only so many orders a minute.
    """

    counts: dict[Deed, int] = field(default_factory=lambda: dict.fromkeys(Deed, 0))
    bytes_here: int = 0
    bytes_to_fetch: int = 0
    unsized: int = 0
    paid_orders: int = 0
    money: Money = field(default_factory=Money)
    time: Time = field(default_factory=Time)
    turns: dict[str, Turns] = field(default_factory=dict[str, Turns])
    sources: dict[str, None] = field(default_factory=dict[str, None])

    @property
    def items(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    @property
    def new_orders(self) -> int:
        """How many jobs would be ordered."""
        return self.counts[Deed.MAKE]

    @property
    def least_s(self) -> float:
        """How long ordering alone takes, in seconds; known although the jobs' times may not be."""
        return self.ordering_s(self.new_orders)

    def ordering_s(self, max_orders: int) -> float:
        """How long ordering takes where no more than `max_orders` are placed."""
        held = (replace(turns, orders=min(turns.orders, max_orders)) for turns in self.turns.values())
        return max((turns.least_s for turns in held), default=0.0)

    def span_s(self, at_once: int) -> tuple[float | None, float | None]:
        """The shortest and longest time that its jobs take with `at_once` of them at a time; None is unknown.

        Those of unknown time add nothing but their turns. Where ordering holds work up, that takes `least_s` at most.
        """
        least_s = self.least_s
        if self.time.unknown >= self.new_orders + self.counts[Deed.JOIN]:
            return least_s or None, None
        low_s, high_s = self.time.span_s(at_once)
        return max(low_s, least_s), high_s + least_s

    def all_sources(self) -> list[str]:
        """Where prices and times come from, and what the shortest time comes from where that is ordering."""
        held_up = [(name, turns) for name, turns in self.turns.items() if turns.least_s]
        return [*self.sources, *(f"{name}: no more than {turns.per_minute} orders a minute" for name, turns in held_up)]

    def add(self, deed: Deed, availability: Availability | None) -> None:
        """One more item that takes `deed`."""
        self.counts[deed] += 1
        if availability is None:
            return
        match deed:
            case Deed.HERE:
                self.bytes_here += availability.size_bytes or 0
            case Deed.FETCH:
                self.unsized += availability.size_bytes is None
                self.bytes_to_fetch += availability.size_bytes or 0
            case Deed.MAKE | Deed.JOIN:
                self._add_job(deed, availability)
            case _:
                return

    def _add_job(self, deed: Deed, availability: Availability) -> None:
        estimate = availability.estimate
        self.time.add(estimate)
        if deed is Deed.MAKE and availability.orders_per_minute is not None:
            known = self.turns.setdefault(availability.generator or "", Turns(availability.orders_per_minute))
            known.orders += 1
        if deed is Deed.MAKE and availability.is_paid:
            self.paid_orders += 1
            self.money.add(estimate)
        if estimate is not None and estimate.basis is not None:
            self.sources[f"{availability.generator}: {estimate.basis}"] = None
