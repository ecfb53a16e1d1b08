"""What a chapter would take, known before anything is done: one walk, each provider asked once for each piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from assetctl.events import ItemsPlanned
from assetctl.prefetch.deeds import Selection
from assetctl.prefetch.results import stops_all
from assetctl.prefetch.tallies import Tally
from assetctl.prefetch.walking import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from assetctl.errors import AssetctlError
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.manifest.reading import ManifestCheck
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.prefetch.walking import Planned
    from assetctl.service import AssetService

#: So many scenes are told apart; what comes after them is one sum, so that no manifest fills the memory with scenes.
MAX_SCENES: Final = 10_000
_TROUBLES_KEPT: Final = 100


@dataclass(slots=True)
class ChapterPlan:
    """What the items that `selection` chose take.

    `scenes` maps scene ids in their order; `others` sums what lies beyond `MAX_SCENES`. `check` says what was found of
    the manifest; with a mistake in it the sums are not complete. `troubles` are the first of the items that are in
    trouble, `obstacle` is one that all of the chapter is up against.
    """

    selection: Selection = field(default_factory=Selection)
    total: Tally = field(default_factory=Tally)
    scenes: dict[str, Tally] = field(default_factory=dict[str, Tally])
    others: Tally = field(default_factory=Tally)
    chosen: int = 0
    check: ManifestCheck | None = None
    troubles: list[tuple[Item, AssetctlError]] = field(default_factory=list[tuple["Item", "AssetctlError"]])
    obstacle: AssetctlError | None = None

    def add(self, planned: Planned, *, is_wanted: bool) -> None:
        """One more item; those that are not wanted count only where they are here."""
        availability = None if planned.decision is None else planned.decision.availability
        self.chosen += is_wanted
        for tally in (self.total, self._tally(planned.item.request.scene_id or "")):
            tally.add(planned.deed, availability)
        if planned.decision is not None and planned.decision.error is not None:
            self._add_trouble(planned.item, planned.decision.error)

    def _add_trouble(self, item: Item, error: AssetctlError) -> None:
        if len(self.troubles) < _TROUBLES_KEPT:
            self.troubles.append((item, error))
        if self.obstacle is None and stops_all(error):
            self.obstacle = error

    def _tally(self, scene: str) -> Tally:
        known = self.scenes.get(scene)
        if known is not None:
            return known
        if len(self.scenes) >= MAX_SCENES:
            return self.others
        return self.scenes.setdefault(scene, Tally())


async def plan_chapter(
    source: ManifestSource,
    service: AssetService,
    selection: Selection,
    on_item: Callable[[Planned], None] | None = None,
    tell: Callable[[ItemsPlanned], None] | None = None,
) -> ChapterPlan:
    """What the items of `source` that `selection` wants take, and those that are here anyway; nothing is spent.

    `on_item` is told each of them in order, `tell` how far it is.

    Raises:
        ManifestError: the manifest was changed meanwhile.
        CacheError: the cache cannot be used.
    """
    plan, walk = ChapterPlan(selection), Walk(source, service, selection)
    counts_all = selection.counts_all
    seen = 0
    async for piece in walk.pieces():
        for planned in piece:
            is_wanted = selection.wants(planned.item, planned.deed)
            if is_wanted or counts_all:
                plan.add(planned, is_wanted=is_wanted)
                if on_item is not None:
                    on_item(planned)
        seen += len(piece)
        if tell is not None:
            tell(ItemsPlanned(None, seen, is_all=False))
    if tell is not None:
        tell(ItemsPlanned(None, seen, is_all=True))
    plan.check = walk.check()
    return plan
