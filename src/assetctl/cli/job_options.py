"""What the commands over jobs take: which jobs, and how long to wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from assetctl.errors import AssetUnavailable, InvalidRequest
from assetctl.units import parse_duration_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.generation.base import Generator
    from assetctl.generation.orders import Order
    from assetctl.wiring import Stack

_LISTED: Final = 8
_HELP: Final = "How the ids of jobs or orders begin, each of one (assetctl jobs ls)."

Jobs = Annotated[list[str], typer.Argument(metavar="JOB...", help=_HELP)]
SomeJobs = Annotated[
    list[str] | None, typer.Argument(metavar="[JOB]...", help=f"{_HELP} All open ones by default.", show_default=False)
]


def _seconds(value: str | float) -> float:
    return parse_duration_s(value, name="max wait")


MaxWait = Annotated[
    float | None,
    typer.Option("--max-wait", parser=_seconds, metavar="30s", help="Longest wait for each job; those left go on."),
]


def max_wait_of(stack: Stack, given: float | None) -> float:
    """The seconds to wait for a job: as given, else as the settings say."""
    return stack.settings.generation.max_wait_s if given is None else given


async def orders_named(stack: Stack, names: Sequence[str]) -> list[Order]:
    """The order that each of `names` means, each once.

    Raises:
        InvalidRequest: one means none, or several.
    """
    found: dict[str, Order] = {}
    for name in names:
        order = await _only_one(stack, name)
        found[order.order_id] = order
    return list(found.values())


async def _only_one(stack: Stack, name: str) -> Order:
    orders = await stack.jobs.journal.named(name)
    if not orders:
        raise InvalidRequest(f"there is no job `{name}`", hint="assetctl jobs ls --all")
    # One job may have had several orders, such as one that was given up and found again: the newest speaks for it.
    ids = {order.job_id or order.order_id for order in orders}
    if len(ids) > 1:
        shown = [f"`{one}`" for one in sorted(ids)[:_LISTED]] + ["…"] * (len(ids) > _LISTED)
        raise InvalidRequest(f"`{name}` may mean {len(ids)} jobs", why=", ".join(shown), hint="give more of the id")
    return orders[0]


def generator_of(stack: Stack, order: Order) -> Generator:
    """The generator that `order` was placed at.

    Raises:
        GeneratorUnknown: it is not installed any more.
        AssetUnavailable: it is on the network, which is not to be touched.
    """
    generator = stack.jobs.registry.get(order.generator)
    if stack.is_offline and generator.needs_network:
        raise AssetUnavailable(
            f"`{generator.name}` can't be asked offline", hint="ask without `--offline`", job_id=order.job_id
        )
    return generator
