"""`assetctl cache prune`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cache.files.leases import when_released
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
from assetctl.errors import CacheError
from assetctl.units import human_size, parse_duration_s, parse_size_bytes

if TYPE_CHECKING:
    from assetctl.cache.removal.deletion import RemovalReport
    from assetctl.cache.removal.pruning import Limits
    from assetctl.cache.removal.shrinking import PrunePlan
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack


def _bytes(value: str | int) -> int:
    return value if isinstance(value, int) else parse_size_bytes(value)


def _age(value: str | float) -> float:
    return parse_duration_s(value, name="max unused")


@takes(state=shared_options)
def prune(
    max_size: Annotated[
        int | None, typer.Option("--max-size", parser=_bytes, metavar="SIZE", help="Instead of `cache.max_size`.")
    ] = None,
    min_free: Annotated[
        int | None, typer.Option("--min-free", parser=_bytes, metavar="SIZE", help="Instead of `cache.min_free`.")
    ] = None,
    max_unused: Annotated[
        float | None, typer.Option("--max-unused", parser=_age, metavar="TIME", help="Instead of `cache.max_unused`.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    now: Now = False,
    wait: Wait = WAIT_S,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """Keep the cache within its limits: the plan, the question, the deed. Exit code 1 when that cannot be done.

    The trash goes first, then what expired, what a library has, and what takes a job to make again; of these what was
    unused for longest. What was paid for, is pinned or in use stays. Done for want of room, it cannot be undone.
    """
    printer = printer_for(state, as_json=as_json)
    given = {"max_size_bytes": max_size, "min_free_bytes": min_free, "max_unused_s": max_unused}
    wanted = {name: value for name, value in given.items() if value is not None}
    planned = with_stack(
        state, printer, lambda stack: _planned(stack, replace(stack.storage.limits, **wanted), wait_s=wait)
    )
    if not as_json:
        _print(planned, printer)
    report: RemovalReport | None = None
    if not dry_run and not planned.is_empty:
        ask(state, f"pruning {entries(len(planned.deletion.entries))}", yes=yes)
        report = with_stack(state, printer, lambda stack: _done(stack, planned, keep=not now))
        _tell(report, printer)
    if as_json:
        printer.document(_document(planned, report, dry_run=dry_run))
    if planned.short_bytes and not dry_run:
        raise _shortage(planned)
    return 0


async def _planned(stack: Stack, limits: Limits, *, wait_s: float) -> PrunePlan:
    async def look() -> PrunePlan:
        return await stack.cache.shrink(lambda shrinking, now: shrinking.plan_prune(limits, now))

    # What is in use matters only where it is what is missing.
    return await when_released(
        look, lambda plan: bool(plan.short_bytes and plan.deletion.kept_in_use), clock=stack.clock, limit_s=wait_s
    )


async def _done(stack: Stack, planned: PrunePlan, *, keep: bool) -> RemovalReport:
    return await stack.cache.shrink(lambda shrinking, now: shrinking.prune(planned, now, keep=keep))


def _print(planned: PrunePlan, printer: Printer) -> None:
    print_going(planned.deletion, printer)
    why = ", ".join(f"{count:,} {reason.value}" for reason, count in planned.reasons.items())
    total, freed = human_size(planned.use.total_bytes), human_size(planned.freed_bytes)
    printer.note(f"the cache takes {total}; {entries(len(planned.deletion.entries))} would go"
                 f"{f' ({why})' if why else ''}, {freed} would be freed")  # fmt: skip
    if planned.trash:
        printer.note(f"the trash would go first: {human_size(sum(batch.size_bytes for batch in planned.trash))}")
    print_terms(planned.deletion, printer)
    if planned.short_bytes:
        printer.note(
            f"{human_size(planned.short_bytes)} more would be needed; what is left is paid for, pinned or in use"
        )


def _tell(report: RemovalReport, printer: Printer) -> None:
    size = human_size(report.freed_bytes)
    if report.undoable:
        printer.note(f"pruned {entries(report.removed)}, {size}; for 24 hours `assetctl cache undo` brings them back")
    else:
        printer.note(f"pruned {entries(report.removed)}, freed {size}")


def _shortage(planned: PrunePlan) -> CacheError:
    return CacheError(
        f"the cache is still {human_size(planned.short_bytes)} over its limits",
        why="what is left in it is paid for, pinned or in use",
        hint="see `assetctl cache ls --state paid --sort size`; name what may go in `assetctl cache clear KEY`, or"
        " raise `cache.max_size`",
    )


def _document(planned: PrunePlan, report: RemovalReport | None, *, dry_run: bool) -> dict[str, Any]:
    use = planned.use
    return {
        "schema": "assetctl.prune/1",
        "done": report is not None or (planned.is_empty and not dry_run),
        **plan_document(planned.deletion),
        "reasons": {reason.value: count for reason, count in planned.reasons.items()},
        "use_bytes": use.total_bytes,
        "trash_bytes": use.trash_bytes,
        "stray_bytes": use.stray_bytes,
        "free_bytes": use.free_bytes,
        "freed_bytes": planned.freed_bytes if report is None else report.freed_bytes,
        "short_bytes": planned.short_bytes,
        "removed": 0 if report is None else report.removed,
        "undoable": report is not None and report.undoable,
    }
