"""`assetctl jobs ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assetctl.cli.job_words import cost_words, order_document, order_name, owner_words, scene_words, short_names
from assetctl.cli.job_words import state_word as word_of
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.units import human_age

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.cli.output import Printer
    from assetctl.generation.orders import Order
    from assetctl.wiring import Stack


@takes(state=shared_options)
def list_jobs(
    all_jobs: Annotated[bool, typer.Option("--all", help="Also those that are done.")] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """The jobs that are not done, oldest first. No job is an empty list and exit code 0."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> None:
        orders = await stack.jobs.journal.orders(open_only=not all_jobs)
        if as_json:
            printer.document([order_document(order) for order in orders])
        elif state.quiet:
            for order in orders:
                printer.line(order_name(order))
        elif orders:
            _print_table(orders, stack.clock.now(), printer)
        else:
            printer.note("there is no job yet" if all_jobs else "no job is open")

    with_stack(state, printer, work)
    return 0


def _print_table(orders: list[Order], now: datetime, printer: Printer) -> None:
    columns = ("job", "state", "age", "generator", "scene/choice", "cost", "owner")
    rows = [
        [
            name,
            word_of(order.state),
            human_age((now - order.created_at).total_seconds()).removesuffix(" ago"),
            order.generator,
            scene_words(order),
            cost_words(order),
            owner_words(order),
        ]
        for name, order in zip(short_names(orders), orders, strict=True)
    ]
    printer.table(columns, rows, right=("age", "cost"))
