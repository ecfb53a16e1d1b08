"""Decisions in words and JSON: what `explain`, `--dry-run` and `available` say of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from assetctl.documents import error_document, estimate_document, request_document
from assetctl.models import Would
from assetctl.units import human_duration

if TYPE_CHECKING:
    from assetctl.explanation import Explanation, Verdict
    from assetctl.models import Availability, Estimate

PLAN_SCHEMA: Final = "assetctl.plan/1"

_DEEDS: Final = {
    Would.NOTHING: "it is here already, from {provider}",
    Would.DOWNLOAD: "would be fetched from {provider}",
    Would.GENERATE: "would be generated",
    Would.PLACEHOLDER: "a placeholder would be delivered",
}


def plan_sentence(explanation: Explanation) -> str:
    """What would be done, in one line."""
    decisive = explanation.decisive
    if decisive is None:
        return "nobody would deliver this asset"
    return verdict_sentence(decisive)


def verdict_sentence(verdict: Verdict) -> str:
    """What one provider would do, in one line."""
    if verdict.skipped is not None:
        return f"skipped: {verdict.skipped}"
    if verdict.error is not None:
        return f"trouble: {verdict.error.what}"
    availability = verdict.availability
    if availability is None or availability.would is None:
        return "nothing for this request"
    deed = _DEEDS[availability.would].format(provider=verdict.provider)
    name = "" if availability.asset_id is None else f" as {availability.asset_id}"
    estimate = "" if availability.estimate is None else f" ({estimate_text(availability.estimate)})"
    return f"{deed}{name}{estimate}"


def estimate_text(estimate: Estimate) -> str:
    """Cost and time as ranges; what is unknown is called unknown."""
    return f"cost {_cost(estimate)}, time {_time(estimate)}"


def _cost(estimate: Estimate) -> str:
    low, high = estimate.cost_low, estimate.cost_high
    if low is None or high is None:
        return "unknown"
    if high.amount == 0:
        return "nothing"
    same = low.amount == high.amount
    return f"{low.amount} {low.currency}" if same else f"{low.amount} to {high.amount} {high.currency}"


def _time(estimate: Estimate) -> str:
    if estimate.seconds_low is None or estimate.seconds_high is None:
        return "unknown"
    return f"{human_duration(estimate.seconds_low)} to {human_duration(estimate.seconds_high)}"


def plan_document(explanation: Explanation) -> dict[str, Any]:
    """The whole decision as a document."""
    decisive = explanation.decisive
    return {
        "schema": PLAN_SCHEMA,
        "request": request_document(explanation.request),
        "key": explanation.key,
        "key_parts": explanation.parts,
        "decision": None if decisive is None else verdict_document(decisive),
        "providers": [verdict_document(verdict) for verdict in explanation.verdicts],
    }


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """One provider's verdict as a document."""
    return {
        "provider": verdict.provider,
        "elapsed_ms": round(verdict.elapsed_ms, 1),
        "skipped": verdict.skipped,
        "error": None if verdict.error is None else error_document(verdict.error),
        **availability_document(verdict.availability),
        "reasons": [] if verdict.availability is None else list(verdict.availability.reasons),
    }


def availability_document(availability: Availability | None) -> dict[str, Any]:
    """What delivering would take: `would`, `source`, `asset_id` and `estimate` of the contract."""
    if availability is None:
        return {"would": None, "source": None, "asset_id": None, "estimate": None}
    return {
        "would": availability.would,
        "source": availability.source,
        "asset_id": availability.asset_id,
        "estimate": estimate_document(availability.estimate),
    }
