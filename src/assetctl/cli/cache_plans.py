"""What the commands that make the cache smaller share: their options, the question, and the plan in words."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assetctl.cli.cache_options import SHOWN_KEY
from assetctl.cli.terminal import is_terminal, says_yes
from assetctl.documents import cost_document
from assetctl.errors import SpendRefused
from assetctl.units import counted, human_duration, human_size, parse_duration_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assetctl.cache.removal.candidates import Candidate, Price
    from assetctl.cache.removal.deletion import ClearPlan
    from assetctl.cli.output import Printer
    from assetctl.cli.state import CliState

_LISTED: Final = 50


def _seconds(value: str | float) -> float:
    return parse_duration_s(value, name="wait")


DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Now = Annotated[bool, typer.Option("--now", help="Free the room at once: nothing is kept for `cache undo`.")]
Wait = Annotated[
    float,
    typer.Option("--wait", parser=_seconds, metavar="2s", help="How long to wait for processes that use what goes."),
]
WAIT_S: Final = 2.0


def ask(state: CliState, what: str, *, yes: bool) -> None:
    """Somebody said yes to doing `what`.

    Raises:
        SpendRefused: nobody is there to ask.
    """
    if yes:
        return
    if state.no_input or not is_terminal(sys.stdin):
        raise SpendRefused(
            f"{what} needs a yes, and nobody is there to ask", hint="look with `--dry-run`, then add `--yes`"
        )
    if not says_yes("Delete them?"):
        raise SpendRefused(f"{what}: the answer was no, and nothing was done")


def entries(count: int) -> str:
    """`count` entries for a person."""
    return counted(count, "entry", "entries")


def print_going(planned: ClearPlan, printer: Printer) -> None:
    """What goes stands on stdout: whole keys when quiet, else a line each, and the first of very many."""
    shown = planned.entries if printer.quiet else planned.entries[:_LISTED]
    for one in shown:
        line = f"{one.key[:SHOWN_KEY]}  {_name(one)}  {human_size(one.size_bytes)}"
        printer.line(one.key if printer.quiet else line)
    if len(shown) < len(planned.entries):
        printer.note(f"and {entries(len(planned.entries) - len(shown))} more (`--quiet` and `--json` list all)")


def print_terms(planned: ClearPlan, printer: Printer) -> None:
    """What having it again would take, and what stays and why."""
    if planned.entries:
        printer.note(f"to have them again: {price_sentence(planned.price)}")
    for sentence in _kept(planned):
        printer.note(sentence)


def _name(one: Candidate) -> str:
    return " / ".join(name for name in (one.scene_id, one.choice_id) if name) or one.asset_id


def _kept(planned: ClearPlan) -> Iterator[str]:
    if planned.kept_paid:
        yield f"{len(planned.kept_paid):,} paid for are kept (`--include-paid` takes them too)"
    if planned.kept_pinned:
        yield f"{len(planned.kept_pinned):,} pinned are kept (name one by its key, or `assetctl cache unpin`)"
    if planned.kept_in_use:
        yield f"{len(planned.kept_in_use):,} in use are kept: {', '.join(planned.holders)}"


def price_sentence(price: Price) -> str:
    """What having entries again would cost and take: `0.80 USD, 35s of generation`."""
    parts = [f"{cost.amount} {cost.currency}" for cost in price.costs]
    if price.unknown_costs:
        parts.append(f"an unknown price for {price.unknown_costs:,}")
    if price.generation_s:
        parts.append(f"{human_duration(price.generation_s)} of generation")
    if price.unknown_times:
        parts.append(f"an unknown time for {price.unknown_times:,}")
    return ", ".join(parts) or "nothing, a library has them or a stand-in is drawn anew"


def plan_document(planned: ClearPlan) -> dict[str, Any]:
    """What every plan to delete says in JSON."""
    price = planned.price
    return {
        "keys": [one.key for one in planned.entries],
        "kept_paid": [one.key for one in planned.kept_paid],
        "kept_pinned": [one.key for one in planned.kept_pinned],
        "kept_in_use": [one.key for one in planned.kept_in_use],
        "holders": list(planned.holders),
        "costs": [cost_document(cost) for cost in price.costs],
        "unknown_costs": price.unknown_costs,
        "generation_s": price.generation_s,
        "unknown_times": price.unknown_times,
    }
