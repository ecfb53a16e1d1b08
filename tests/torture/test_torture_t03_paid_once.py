"""T3: customers are killed at every state of an order; no asset is paid for twice, and none that was paid is lost."""

from __future__ import annotations

import signal
from random import Random
from typing import TYPE_CHECKING

import anyio
import pytest
from torture_crew import ended, start
from torture_customers import DEATHS, Customer, open_shop, request, want
from torture_report import Report, scaled

from assetctl.clock import SystemClock
from assetctl.generation.orders import OrderState
from assetctl.keys import request_key
from fakes import House

if TYPE_CHECKING:
    from pathlib import Path

    from shop import Shop

_KILLED = (-signal.SIGKILL, 0)


async def _standing(folder: Path, shop: Shop, assets: int) -> dict[str, str]:
    """For each key that was asked for, `delivered` or the state of its open order."""
    house = House(folder / "house", generator=shop, clock=SystemClock())
    standing: dict[str, str] = {}
    for number in range(assets):
        key = request_key(request(number))
        entry = await house.cache.lookup(key)
        order = await house.journal.open_order(key)
        standing[key] = "nothing" if order is None else order.state.value
        if entry is not None and await house.cache.verified(entry) is not None:
            standing[key] = "delivered"
    await house.cache.aclose()
    return standing


def _killed_crews(folder: Path, kind: str, processes: int, rounds: int, assets: int) -> tuple[int, list[str]]:
    """How many were killed, and what else ended badly."""
    random = Random(f"{kind} {processes}")
    kills, bad = 0, []
    for number in range(rounds):
        deaths = [DEATHS[(number + me) % len(DEATHS)] for me in range(processes)]
        crew = [start(want, folder, Customer(kind, deadly, random.randrange(10**9), assets)) for deadly in deaths]
        codes = [ended(process) for process in crew]
        kills += sum(code == -signal.SIGKILL for code in codes)
        bad += [f"exit code {code}" for code in codes if code not in _KILLED]
    # Twice, as the first may still find its own lost answers.
    for seed in (1, 2):
        bad += [f"exit code {code}" for code in [ended(start(want, folder, Customer(kind, "", seed, assets)))] if code]
    return kills, bad


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("kind", ["honest", "racy", "silent"])
@scaled("rounds", quick=8, long=60)
def test_killed_customers_pay_once(quick_folder: Path, kind: str, processes: int, rounds: int):
    assets, rounds = rounds, rounds if processes == 1 else rounds // 2
    with Report("T3") as report:
        kills, bad = _killed_crews(quick_folder, kind, processes, rounds, assets)
        shop = open_shop(quick_folder, kind)
        standing = anyio.run(_standing, quick_folder, shop, assets)
        charges = shop.charges_by_key
        delivered = [key for key, state in standing.items() if state == "delivered"]
        unknown = [key for key, state in standing.items() if state in (OrderState.SENT, OrderState.UNKNOWN)]
        report.tell(shop=kind, processes=processes, assets=assets, kills=kills, charges=charges.total())
        report.tell(delivered=len(delivered), listed_as_unknown=len(unknown))
        report.tell(charges_per_delivered_asset=sum(charges[key] for key in delivered) / max(1, len(delivered)))
        report.all_zero(
            bad=bad,
            paid_twice=[key for key, count in charges.items() if count > 1],
            delivered_unpaid=[key for key in delivered if charges[key] != 1],
            paid_and_lost=[key for key in charges if key not in delivered and key not in unknown],
            neither=[key for key, state in standing.items() if key not in delivered and key not in unknown],
            unknown_though_it_can_be_told=unknown if kind != "silent" else [],
        )
        assert kills >= rounds // 2
        assert len(delivered) >= assets // 3


@scaled("assets", quick=30, long=160)
def test_a_run_of_many_killed_processes_stays_within_its_limit(quick_folder: Path, assets: int):
    cap = assets // 2
    with Report("T3") as report:
        deaths = ["accepted", "", "charged", "", "sent", "", "intended", ""]
        crew = [
            start(want, quick_folder, Customer("honest", death, seed, assets, cap)) for seed, death in enumerate(deaths)
        ]
        bad = [f"exit code {code}" for code in map(ended, crew) if code not in _KILLED]
        shop = open_shop(quick_folder, "honest")
        report.tell(part="limit", processes=len(deaths), assets=assets, limit=cap, charges=shop.charges)
        report.all_zero(bad=bad, over_the_limit=max(0, shop.charges - cap))
        assert shop.charges >= cap - len(deaths)
