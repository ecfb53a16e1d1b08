"""Customers of a shop that charges: processes that want assets and are killed at a state of an order."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import anyio

from assetctl.clock import SystemClock
from assetctl.errors import JobPending, OutcomeUnknown, SpendRefused
from assetctl.generation.journal import Journal
from assetctl.models import AssetRequest
from fakes import House
from shop import Shop

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.generation.orders import Order, OrderState

#: Where an order may be when its customer dies: each state once it is durable, and between the charge and the answer.
DEATHS = ("intended", "sent", "charged", "accepted", "ready", "downloaded", "published", "closed")
_LONGEST_WAIT_S = 60.0


def request(number: int) -> AssetRequest:
    """What asset number so and so is asked for with."""
    return AssetRequest(scene_id="romance_5", choice_id=f"c{number}", generator="shop", max_wait_s=_LONGEST_WAIT_S)


def die() -> None:
    """This process is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


class _Deadly(Journal):
    """Kills its process once `deadly` is durable for the `after`th time."""

    deadly: str = ""
    after: int = 1

    async def intend(self, *facts: object, **limits: object) -> tuple[Order, bool]:
        order, is_new = await super().intend(*facts, **limits)  # type: ignore[arg-type]
        self._note(order.state)
        return order, is_new

    async def advance(self, order: Order, state: OrderState, **facts: object) -> Order:
        advanced = await super().advance(order, state, **facts)  # type: ignore[arg-type]
        self._note(state)
        return advanced

    def _note(self, state: str) -> None:
        if state == self.deadly:
            self.after -= 1
            if self.after <= 0:
                die()


def open_shop(folder: Path, kind: str) -> Shop:
    """The shop: `honest` tells of every order at once, `racy` only after a while, `silent` never."""
    shop = Shop(folder / "shop")
    shop.finds = {"honest": "tell", "racy": "late", "silent": "silent"}[kind]
    return shop


@dataclass(frozen=True)
class Customer:
    """What one process wants of which shop, where its first or second order kills it, and what its run may order."""

    kind: str
    deadly: str
    seed: int
    assets: int
    max_orders: int | None = None


def want(folder: Path, customer: Customer) -> None:
    """Ask for all the assets in an order of our own, now and then with a lost answer, and die as told."""
    anyio.run(_want, folder, customer)


async def _want(folder: Path, customer: Customer) -> None:
    random = Random(customer.seed)
    shop = open_shop(folder, customer.kind)
    if customer.deadly == "charged":
        shop.after_charge = die
    house = House(
        folder / "house",
        generator=shop,
        clock=SystemClock(),
        journal=_Deadly,
        max_orders=customer.max_orders,
        run_id="torture",
    )
    journal = house.journal
    assert isinstance(journal, _Deadly)
    journal.deadly, journal.after = customer.deadly, random.randint(1, 2)
    for number in random.sample(range(customer.assets), customer.assets):
        shop.submits = "lose" if random.random() < 0.25 else "accept"
        try:
            await house.service.request_asset(request(number))
        except (OutcomeUnknown, SpendRefused, JobPending):
            continue
    await house.cache.aclose()
