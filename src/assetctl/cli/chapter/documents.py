"""Chapters as JSON: what a plan takes, what became of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import asset_document, error_document
from assetctl.prefetch.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from assetctl.prefetch.planning import ChapterPlan
    from assetctl.prefetch.results import Result, Summary
    from assetctl.prefetch.tallies import Tally

PLAN_SCHEMA: Final = "assetctl.chapter_plan/1"
PREFETCH_SCHEMA: Final = "assetctl.prefetch/1"


def plan_document(plan: ChapterPlan, at_once: int) -> dict[str, Any]:
    """The plan as a document."""
    check = plan.check
    return {
        "schema": PLAN_SCHEMA,
        "manifest": None if check is None else check.name,
        "chapter": {"id": check.chapter_id, "title": check.title} if check is not None else None,
        "duplicates": 0 if check is None else check.duplicates,
        "chosen": plan.chosen,
        **tally_document(plan.total, at_once),
        "sources": plan.total.all_sources(),
        "scenes": [
            {"scene_id": scene or None, **tally_document(tally, at_once)} for scene, tally in plan.scenes.items()
        ],
        "troubles": [
            {
                "scene_id": item.request.scene_id,
                "choice_id": item.request.choice_id,
                "key": item.key,
                "error": error_document(error),
            }
            for item, error in plan.troubles
        ],
        "other_scenes": tally_document(plan.others, at_once) if plan.others.items else None,
    }


def tally_document(tally: Tally, at_once: int) -> dict[str, Any]:
    """Sums over items; a cost or a time is a range and beside it for how many it is unknown.

    A shortest time without a longest one is what ordering takes alone.
    """
    low, high = tally.span_s(at_once)
    return {
        "items": tally.items,
        "takes": {deed.value: count for deed, count in tally.counts.items()},
        "bytes_here": tally.bytes_here,
        "bytes_to_fetch": tally.bytes_to_fetch,
        "files_of_unknown_size": tally.unsized,
        "new_orders": tally.new_orders,
        "paid_orders": tally.paid_orders,
        "cost_low": _amounts(tally.money.low),
        "cost_high": _amounts(tally.money.high),
        "cost_unknown_for": tally.money.unknown,
        "seconds_low": low,
        "seconds_high": high,
        "seconds_unknown_for": tally.time.unknown,
        "orders_per_minute": {name: turns.per_minute for name, turns in tally.turns.items()},
    }


def result_document(result: Result) -> dict[str, Any]:
    """One line of `prefetch --json`: what became of an item."""
    item, asset = result.item, result.asset
    return {
        "schema": PREFETCH_SCHEMA,
        "event": "item",
        "item": item.number,
        "id": item.label,
        "scene_id": item.request.scene_id,
        "choice_id": item.request.choice_id,
        "key": item.key,
        "outcome": result.outcome.value,
        "asset": None if asset is None else asset_document(asset),
        "output": None if result.output is None else str(result.output),
        "error": None if result.error is None else error_document(result.error),
    }


def summary_document(summary: Summary, total: int, seconds: float, exit_code: int) -> dict[str, Any]:
    """The last line of `prefetch --json`."""
    counts = summary.counts_of(total)
    return {
        "schema": PREFETCH_SCHEMA,
        "event": "summary",
        "items": total,
        "outcomes": {outcome.value: counts[outcome] for outcome in Outcome},
        "spent": _amounts(summary.spent),
        "unpriced": summary.unpriced,
        "seconds": round(seconds, 3),
        "exit_code": exit_code,
    }


def _amounts(sums: Mapping[str, Decimal]) -> list[dict[str, str]]:
    return [{"amount": str(amount), "currency": currency} for currency, amount in sorted(sums.items())]
