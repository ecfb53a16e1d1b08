"""`assetctl jobs show`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from assetctl.cli.job_options import Jobs, generator_of, orders_named
from assetctl.cli.job_words import cost_words, order_document, order_name, owner_words, state_meaning, state_word
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.documents import request_document, timestamp
from assetctl.errors import AssetctlError
from assetctl.generation.orders import OrderState
from assetctl.units import human_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assetctl.generation.base import JobStatus
    from assetctl.generation.orders import Change, Order
    from assetctl.wiring import Stack


_POLICY: Final = ("strategy", "max_wait_s", "generator", "reuse")


@dataclass(frozen=True, slots=True)
class _Shown:
    """All there is to tell of one order. `says` is what its generator says now; `trouble` why it could not be asked."""

    order: Order
    history: list[Change]
    says: JobStatus | None
    trouble: AssetctlError | None


@takes(state=shared_options)
def show_jobs(jobs: Jobs, as_json: Json = False, *, state: CliState) -> int:
    """All that is known of a job, or of several: order, history, cost, and what its generator says of it now."""
    printer = printer_for(state, as_json=as_json)
    if len(jobs) > 1:
        printer = replace(printer, indent=None)

    async def work(stack: Stack) -> None:
        for number, order in enumerate(await orders_named(stack, jobs)):
            if state.quiet and not as_json:
                printer.line(order_name(order))
                continue
            shown = await _looked_at(stack, order)
            if as_json:
                printer.document(_document(shown))
                continue
            if number:
                printer.line("")
            for name, value in _facts(shown):
                printer.line(f"{name:<12}{value}")

    with_stack(state, printer, work)
    return 0


async def _looked_at(stack: Stack, order: Order) -> _Shown:
    says, trouble = None, None
    if order.job_id is not None and order.state is OrderState.ACCEPTED:
        try:
            says = await generator_of(stack, order).status(order.job_id)
        except AssetctlError as error:
            # What we know ourselves is told all the same.
            trouble = error
    return _Shown(order, await stack.jobs.journal.history(order), says, trouble)


def _document(shown: _Shown) -> dict[str, Any]:
    document = order_document(shown.order)
    document["history"] = [
        {"state": change.state.value, "at": timestamp(change.at), "detail": change.detail} for change in shown.history
    ]
    if shown.says is not None:
        says = shown.says
        document["generator_says"] = {"state": says.state.value, "fraction": says.fraction, "message": says.message}
    if shown.trouble is not None:
        document["generator_trouble"] = {"code": shown.trouble.code, "message": shown.trouble.what}
    return document


def _facts(shown: _Shown) -> Iterator[tuple[str, str]]:
    order = shown.order
    yield "job", order.job_id or "none is known"
    yield "order", order.order_id
    yield "state", state_meaning(order.state)
    if order.detail is not None:
        yield "why", order.detail
    yield "generator", order.generator
    if shown.says is not None:
        yield "it says", _said(shown.says)
    if shown.trouble is not None:
        yield "it says", f"nothing: {shown.trouble.what}"
    yield from _wanted(order)
    yield from _work(order)
    yield "key", order.key
    yield from _history(shown.history)


def _wanted(order: Order) -> Iterator[tuple[str, str]]:
    for name, value in request_document(order.request).items():
        # The defaults of policy are no part of what was asked for, and the generator stands above.
        if value not in (None, {}, []) and not isinstance(value, bool) and name not in _POLICY:
            yield name.removesuffix("_id").removesuffix("_s"), str(value)


def _work(order: Order) -> Iterator[tuple[str, str]]:
    words = cost_words(order)
    yield "cost", "unknown" if words == "-" else words.replace("≤", "up to")
    if order.run_id is not None:
        yield "run", order.run_id
    if order.is_open:
        yield "owner", owner_words(order)
    if order.sends > 1:
        yield "sent", f"{order.sends} times; before each further one its generator said that nothing had arrived"
    if order.generation_time_ms is not None:
        yield "making took", human_duration(order.generation_time_ms / 1000)
    if order.digest is not None:
        yield "sha256", order.digest


def _said(status: JobStatus) -> str:
    share = "" if status.fraction is None else f", {status.fraction:.0%}"
    return f"{status.state.value}{share}" + ("" if status.message is None else f": {status.message}")


def _history(history: list[Change]) -> Iterator[tuple[str, str]]:
    for number, change in enumerate(history):
        # As a step it is what happened, not what is still to come.
        step = "written down" if change.state is OrderState.INTENDED else state_word(change.state)
        detail = "" if change.detail is None else f": {change.detail}"
        yield "" if number else "history", f"{timestamp(change.at)}  {step}{detail}"
