"""Many jobs at once: a few at a time, each told as it is done, and one that is in trouble stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from assetctl.cli.exit_codes import common_exit_code
from assetctl.errors import AssetctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from assetctl.cli.output import Printer
    from assetctl.generation.orders import Order

_AT_ONCE: Final = 8


async def each(orders: Sequence[Order], work: Callable[[Order], Awaitable[int]], printer: Printer) -> int:
    """The common exit code, after `work` was done for all `orders`.

    An error of `work` is told, and its exit code is what counts. As JSON the errors stand after everything else, since
    a script looks for one in the last line.
    """
    limiter = anyio.Semaphore(_AT_ONCE)
    codes: set[int] = set()
    late: list[AssetctlError] = []

    async def one(order: Order) -> None:
        async with limiter:
            try:
                codes.add(await work(order))
            except AssetctlError as error:
                codes.add(error.exit_code)
                if printer.as_json:
                    late.append(error)
                else:
                    printer.error(error)

    async with anyio.create_task_group() as tasks:
        for order in orders:
            tasks.start_soon(one, order)
    for error in late:
        printer.error(error)
    return common_exit_code(codes)
