"""`assetctl jobs cancel`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from assetctl.cli.job_batches import each
from assetctl.cli.job_options import Jobs, MaxWait, generator_of, max_wait_of, orders_named
from assetctl.cli.job_words import order_name
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.errors import InvalidRequest, JobPending, NeverOrdered
from assetctl.generation.base import JobState
from assetctl.generation.orders import OrderState

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.generation.orders import Order
    from assetctl.wiring import Stack

_TOO_LATE = 1


@takes(state=shared_options)
def cancel(
    jobs: Jobs,
    forget: Annotated[
        bool, typer.Option("--forget", help="Give the order up without asking its generator; it may have been paid.")
    ] = False,
    max_wait: MaxWait = None,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Ask generators to stop jobs, look at them until they ended, and say what became of them.

    Exit code 4 when one still goes on, 1 when one was finished before it could be stopped.
    """
    printer = replace(printer_for(state, as_json=as_json), indent=None)

    async def work(stack: Stack) -> int:
        async def one(order: Order) -> int:
            _check_open(order)
            if forget:
                await stack.jobs.follower.forget(order)
                return _told(order, OrderState.ABANDONED, printer)
            try:
                max_wait_s = max_wait_of(stack, max_wait)
                status = await stack.jobs.follower.cancel(generator_of(stack, order), order, max_wait_s)
            except NeverOrdered:
                return _told(order, OrderState.REFUSED, printer)
            return _told(order, status.state, printer)

        return await each(await orders_named(stack, jobs), one, printer)

    return with_stack(state, printer, work)


def _check_open(order: Order) -> None:
    if not order.is_open:
        raise InvalidRequest(
            f"the job `{order_name(order)}` can't be cancelled", why=f"it is {order.state}", hint="assetctl jobs ls"
        )


def _told(order: Order, became: OrderState | JobState, printer: Printer) -> int:
    name = order_name(order)
    if printer.as_json:
        printer.document({"job_id": order.job_id, "order_id": order.order_id, "state": became.value})
    else:
        printer.line(f"{name}: {_WORDS.get(became.value, became.value)}")
    match became:
        case JobState.SUCCEEDED:
            printer.note(f"it was finished before it could be stopped; collect it: assetctl jobs resume {name}")
            return _TOO_LATE
        case JobState.QUEUED | JobState.RUNNING | JobState.PAUSED:
            printer.note(f"its generator was asked to stop it; look again: assetctl jobs show {name}")
            return JobPending.exit_code
        case _:
            return 0


_WORDS = {OrderState.ABANDONED.value: "given up", OrderState.REFUSED.value: "never ordered, it cost nothing"}
