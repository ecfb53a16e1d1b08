"""Runs that never were: what was planned and what became of it, as their reports are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetctl.errors import AssetctlError, JobFailed
from assetctl.explanation import Decision
from assetctl.models import (
    Asset,
    AssetRequest,
    AssetType,
    Attempt,
    AttemptOutcome,
    Availability,
    Cost,
    MediaInfo,
    Origin,
    Source,
    Would,
)
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.manifest.findings import Item
from assetctl.prefetch.report.facts import Facts
from assetctl.prefetch.results import Outcome, Result
from assetctl.prefetch.walking import Planned

if TYPE_CHECKING:
    from assetctl.prefetch.report.gathering import Gathering
    from assetctl.prefetch.report.states import State

HOSTILE = "</script><b onclick=x>`|\x1b[31m\u202eevil\n::error::]]> & \x00 \ud800"
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def item(number: int, scene: str | None, choice: str | None = None, **fields: Any) -> Item:
    request = AssetRequest(scene_id=scene, choice_id=choice, **fields)
    return Item(number, number, request, f"{number:064x}")


def planned(of: Item, deed: Deed = Deed.MAKE) -> Planned:
    return Planned(of, deed, Decision("some", Availability(Would.GENERATE, generator="shop")))


def asset(of: Item, source: Source = Source.GENERATED, **fields: Any) -> Asset:
    known = Asset(
        asset_id=f"asset-{of.number}",
        path=Path(f"/cache/{of.number}.mp4"),
        asset_type=AssetType.VIDEO,
        source=source,
        origin=Origin("generator:shop", NOON, "shop", "model-1", f"job-{of.number}"),
        sha256="ab" * 32,
        size_bytes=1_500_000,
        media=MediaInfo("video/mp4", 5.0, 1280, 720),
        request=of.request,
        key=of.key,
        cost=Cost(Decimal("0.40"), "USD"),
    )
    return replace(known, **fields)


def failed(of: Item, what: str = "the shop refuses this prompt") -> Result:
    return Result(of, Outcome.FAILED, error=JobFailed(what, why="it is rude", hint="write another one"))


def card(of: Item, trouble: str = "the shop is closed") -> Result:
    attempts = (Attempt("generator", AttemptOutcome.ERROR, 12.0, trouble),)
    return Result(of, Outcome.PLACEHOLDER, asset(of, Source.PLACEHOLDER, cost=None, attempts=attempts))


def made(of: Item) -> Result:
    return Result(of, Outcome.GENERATED, asset(of))


def facts_of(gathering: Gathering, **fields: Any) -> Facts:
    counts: dict[State, int] = gathering.counts()
    known = Facts(
        tool="assetctl 1.2.3",
        run_id="run-1",
        manifest="chapter.toml",
        chapter_id="chapter-1",
        title="First date",
        is_plan=not gathering.has_begun,
        started_at=NOON,
        ended_at=NOON,
        seconds=61.5,
        exit_code=5,
        plan={"items": len(gathering)},
        plan_sentence="3 assets: 3 to generate",
        budget={"max_generations": 20},
        counts=counts,
        spent={"USD": Decimal("0.80")},
        unpriced=0,
    )
    return replace(known, **fields)


def an_evening(gathering: Gathering) -> Facts:
    """Two scenes with something of everything; the second was interrupted."""
    items = [
        item(1, "opening", prompt="A park at dusk"),
        item(2, "romance_5", "confess", prompt="She says it at last", location_id="park"),
        item(3, "romance_5", "wait", prompt=HOSTILE.replace("\ud800", "")),
        item(4, "romance_5", "leave"),
        item(5, "romance_5", "stay"),
        item(6, "ending"),
    ]
    deeds = [Deed.HERE, Deed.MAKE, Deed.MAKE, Deed.MAKE, Deed.FETCH, Deed.MAKE]
    for one, deed in zip(items, deeds, strict=True):
        gathering.plan(planned(one, deed))
    gathering.has_begun = True
    gathering.passed(items[0])
    # In another order than they were planned in.
    gathering.ended(card(items[3], HOSTILE.replace("\ud800", "")), 2.0)
    gathering.ended(failed(items[2], HOSTILE.replace("\ud800", "")), 3.5)
    gathering.ended(made(items[1]), 12.25)
    gathering.ended(Result(items[4], Outcome.FETCHED, asset(items[4], Source.PRE_MADE, cost=None)), 0.1)
    return facts_of(gathering, ended_by=AssetctlError("it was interrupted"))
