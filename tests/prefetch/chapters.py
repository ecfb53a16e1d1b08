"""Chapters over a house of real parts and fakes: what tests of plans and runs stand on."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from manifest_samples import opened_source

from assetctl.events import ServiceAway, ServiceBack
from assetctl.prefetch.deeds import Deed, Selection
from assetctl.prefetch.planning import ChapterPlan, plan_chapter
from assetctl.prefetch.running import ChapterRun, Listener, Pace, Stop
from assetctl.prefetch.traces import Traces
from assetctl.providers.holdings import holdings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from assetctl.errors import AssetctlError
    from assetctl.events import Event
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.prefetch.results import Outcome, Result
    from assetctl.prefetch.walking import Planned
    from fakes import House

EVERYTHING = Selection()


@contextmanager
def chapter(folder: Path, *rows: dict[str, object] | str) -> Iterator[ManifestSource]:
    """A manifest in JSON Lines with these rows; a text is a scene's id."""
    path = folder / "chapter.jsonl"
    documents = [{"scene": row} if isinstance(row, str) else row for row in rows]
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    with opened_source(str(path), folder) as source:
        yield source


async def planned(
    house: House, source: ManifestSource, selection: Selection = EVERYTHING
) -> tuple[ChapterPlan, list[Planned]]:
    items: list[Planned] = []
    return await plan_chapter(source, house.service, selection, items.append), items


def taken(plan: ChapterPlan) -> dict[Deed, int]:
    return {deed: count for deed, count in plan.total.counts.items() if count}


@dataclass
class Heard(Listener):
    """What a run told."""

    begun: list[str | None] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    outages: list[str | None] = field(default_factory=list)
    refusals: list[AssetctlError] = field(default_factory=list)

    def began(self, item: Item) -> None:
        self.begun.append(item.request.scene_id)

    def ended(self, result: Result) -> None:
        self.results.append(result)

    def hear(self, event: Event) -> None:
        match event:
            case ServiceAway():
                assert event.limit_s > 0
                self.outages.append(event.what)
            case ServiceBack():
                self.outages.append(None)
            case _:
                pass

    def refused(self, why: AssetctlError) -> None:
        self.refusals.append(why)

    def stopping(self, why: Stop) -> None:
        self.stops.append(why)

    @property
    def outcomes(self) -> dict[str | None, Outcome]:
        return {result.item.request.scene_id: result.outcome for result in self.results}


def traces_of(house: House, sent: Callable[[Sequence[str]], Awaitable[Collection[str]]] | None = None) -> Traces:
    """However busy the machine is, what was left of what was cut off is looked up to the end."""
    return Traces(sent or house.journal.sent, partial(holdings, house.cache), look_s=30.0)


def run_of(
    house: House, source: ManifestSource, selection: Selection = EVERYTHING, **options: object
) -> tuple[ChapterRun, Heard]:
    heard = Heard()
    house.bus.subscribe(heard.hear)
    settings: dict[str, object] = {"pace": Pace(4, 4), "clock": house.clock, "listener": heard}
    settings |= {"traces": traces_of(house), "outages": house.outages}
    settings |= options
    return ChapterRun(source, house.service, selection, **settings), heard  # type: ignore[arg-type]
