"""`assetctl cache`: what is cached, and getting rid of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cache.entries import entry_document
from assetctl.cache.filters import EntryFilter, parse_filter, parse_sort
from assetctl.cli.options import Json, one_of, words_of
from assetctl.cli.output import is_terminal
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.documents import cost_document
from assetctl.errors import InvalidRequest, SpendRefused
from assetctl.models import AssetType, Source
from assetctl.units import human_age, human_size

if TYPE_CHECKING:
    from assetctl.cache.deletion import ClearPlan
    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.store import Totals
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack

app = command_app("Look after the cache.")

_SHOWN_KEY = 12


def filter_options(
    key_prefix: Annotated[str | None, typer.Argument(metavar="[KEY-PREFIX]", help="How the keys begin.")] = None,
    scene: Annotated[str | None, typer.Option("--scene", metavar="ID", help="Of this scene.")] = None,
    choice: Annotated[str | None, typer.Option("--choice", metavar="ID", help="Of this choice.")] = None,
    character: Annotated[str | None, typer.Option("--character", metavar="ID", help="Of this character.")] = None,
    location: Annotated[str | None, typer.Option("--location", metavar="ID", help="Of this location.")] = None,
    asset_type: Annotated[
        AssetType | None,
        typer.Option(
            "--type", parser=one_of("type", AssetType), autocompletion=words_of(AssetType), help="Of this type."
        ),
    ] = None,
    source: Annotated[
        Source | None,
        typer.Option("--source", parser=one_of("source", Source), help="How they came first: pre_made or generated."),
    ] = None,
    generator: Annotated[
        str | None, typer.Option("--generator", metavar="NAME", help="Made by this generator.")
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="COND", help="`size>100MB`, `unused>30d`, `age>90d`, `cost>1`; all must hold."
        ),
    ] = None,
) -> EntryFilter:
    """The entries that these options choose; all without any."""
    return EntryFilter(
        key_prefix=key_prefix,
        scene_id=scene,
        choice_id=choice,
        character_id=character,
        location_id=location,
        asset_type=asset_type,
        source=source,
        generator=generator,
        comparisons=tuple(parse_filter(text) for text in conditions or []),
    )


@app.command("ls", epilog="Example: assetctl cache ls --scene romance_5 --sort size")
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


@app.command("path", epilog="Example: assetctl cache path")
@takes(state=shared_options)
def show_path(as_json: Json = False, *, state: CliState) -> int:
    """The folder of the cache."""
    printer = printer_for(state, as_json=as_json)
    folder = state.load_settings().data_dir / "cache"
    if as_json:
        printer.document({"path": str(folder)})
    else:
        printer.path(folder)
    return 0


@app.command("clear", epilog="Example: assetctl cache clear --scene romance_5 --dry-run")
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
        printer.note(f"cleared {len(planned.entries):,} entries, freed {human_size(freed)}")
    if as_json:
        printer.document(_plan_document(planned, done=not dry_run))
    return 0


def _ask(state: CliState, planned: ClearPlan, *, yes: bool) -> None:
    if yes:
        return
    if state.no_input or not is_terminal(sys.stdin):
        raise SpendRefused(
            f"clearing {len(planned.entries):,} entries needs a yes, and nobody is there to ask",
            hint="look with `--dry-run`, then add `--yes`",
        )
    typer.confirm("Delete them?", abort=True, err=True)


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
    noun = "entry" if totals.count == 1 else "entries"
    return f"{totals.count:,} {noun}, {human_size(totals.size_bytes)}, {totals.paid_count:,} paid"


def _print_plan(planned: ClearPlan, printer: Printer) -> None:
    for entry in planned.entries:
        names = " / ".join(name for name in (entry.request.scene_id, entry.request.choice_id) if name)
        printer.line(f"{entry.key[:_SHOWN_KEY]}  {names or entry.asset_id}  {human_size(entry.size_bytes)}")
    printer.note(f"{len(planned.entries):,} entries would go, {human_size(planned.freed_bytes)} would be freed")
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
