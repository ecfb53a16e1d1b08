"""`assetctl cache stats`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assetctl.cache.usage.openmetrics import openmetrics, write_openmetrics
from assetctl.cache.usage.statistics import Statistics, collect, seconds, statistics_document
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.units import counted, human_duration, human_size

if TYPE_CHECKING:
    from assetctl.cache.usage.tallies import Usage
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack


@takes(state=shared_options)
def show_statistics(
    top: Annotated[int, typer.Option("--top", min=1, max=10_000, metavar="N", help="Groups shown, largest first.")] = 5,
    metrics: Annotated[
        Path | None,
        typer.Option("--openmetrics", metavar="FILE", help="Write them there for monitoring; `-` is stdout."),
    ] = None,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """What is cached, and what that saves: entries and bytes, hit rates, time and money."""
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> Statistics:
        return await collect(stack.cache, stack.data.usage, clock=stack.clock, top=top)

    found = with_stack(state, printer, work)
    if metrics == Path("-"):
        printer.bytes(openmetrics(found).encode())
        return 0
    if metrics is not None:
        write_openmetrics(metrics, found)
        printer.note(f"written to {metrics}")
    if as_json:
        printer.document(statistics_document(found))
    elif metrics is None:
        _print_holdings(found, printer)
        _print_usage(found, printer)
    return 0


def _print_holdings(found: Statistics, printer: Printer) -> None:
    totals = found.totals
    printer.line(
        f"{counted(totals.count, 'entry', 'entries')} ({totals.pinned_count:,} pinned, {totals.paid_count:,} paid), "
        f"{human_size(totals.size_bytes)} on disk, {human_size(totals.logical_bytes)} without sharing"
    )
    rows = [
        [name, group.value or "-", f"{group.entries:,}", human_size(group.size_bytes)]
        for name, dimension in found.dimensions.items()
        for group in dimension.groups
    ]
    if rows:
        printer.line("")
        printer.table(("by", "which", "entries", "size"), rows, right=("entries", "size"))
    for name, dimension in found.dimensions.items():
        if dimension.count > len(dimension.groups):
            printer.note(
                f"the largest {len(dimension.groups):,} of {dimension.count:,} by {name}; `--top N` shows more"
            )


def _print_usage(found: Statistics, printer: Printer) -> None:
    used = found.usage
    periods = (("last run", used.run), ("today", used.today), ("30 days", used.recent), ("ever", used.ever))
    columns = ("requests", "answered", "hits", "of bytes", "of time", "time saved", "money saved")
    printer.line("")
    printer.table(columns, [_cells(name, usage) for name, usage in periods], right=columns[1:])
    unknown = used.ever.hits.requests - used.ever.hits.timed
    if unknown:
        printer.note(f"of {counted(unknown, 'hit', 'hits')} nobody knows how long making them took")


def _cells(name: str, usage: Usage) -> list[str]:
    saved = seconds(usage.hits)
    money = [f"{amount:f} {currency}" for currency, amount in sorted(usage.hits.money.items())]
    return [
        name,
        f"{usage.requests:,}",
        _percent(usage.hit_rate),
        _percent(usage.byte_hit_rate),
        _percent(usage.time_hit_rate),
        "-" if saved is None else human_duration(saved),
        ", ".join(money) or "-",
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
