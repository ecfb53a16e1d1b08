"""How much of a chapter is there: a state for each item, nothing done for any of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.walking import Walk

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from assetctl.cache.store import AssetCache
    from assetctl.prefetch.deeds import Selection
    from assetctl.prefetch.manifest.reading import ManifestCheck
    from assetctl.prefetch.manifest.source import ManifestSource
    from assetctl.prefetch.walking import Planned
    from assetctl.service import AssetService


class Cover(StrEnum):
    """How it stands with an item.

    `stale` was cached once and is no answer any more: its time is over, or its source has changed.
    """

    CACHED = "cached"
    LIBRARY = "library"
    JOB = "job"
    STALE = "stale"
    PLACEHOLDER = "placeholder"
    MISSING = "missing"
    TROUBLE = "trouble"


COVERED: Final = frozenset({Cover.CACHED, Cover.LIBRARY})
_BY_DEED: Final = {
    Deed.HERE: Cover.CACHED,
    Deed.FETCH: Cover.LIBRARY,
    Deed.JOIN: Cover.JOB,
    Deed.TROUBLE: Cover.TROUBLE,
}


@dataclass(slots=True)
class Coverage:
    """The state of each item: `scenes` maps a scene's id to its choices, each with its state; both in their order."""

    scenes: dict[str, dict[str, Cover]] = field(default_factory=dict[str, dict[str, Cover]])
    counts: dict[Cover, int] = field(default_factory=lambda: dict.fromkeys(Cover, 0))
    check: ManifestCheck | None = None

    @property
    def items(self) -> int:
        """How many items there are."""
        return sum(self.counts.values())

    @property
    def percent(self) -> float:
        """The share that is there, of 100; all of nothing is 100."""
        covered = sum(self.counts[cover] for cover in COVERED)
        return 100.0 * covered / self.items if self.items else 100.0

    def add(self, planned: Planned, cover: Cover) -> None:
        """One more item."""
        request = planned.item.request
        choices = self.scenes.setdefault(request.scene_id or "", {})
        name = request.choice_id or ""
        # Two items of one moment, such as its picture and its sound: the second has a name of its own.
        choices[name if name not in choices else f"{name} ({planned.item.number})"] = cover
        self.counts[cover] += 1


async def cover_chapter(
    source: ManifestSource,
    service: AssetService,
    cache: AssetCache,
    selection: Selection,
    cards: Container[str],
) -> Coverage:
    """How it stands with the items of the scenes that `selection` has; `cards` are the keys with a placeholder.

    Raises:
        ManifestError: the manifest was changed meanwhile.
        CacheError: the cache cannot be used.
    """
    coverage, walk = Coverage(), Walk(source, service, selection)
    async for piece in walk.pieces():
        known = await cache.lookup_all(_uncovered(piece))
        for planned in piece:
            coverage.add(planned, _cover(planned, known, cards))
    coverage.check = walk.check()
    return coverage


def _uncovered(piece: Sequence[Planned]) -> list[str]:
    return [planned.item.key for planned in piece if planned.deed not in _BY_DEED]


def _cover(planned: Planned, known: Container[str], cards: Container[str]) -> Cover:
    if planned.deed in _BY_DEED:
        return _BY_DEED[planned.deed]
    if planned.item.key in known:
        return Cover.STALE
    return Cover.PLACEHOLDER if planned.item.key in cards else Cover.MISSING
