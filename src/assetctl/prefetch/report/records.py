"""What is written down of an asset while a run goes on: a document of its plan, and one of what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assetctl.documents import asset_document, error_document, estimate_document
from assetctl.models import AttemptOutcome

if TYPE_CHECKING:
    from assetctl.models import Asset
    from assetctl.prefetch.results import Result
    from assetctl.prefetch.walking import Planned


def asked_record(planned: Planned) -> dict[str, Any]:
    """What is asked for, and what that takes."""
    item, request = planned.item, planned.item.request
    availability = None if planned.decision is None else planned.decision.availability
    error = None if planned.decision is None else planned.decision.error
    return {
        "item": item.number,
        "id": item.label,
        "scene_id": request.scene_id,
        "choice_id": request.choice_id,
        "character_id": request.character_id,
        "location_id": request.location_id,
        "prompt": request.prompt,
        "type": request.asset_type.value,
        "style": None if request.style is None else request.style.value,
        "duration_s": request.duration_s,
        "key": item.key,
        "planned": planned.deed.value,
        "generator": None if availability is None else availability.generator,
        "is_paid": availability is not None and availability.is_paid,
        "estimate": None if availability is None else estimate_document(availability.estimate),
        "trouble": None if error is None else error_document(error),
    }


def found_record(result: Result, seconds: float | None) -> dict[str, Any]:
    """What became of it, after `seconds` of work; empty when there is nothing to tell."""
    if result.asset is None and result.error is None:
        return {}
    asset = result.asset
    return {
        "asset": None if asset is None else asset_document(asset),
        "output": None if result.output is None else str(result.output),
        "error": None if result.error is None else error_document(result.error),
        "trouble": None if asset is None else trouble_of(asset),
        "seconds": None if seconds is None else round(seconds, 3),
    }


def cached_record(asset: Asset) -> dict[str, Any]:
    """What was here before, and nobody had to touch."""
    return {"asset": asset_document(asset)}


def trouble_of(asset: Asset) -> str | None:
    """What the last provider that was in trouble said before `asset` came; None when none was."""
    told = [attempt.detail for attempt in asset.attempts if attempt.outcome is AttemptOutcome.ERROR]
    return told[-1] if told else None
