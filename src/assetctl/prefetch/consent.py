"""How much a run may order: what was said on the command line, what the settings allow, and when to ask."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, NamedTuple

from assetctl.errors import InvalidRequest, SpendRefused
from assetctl.generation.allowances import LimitedBy
from assetctl.models import Cost
from assetctl.prefetch.deeds import Deed

if TYPE_CHECKING:
    from assetctl.prefetch.tallies import Tally

_AMOUNT: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([A-Za-z]{3})?")


@dataclass(frozen=True, slots=True)
class Budget:
    """What was said of money: at most `max_generations` new orders, at most `max_cost`; None is nothing said.

    `currency` None takes that of the plan. `is_agreed` is a yes to whatever the plan takes.
    """

    max_generations: int | None = None
    max_amount: Decimal | None = None
    currency: str | None = None
    is_agreed: bool = False


class Room(NamedTuple):
    """The first so many new orders of a chapter fit into its limits; more may where that is not `is_exact`."""

    orders: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be ordered. `question` is what somebody must say yes to first, None when nothing needs a yes."""

    max_orders: int
    limited_by: LimitedBy
    max_cost: Cost | None
    question: str | None = None

    def covers(self, total: Tally) -> bool:
        """Whether that is enough for all that `total` takes, if nobody else orders in the same run."""
        return self.room(total).orders == total.new_orders

    def room(self, total: Tally) -> Room:
        """How many of the new orders that `total` takes that is enough for, if nobody else orders in the same run."""
        orders, money = min(total.new_orders, self.max_orders), total.money
        limit = self.max_cost
        if limit is None or money.high.get(limit.currency, Decimal(0)) <= limit.amount:
            return Room(orders, is_exact=True)
        dearest = money.dearest[limit.currency]
        # Where all cost the same, the next one is one too many.
        are_alike = total.new_orders * dearest == money.low[limit.currency]
        payable = int(limit.amount // dearest)
        return Room(min(orders, payable), is_exact=are_alike or orders <= payable)


def parse_amount(text: str) -> tuple[Decimal, str | None]:
    """The amount and the currency that `text` says, such as `20` or `20 USD`.

    Raises:
        InvalidRequest: it says none.
    """
    match = _AMOUNT.fullmatch(text.strip())
    try:
        if match is not None:
            return Decimal(match[1]), match[2].upper() if match[2] else None
    except InvalidOperation:  # pragma: no cover - the pattern lets no such number through
        pass
    raise InvalidRequest(f"`{text:.40}` is no amount of money", hint='--max-cost 20, --max-cost "20 USD"')


def permission(total: Tally, budget: Budget, *, configured: int) -> Permission:
    """What a run that takes `total` may order within `budget`; `configured` orders need no yes.

    Raises:
        SpendRefused: its cost cannot be held against the limit of money.
    """
    max_cost = _max_cost(total, budget)
    if budget.max_generations is not None:
        return Permission(budget.max_generations, LimitedBy.OPTION, max_cost)
    # Of what is being made an order may turn out never to have arrived, and is sent again: agreed to already.
    planned = total.new_orders + total.counts[Deed.JOIN]
    if budget.is_agreed:
        # What turns out to be missing only later was agreed to as little as what was never planned.
        return Permission(planned, LimitedBy.CONSENT, max_cost)
    if total.new_orders <= configured:
        return Permission(max(configured, planned), LimitedBy.SETTING, max_cost)
    question = (
        f"this would order {total.new_orders:,} generations, more than the {configured:,} that the settings allow"
    )
    return Permission(planned, LimitedBy.CONSENT, max_cost, question)


def _max_cost(total: Tally, budget: Budget) -> Cost | None:
    if budget.max_amount is None:
        return None
    currencies = sorted(total.money.high)
    if total.money.unknown:
        raise SpendRefused(
            f"what {total.money.unknown:,} generations cost is not known, so no limit of money can be kept",
            why="their generator states no price",
            hint="limit their number instead: --max-generations N",
        )
    currency = budget.currency or (currencies[0] if currencies else "USD")
    if any(known != currency for known in currencies):
        # Nothing can be said in several currencies at once.
        said = f"say --max-cost '{budget.max_amount} {currencies[0]}', or " if len(currencies) == 1 else ""
        raise SpendRefused(
            f"a limit in {currency} cannot be held against prices in {', '.join(currencies)}",
            hint=f"{said}limit their number instead: --max-generations N",
        )
    return Cost(budget.max_amount, currency)
