"""`assetctl cache clear`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cache.files.leases import when_released
from assetctl.cache.index.filters import EntryFilter
from assetctl.cli.cache_options import SHOWN_KEY, filter_options
from assetctl.cli.cache_plans import (
    WAIT_S,
    DryRun,
    Now,
    Wait,
    Yes,
    ask,
    entries,
    plan_document,
    print_going,
    print_terms,
)
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.errors import AssetUnavailable, CacheError, InvalidRequest
from assetctl.units import human_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.cache.removal.deletion import ClearPlan, RemovalReport
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack


@takes(chosen=filter_options, state=shared_options)
def clear(
    chosen: EntryFilter,
    everything: Annotated[bool, typer.Option("--all", help="Really all entries, when no filter is given.")] = False,
    include_paid: Annotated[
        bool, typer.Option("--include-paid", help="Also what was paid for and may exist nowhere else.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    now: Now = False,
    wait: Wait = WAIT_S,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Delete entries: first the plan, then the question, then the deed; `cache undo` brings them back for a day.

    What was paid for, is pinned or in use stays. One KEY-PREFIX that only one key has names that entry, and then it
    goes although it is pinned or paid for; of several keys those still stay. Jobs and their journal are never touched.
    """
    if chosen == EntryFilter() and not everything:
        raise InvalidRequest("nothing says what to clear", hint="name a filter, or `--all` for everything")
    printer = printer_for(state, as_json=as_json)
    planned = with_stack(state, printer, lambda stack: _planned(stack, chosen, include_paid=include_paid, wait_s=wait))
    _check(planned, chosen)
    if not as_json:
        print_going(planned, printer)
        printer.note(f"{entries(len(planned.entries))} would go, {human_size(planned.freed_bytes)} would be freed")
        print_terms(planned, printer)
    report: RemovalReport | None = None
    if not dry_run and planned.entries:
        ask(state, f"clearing {entries(len(planned.entries))}", yes=yes)
        report = with_stack(state, printer, lambda stack: stack.cache.remove(planned, keep=not now))
        _tell(report, printer)
    if as_json:
        printer.document(_document(planned, report, dry_run=dry_run))
    return 0


async def _planned(stack: Stack, chosen: EntryFilter, *, include_paid: bool, wait_s: float) -> ClearPlan:
    async def look() -> ClearPlan:
        return await stack.cache.plan_clear(chosen, include_paid=include_paid)

    return await when_released(look, lambda plan: bool(plan.kept_in_use), clock=stack.clock, limit_s=wait_s)


def _check(planned: ClearPlan, chosen: EntryFilter) -> None:
    """Refuse what was named and cannot be done."""
    if not chosen.key_prefixes or planned.entries:
        return
    if planned.kept_in_use:
        raise CacheError(
            f"`{planned.kept_in_use[0].key[:SHOWN_KEY]}` is in use",
            why=", ".join(planned.holders),
            hint="let it finish or end it, or wait longer with `--wait 1m`",
        )
    if not (planned.kept_paid or planned.kept_pinned):
        raise AssetUnavailable(
            f"nothing cached has a key that begins with {_listed(chosen.key_prefixes)}", hint="assetctl cache ls"
        )


def _listed(prefixes: Sequence[str]) -> str:
    more = f" or one of {len(prefixes) - 1:,} more" if len(prefixes) > 1 else ""
    return f"`{prefixes[0]}`{more}"


def _tell(report: RemovalReport, printer: Printer) -> None:
    size = human_size(report.freed_bytes)
    if report.undoable:
        printer.note(f"cleared {entries(report.removed)}, {size}; for 24 hours `assetctl cache undo` brings them back")
    else:
        printer.note(f"cleared {entries(report.removed)}, freed {size}")
    if report.skipped or report.in_use:
        printer.note(f"{report.skipped:,} changed meanwhile and {report.in_use:,} in use by now were kept")
    if not report.index_updated:
        printer.warning("there was no room to note it: each is forgotten when it is looked up next")


def _document(planned: ClearPlan, report: RemovalReport | None, *, dry_run: bool) -> dict[str, Any]:
    done = report is not None or not (dry_run or planned.entries)
    return {
        "schema": "assetctl.clear/1",
        "done": done,
        **plan_document(planned),
        "freed_bytes": planned.freed_bytes if report is None else report.freed_bytes,
        "removed": 0 if report is None else report.removed,
        "undoable": report is not None and report.undoable,
    }
