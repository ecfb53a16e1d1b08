"""`assetctl jobs`: the journal of generation jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.documents import cost_document, request_document, timestamp
from assetctl.errors import AssetctlError, InvalidRequest, JobPending
from assetctl.generation.base import JobState
from assetctl.generation.orders import OrderState
from assetctl.providers.intake import path_of
from assetctl.units import human_age

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.generation.orders import Order
    from assetctl.wiring import Stack

app = command_app("Look after generation jobs.")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or the order's (assetctl jobs ls).")]


@app.command("ls", epilog="Example: assetctl jobs ls --all")
@takes(state=shared_options)
def list_jobs(
    all_jobs: Annotated[bool, typer.Option("--all", help="Also those that are done.")] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """The jobs that are not done, oldest first."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> tuple[list[Order], float]:
        return await stack.journal.orders(open_only=not all_jobs), stack.clock.now().timestamp()

    orders, now_s = with_stack(state, printer, work)
    if as_json:
        printer.document([_document(order) for order in orders])
    elif state.quiet:
        for order in orders:
            printer.line(order.job_id or order.order_id)
    else:
        printer.table(
            ("job", "state", "age", "generator", "scene", "choice"), [_cells(order, now_s) for order in orders]
        )
    return 0


@app.command("show", epilog="Example: assetctl jobs show sb-0123456789abcdef01234567")
@takes(state=shared_options)
def show_job(job: JobId, as_json: Json = False, *, state: CliState) -> int:
    """One job: its order, its state, what it cost, and what its generator says of it now."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> dict[str, Any]:
        order = await _order(stack, job)
        document = _document(order)
        if order.job_id and order.state is OrderState.ACCEPTED:
            status = await stack.registry.get(order.generator).status(order.job_id)
            document["generator_says"] = {
                "state": status.state.value,
                "fraction": status.fraction,
                "message": status.message,
            }
        return document

    document = with_stack(state, printer, work)
    if as_json:
        printer.document(document)
    else:
        for name, value in document.items():
            if value is not None:
                printer.line(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")
    return 0


@app.command("resume", epilog="Example: assetctl jobs resume")
@takes(state=shared_options)
def resume(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="One job; all open ones by default.")] = None,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Wait for open jobs and collect what they made; nothing new is ordered. Prints the paths."""
    return _each(state, job, as_json=as_json, states=None)


@app.command("wait", epilog="Example: assetctl jobs wait sb-0123456789abcdef01234567")
@takes(state=shared_options)
def wait(job: JobId, as_json: Json = False, *, state: CliState) -> int:
    """Wait for one job and collect what it made. Prints the path."""
    return _each(state, job, as_json=as_json, states=None)


@app.command("reconcile", epilog="Example: assetctl jobs reconcile")
@takes(state=shared_options)
def reconcile(as_json: Json = False, *, state: CliState) -> int:
    """Settle orders whose outcome is unknown by asking their generator, and collect what was made."""
    return _each(state, None, as_json=as_json, states={OrderState.SENT, OrderState.UNKNOWN})


@app.command("cancel", epilog="Example: assetctl jobs cancel sb-0123456789abcdef01234567")
@takes(state=shared_options)
def cancel(
    job: JobId,
    forget: Annotated[
        bool, typer.Option("--forget", help="Give the order up without asking its generator; it may have been paid.")
    ] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Ask the generator to stop a job, and say what became of it. Exit code 4 when it goes on."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> tuple[Order, str]:
        order = await _order(stack, job)
        if forget and order.is_open:
            await stack.follower.forget(order)
            return order, OrderState.ABANDONED
        if not order.is_open or order.job_id is None:
            hint = f"assetctl jobs cancel {job} --forget gives the order up" if order.is_open else "assetctl jobs ls"
            raise InvalidRequest(f"the job `{job}` can't be cancelled", why=f"it is {order.state}", hint=hint)
        status = await stack.follower.cancel(stack.registry.get(order.generator), order)
        return order, status.state

    order, became = with_stack(state, printer, work)
    if as_json:
        printer.document({"job_id": order.job_id, "state": became})
    else:
        printer.line(f"{order.job_id or order.order_id}: {became}")
        if became == JobState.SUCCEEDED:
            printer.note(f"it was finished before; collect it: assetctl jobs resume {job}")
    return JobPending.exit_code if became in (JobState.QUEUED, JobState.RUNNING) else 0


async def _order(stack: Stack, name: str) -> Order:
    order = await stack.journal.get(name)
    if order is None:
        raise InvalidRequest(f"there is no job `{name}`", hint="assetctl jobs ls --all")
    return order


def _each(state: CliState, job: str | None, *, as_json: bool, states: set[OrderState] | None) -> int:
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> int:
        if job:
            # Named, it is answered also when it is done: with its path, or with why there is none.
            return await _collected(stack, await _order(stack, job), printer)
        found = await stack.journal.orders(open_only=True)
        chosen = [order for order in found if states is None or order.state in states]
        exit_code = 0
        for order in chosen:
            exit_code = await _collected(stack, order, printer) or exit_code
        if not chosen:
            printer.note("no job is open" if states is None else "no outcome is unknown")
        return exit_code

    return with_stack(state, printer, work)


async def _collected(stack: Stack, order: Order, printer: Printer) -> int:
    """0 after one order was brought home and told, else the exit code of the error that was told."""
    try:
        generator = stack.registry.get(order.generator)
        arrival = await stack.follower.resume(generator, order, stack.settings.generation.max_wait_s)
        entry = arrival.entry
        path = await path_of(stack.cache, entry)
    except AssetctlError as error:
        printer.error(error)
        return error.exit_code
    for warning in arrival.warnings:
        printer.warning(warning)
    if printer.as_json:
        document = {"job_id": entry.origin.job_id, "key": entry.key, "path": str(path)}
        replace(printer, indent=None).document(document)
    else:
        printer.path(path)
    return 0


def _document(order: Order) -> dict[str, Any]:
    return {
        "job_id": order.job_id,
        "order_id": order.order_id,
        "key": order.key,
        "generator": order.generator,
        "state": order.state.value,
        "detail": order.detail,
        "cost": cost_document(order.cost),
        "created_at": timestamp(order.created_at),
        "updated_at": timestamp(order.updated_at),
        "request": request_document(order.request),
    }


def _cells(order: Order, now_s: float) -> list[str]:
    request = order.request
    return [
        order.job_id or order.order_id,
        order.state.value,
        human_age(now_s - order.created_at.timestamp()),
        order.generator,
        request.scene_id or "-",
        request.choice_id or "-",
    ]
