"""A report for machines: one JSON document, `assetctl.report/1`, each asset on a line of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import error_document, timestamp
from assetctl.prefetch.manifest.findings import problem_document
from assetctl.prefetch.report.states import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from assetctl.prefetch.report.entries import Entry
    from assetctl.prefetch.report.facts import Facts
    from assetctl.prefetch.report.gathering import Gathering

REPORT_SCHEMA: Final = "assetctl.report/1"


def json_report(facts: Facts, gathering: Gathering) -> Iterator[str]:
    """The report, piece by piece."""
    head = json.dumps(_head(facts), indent=2).removesuffix("\n}")
    yield f'{head},\n  "items": ['
    separator = "\n    "
    for entry in gathering.entries():
        yield separator + json.dumps(_item(entry))
        separator = ",\n    "
    yield "\n  ]\n}\n"


def _head(facts: Facts) -> dict[str, Any]:
    return {
        "schema": REPORT_SCHEMA,
        "kind": "plan" if facts.is_plan else "run",
        "tool": facts.tool,
        "run_id": facts.run_id,
        "manifest": facts.manifest,
        "chapter": {"id": facts.chapter_id, "title": facts.title},
        "started_at": timestamp(facts.started_at),
        "ended_at": timestamp(facts.ended_at),
        "seconds": round(facts.seconds, 3),
        "exit_code": facts.exit_code,
        "is_partial": facts.is_partial,
        "partial": facts.partial_sentence(),
        "ended_by": None if facts.ended_by is None else error_document(facts.ended_by),
        "problems": [problem_document(problem) for problem in facts.problems],
        "count": facts.items,
        "delivered": facts.delivered,
        "left": facts.left,
        "states": {state.value: facts.counts.get(state, 0) for state in State},
        "spent": _amounts(facts.spent),
        "unpriced": facts.unpriced,
        "budget": dict(facts.budget),
        "plan": None if facts.plan is None else dict(facts.plan),
        "details_lost": facts.lost,
    }


def _amounts(sums: Mapping[str, Decimal]) -> list[dict[str, str]]:
    return [{"amount": str(amount), "currency": currency} for currency, amount in sorted(sums.items())]


def _item(entry: Entry) -> dict[str, Any]:
    asked = dict(entry.asked)
    trouble = asked.pop("trouble")
    return {
        **asked,
        "state": entry.state.value,
        "seconds": entry.found.get("seconds"),
        "asset": entry.asset,
        "output": entry.found.get("output"),
        "error": entry.found.get("error") or trouble,
    }
