"""What a run may still order: a number of orders and an amount of money, counted over all processes of the run.

Decides and nothing else; the journal asks in the transaction that writes the order down, so that no two processes take
the last place. An order that was refused, and so surely cost nothing, gives its place back; every other one keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assetctl.errors import SpendRefused
from assetctl.models import Cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NOTHING: Mapping[str, Decimal] = MappingProxyType({})


class LimitedBy(Enum):
    """Where the number of orders that a run may place comes from."""

    SETTING = auto()
    OPTION = auto()
    CONSENT = auto()


#: Each limit by name, and how it is raised.
_LIMITS: Final = {
    LimitedBy.SETTING: ("`budget.max_generations_per_run`", "raise it in the settings"),
    LimitedBy.OPTION: ("`--max-generations`", "raise `--max-generations`"),
    LimitedBy.CONSENT: ("as was agreed to", "look with `--plan` at what is left"),
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much the run called `run_id` may order; None is without a limit. `limited_by` says whose `max_orders` is.

    Processes that give the same `run_id` share one count. Each holds its orders to the limits it was given itself.
    """

    run_id: str
    max_orders: int | None = None
    max_cost: Cost | None = None
    limited_by: LimitedBy = LimitedBy.SETTING


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has ordered: how many, and the money by currency, as charged or else as estimated at most.

    `unpriced` orders may have cost something that nobody stated.
    """

    orders: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=lambda: _NOTHING)
    unpriced: int = 0


def sum_up(costs: Iterable[Cost | None]) -> Spent:
    """The sum of what each order cost or may cost at most."""
    orders, unpriced, amounts = 0, 0, dict[str, Decimal]()
    for cost in costs:
        orders += 1
        if cost is None:
            unpriced += 1
        else:
            amounts[cost.currency] = amounts.get(cost.currency, Decimal(0)) + cost.amount
    return Spent(orders, MappingProxyType(amounts), unpriced)


def require_room(allowance: Allowance, spent: Spent, price: Cost | None) -> None:
    """Return when one more order, of `price` at most, stays within `allowance` after `spent`; None is an unknown price.

    Raises:
        SpendRefused: it doesn't; says which limit, and how much of it is used.
    """
    whose, hint = _LIMITS[allowance.limited_by]
    if allowance.max_orders is not None and spent.orders >= allowance.max_orders:
        raise SpendRefused(
            "the limit of new generations is reached",
            why=f"this run may order {allowance.max_orders} and has ordered {spent.orders} ({whose})",
            hint=hint,
        )
    if allowance.max_cost is not None:
        _require_money(allowance.max_cost, spent, price)


def _require_money(limit: Cost, spent: Spent, price: Cost | None) -> None:
    used = spent.amounts.get(limit.currency, Decimal(0))
    shown = f"this run may spend {_money(limit)} and has spent {_money(Cost(used, limit.currency))} or less"
    others = {price.currency: price.amount} if price is not None else {}
    foreign = [currency for currency, amount in (*spent.amounts.items(), *others.items())
               if currency != limit.currency and amount]  # fmt: skip
    if price is None or spent.unpriced or foreign:
        what = f"a price in {foreign[0]}" if foreign else "a price that nobody states"
        raise SpendRefused(
            "this order could pass the limit of money",
            why=f"{what} can't be held against {_money(limit)}",
            hint="leave `--max-cost` out, and limit their number instead: --max-generations N",
        )
    if used + price.amount * (price.currency == limit.currency) > limit.amount:
        raise SpendRefused(
            "the limit of money is reached",
            why=f"{shown}; this order takes up to {_money(price)}",
            hint="raise `--max-cost`",
        )


def _money(cost: Cost) -> str:
    return f"{cost.amount} {cost.currency}"
