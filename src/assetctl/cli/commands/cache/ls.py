"""`assetctl cache ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cache.entries import entry_document
from assetctl.cache.index.filters import EntryFilter, parse_sort
from assetctl.cli.cache_options import SHOWN_KEY, filter_options
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.documents import timestamp
from assetctl.units import counted, human_age, human_size

if TYPE_CHECKING:
    from datetime import datetime

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.index.index import Totals
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack


@takes(chosen=filter_options, state=shared_options)
def list_entries(
    chosen: EntryFilter,
    sort: Annotated[str, typer.Option("--sort", metavar="FIELD[:asc|desc]", help="The order.")] = "created",
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many.")] = None,
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """What is cached. Nothing cached is an empty list and exit code 0."""
    printer = printer_for(state, as_json=as_json)
    parse_sort(sort)

    async def work(stack: Stack) -> None:
        if as_json:
            printer.document([listed_document(entry) for entry in await stack.cache.entries(chosen, sort, limit)])
        elif state.quiet:
            for key in await stack.cache.keys(chosen, sort, limit):
                printer.line(key)
        else:
            entries = await stack.cache.entries(chosen, sort, limit)
            _print_table(entries, await stack.cache.totals(chosen), stack.clock.now(), printer)

    with_stack(state, printer, work)
    return 0


def listed_document(entry: CacheEntry) -> dict[str, Any]:
    """All that a listing knows of `entry`, as JSON values."""
    return {**entry_document(entry), "verified_at": timestamp(entry.verified_at)}


def _print_table(entries: list[CacheEntry], totals: Totals, now: datetime, printer: Printer) -> None:
    columns = ["key", "scene", "choice", "type", "size", "age", "used", "from"]
    rows = [_cells(entry, now) for entry in entries]
    states = [_states(entry, now) for entry in entries]
    if any(states):
        columns.append("state")
        rows = [[*row, text] for row, text in zip(rows, states, strict=True)]
    printer.table(columns, rows, right=("size",))
    printer.note(_totals_sentence(totals))


def _cells(entry: CacheEntry, now: datetime) -> list[str]:
    return [
        entry.key[:SHOWN_KEY],
        entry.request.scene_id or "-",
        entry.request.choice_id or "-",
        entry.asset_type.value,
        human_size(entry.size_bytes),
        _age(now, entry.created_at),
        _age(now, entry.last_used_at),
        # Which kind of maker it was shows in its name; a narrow terminal has better use for the room.
        entry.origin.provider.rpartition(":")[2],
    ]


def _age(now: datetime, then: datetime) -> str:
    # A column has no room for whole phrases: `5m`, `12d`, `now`.
    return human_age((now - then).total_seconds()).removesuffix(" ago").removeprefix("just ")


def _states(entry: CacheEntry, now: datetime) -> str:
    states = (("pinned", entry.pinned), ("paid", entry.paid), ("expired", not entry.is_current(now)))
    return ", ".join(name for name, holds in states if holds)


def _totals_sentence(totals: Totals) -> str:
    entries = counted(totals.count, "entry", "entries")
    return f"{entries}, {human_size(totals.size_bytes)}, {totals.pinned_count:,} pinned, {totals.paid_count:,} paid"
