"""`assetctl cache ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from assetctl.cache.entries import entry_document
from assetctl.cache.filters import EntryFilter, parse_sort
from assetctl.cli.cache_options import filter_options
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.units import counted, human_age, human_size

if TYPE_CHECKING:
    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.store import Totals
    from assetctl.wiring import Stack

_SHOWN_KEY: Final = 12


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

    async def work(stack: Stack) -> tuple[list[CacheEntry], Totals, float]:
        entries = await stack.cache.entries(chosen, sort, limit)
        return entries, await stack.cache.totals(chosen), stack.clock.now().timestamp()

    entries, totals, now_s = with_stack(state, printer, work)
    if as_json:
        printer.document([entry_document(entry) for entry in entries])
    elif state.quiet:
        for entry in entries:
            printer.line(entry.key)
    else:
        columns = ("key", "scene", "choice", "type", "size", "age", "used", "from")
        printer.table(columns, [_cells(entry, now_s) for entry in entries], right=("size",))
        printer.note(_totals_sentence(totals))
    return 0


def _cells(entry: CacheEntry, now_s: float) -> list[str]:
    return [
        entry.key[:_SHOWN_KEY],
        entry.request.scene_id or "-",
        entry.request.choice_id or "-",
        entry.asset_type.value,
        human_size(entry.size_bytes),
        human_age(now_s - entry.created_at.timestamp()),
        human_age(now_s - entry.last_used_at.timestamp()),
        entry.origin.provider,
    ]


def _totals_sentence(totals: Totals) -> str:
    return f"{counted(totals.count, 'entry', 'entries')}, {human_size(totals.size_bytes)}, {totals.paid_count:,} paid"
