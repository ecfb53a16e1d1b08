"""`assetctl cache pin` and `unpin`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from assetctl.cache.index.filters import EntryFilter
from assetctl.cli.cache_options import filter_options, only_one
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.errors import InvalidRequest
from assetctl.units import counted

if TYPE_CHECKING:
    from assetctl.cache.store import AssetCache
    from assetctl.wiring import Stack

All = Annotated[bool, typer.Option("--all", help="Really all entries, when no filter is given.")]


@takes(chosen=filter_options, state=shared_options)
def pin(chosen: EntryFilter, everything: All = False, as_json: Json = False, *, state: CliState) -> int:
    """Keep entries: what is pinned is never thrown away unless somebody names it. Exit code 7 for an unknown key."""
    return _set(chosen, everything=everything, as_json=as_json, state=state, pinned=True)


@takes(chosen=filter_options, state=shared_options)
def unpin(chosen: EntryFilter, everything: All = False, as_json: Json = False, *, state: CliState) -> int:
    """Let entries go again when room is needed. Exit code 7 for an unknown key."""
    return _set(chosen, everything=everything, as_json=as_json, state=state, pinned=False)


def _set(chosen: EntryFilter, *, everything: bool, as_json: bool, state: CliState, pinned: bool) -> int:
    verb = "pin" if pinned else "unpin"
    if chosen == EntryFilter() and not everything:
        raise InvalidRequest(f"nothing says what to {verb}", hint="name a key or a filter, or `--all` for everything")
    printer = printer_for(state, as_json=as_json)

    async def work(stack: Stack) -> tuple[list[str], int]:
        keys = await _chosen_keys(stack.cache, chosen)
        return keys, await stack.cache.set_pinned(keys, pinned=pinned)

    keys, changed = with_stack(state, printer, work)
    if as_json:
        printer.document({"schema": "assetctl.pin/1", "pinned": pinned, "keys": keys, "changed": changed})
    elif state.quiet:
        for key in keys:
            printer.line(key)
    else:
        already = f" ({len(keys) - changed:,} already were)" if changed < len(keys) else ""
        printer.note(f"{verb}ned {counted(len(keys), 'entry', 'entries')}{already}")
    return 0


async def _chosen_keys(cache: AssetCache, chosen: EntryFilter) -> list[str]:
    # Keys by themselves mean one entry each; beside other conditions they narrow them, as in a listing.
    prefixes = chosen.key_prefixes
    if prefixes and chosen == replace(EntryFilter(), key_prefixes=prefixes):
        return [only_one(await cache.find_by_prefix(prefix), prefix).key for prefix in prefixes]
    return await cache.keys(chosen, "key")
