"""`assetctl jobs wait`, `resume` and `reconcile`: what was ordered is brought home; nothing new is ever ordered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assetctl.cli.job_batches import each
from assetctl.cli.job_options import Jobs, MaxWait, SomeJobs, generator_of, max_wait_of, orders_named
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.errors import JobPending, NeverOrdered
from assetctl.generation.orders import OrderState
from assetctl.providers.intake import path_of

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.generation.orders import Order
    from assetctl.wiring import Stack


@takes(state=shared_options)
def wait(jobs: Jobs, max_wait: MaxWait = None, as_json: Json = False, *, state: CliState) -> int:
    """Wait until jobs are done and collect what they made. Prints the paths. Exit code 4 when one goes on."""
    return _bring_home(state, jobs, max_wait, as_json=as_json)


@takes(state=shared_options)
def resume(jobs: SomeJobs = None, max_wait: MaxWait = None, as_json: Json = False, *, state: CliState) -> int:
    """Wait for open jobs and collect what they made. Prints the paths. Exit code 4 when one goes on."""
    return _bring_home(state, jobs, max_wait, as_json=as_json)


@takes(state=shared_options)
def reconcile(jobs: SomeJobs = None, max_wait: MaxWait = 0.0, as_json: Json = False, *, state: CliState) -> int:
    """Settle orders whose outcome is unknown by asking their generator, and collect what was made and never fetched.

    Jobs that still run are left alone. Exit code 10 when an outcome stays unknown.
    """
    printer = replace(printer_for(state, as_json=as_json), indent=None)

    async def work(stack: Stack) -> int:
        orders = await _chosen(stack, jobs)

        async def settle(order: Order) -> int:
            try:
                return await _collected(stack, order, printer, max_wait_of(stack, max_wait))
            except (NeverOrdered, JobPending) as error:
                _tell_settled(order, error, printer)
                return 0

        code = await each(orders, settle, printer)
        if not orders:
            printer.note("no job is open: nothing is unknown, and all that was made is fetched")
        return code

    return with_stack(state, printer, work)


def _bring_home(state: CliState, jobs: list[str] | None, max_wait: float | None, *, as_json: bool) -> int:
    printer = replace(printer_for(state, as_json=as_json), indent=None)

    async def work(stack: Stack) -> int:
        orders = await _chosen(stack, jobs)
        if not orders:
            printer.note("no job is open")
        max_wait_s = max_wait_of(stack, max_wait)
        return await each(orders, lambda order: _collected(stack, order, printer, max_wait_s), printer)

    return with_stack(state, printer, work)


async def _chosen(stack: Stack, jobs: list[str] | None) -> list[Order]:
    # Named, a job is answered also when it is done: with its path, or with why there is none.
    return await orders_named(stack, jobs) if jobs else await stack.jobs.journal.orders(open_only=True)


async def _collected(stack: Stack, order: Order, printer: Printer, max_wait_s: float) -> int:
    arrival = await stack.jobs.follower.resume(generator_of(stack, order), order, max_wait_s)
    path = await path_of(stack.cache, arrival.entry)
    for warning in arrival.warnings:
        printer.warning(warning)
    if printer.as_json:
        entry = arrival.entry
        printer.document(
            {
                "job_id": entry.origin.job_id,
                "order_id": order.order_id,
                "key": entry.key,
                "state": OrderState.CLOSED.value,
                "path": str(path),
                "warnings": list(arrival.warnings),
            }
        )
    else:
        printer.path(path)
    return 0


def _tell_settled(order: Order, error: NeverOrdered | JobPending, printer: Printer) -> None:
    is_open = isinstance(error, JobPending)
    if printer.as_json:
        state = OrderState.ACCEPTED if is_open else OrderState.REFUSED
        document = {"job_id": error.job_id or order.job_id, "order_id": order.order_id, "key": order.key}
        printer.document({**document, "state": state.value, "path": None, "warnings": []})
    else:
        printer.note(error.what if is_open else f"{error.what}: it cost nothing and is given up")
