"""`assetctl cache clear`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assetctl.cache.filters import EntryFilter
from assetctl.cli.cache_options import filter_options
from assetctl.cli.options import Json
from assetctl.cli.output import is_terminal
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.documents import cost_document
from assetctl.errors import InvalidRequest, SpendRefused
from assetctl.units import counted, human_size

if TYPE_CHECKING:
    from assetctl.cache.deletion import ClearPlan
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

_SHOWN_KEY: Final = 12


@takes(chosen=filter_options, state=shared_options)
def clear(
    chosen: EntryFilter,
    everything: Annotated[bool, typer.Option("--all", help="Really all entries, when no filter is given.")] = False,
    include_paid: Annotated[
        bool, typer.Option("--include-paid", help="Also what was paid for and exists nowhere else.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Delete entries: first the plan, then the question, then the deed. Jobs and their journal are never touched."""
    if chosen == EntryFilter() and not everything:
        raise InvalidRequest("nothing says what to clear", hint="name a filter, or `--all` for everything")
    printer = printer_for(state, as_json=as_json)

    async def plan(stack: Stack) -> ClearPlan:
        return await stack.cache.plan_clear(chosen, include_paid=include_paid)

    planned = with_stack(state, printer, plan)
    if not as_json:
        _print_plan(planned, printer)
    if not dry_run and planned.entries:
        _ask(state, planned, yes=yes)

        async def remove(stack: Stack) -> int:
            return (await stack.cache.remove(planned)).freed_bytes

        freed = with_stack(state, printer, remove)
        printer.note(f"cleared {_counted(planned)}, freed {human_size(freed)}")
    if as_json:
        printer.document(_plan_document(planned, done=not dry_run))
    return 0


def _ask(state: CliState, planned: ClearPlan, *, yes: bool) -> None:
    if yes:
        return
    if state.no_input or not is_terminal(sys.stdin):
        raise SpendRefused(
            f"clearing {_counted(planned)} needs a yes, and nobody is there to ask",
            hint="look with `--dry-run`, then add `--yes`",
        )
    typer.confirm("Delete them?", abort=True, err=True)


def _counted(planned: ClearPlan) -> str:
    return counted(len(planned.entries), "entry", "entries")


def _print_plan(planned: ClearPlan, printer: Printer) -> None:
    for entry in planned.entries:
        names = " / ".join(name for name in (entry.request.scene_id, entry.request.choice_id) if name)
        printer.line(f"{entry.key[:_SHOWN_KEY]}  {names or entry.asset_id}  {human_size(entry.size_bytes)}")
    printer.note(f"{_counted(planned)} would go, {human_size(planned.freed_bytes)} would be freed")
    if planned.kept_paid:
        printer.note(f"{len(planned.kept_paid):,} paid for are kept (`--include-paid` takes them too)")


def _plan_document(planned: ClearPlan, *, done: bool) -> dict[str, Any]:
    return {
        "schema": "assetctl.clear/1",
        "done": done,
        "keys": [entry.key for entry in planned.entries],
        "kept_paid": [entry.key for entry in planned.kept_paid],
        "freed_bytes": planned.freed_bytes,
        "costs": [cost_document(cost) for cost in planned.costs],
    }
