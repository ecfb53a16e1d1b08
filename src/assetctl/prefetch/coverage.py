"""How much of a chapter is there: a state for each item, nothing done for any of them."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from assetctl.errors import StorageFull
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.scene_order import SceneOrder
from assetctl.prefetch.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from assetctl.cache.store import AssetCache
    from assetctl.generation.journal import Journal
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.manifest.reading import ManifestCheck
    from assetctl.prefetch.walking import Planned, Walk


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
_COVERS: Final = tuple(Cover)
_CODES: Final = {cover: code for code, cover in enumerate(_COVERS)}


@dataclass(frozen=True, slots=True)
class CoveredItem:
    """An item of a scene; `number` is that of the item in its chapter."""

    number: int
    choice_id: str | None
    cover: Cover


@dataclass(frozen=True, slots=True)
class CoveredScene:
    """A scene and how it stands with its items, which are read when they are walked, as often as they are."""

    scene_id: str | None
    counts: Mapping[Cover, int]
    items: Iterable[CoveredItem]

    @property
    def covered(self) -> int:
        """How many of its items are there."""
        return sum(self.counts[cover] for cover in COVERED)

    @property
    def size(self) -> int:
        """How many items it has."""
        return sum(self.counts.values())


class Coverage:
    """The state of each item. Their names are kept on disk, and in memory a few bytes for each. To be closed."""

    def __init__(self, folder: Path) -> None:
        """Keep names in `folder`.

        Raises:
            CacheError: nothing can be written there.
        """
        self.counts = dict.fromkeys(Cover, 0)
        self.check: ManifestCheck | None = None
        self._scratch = Scratch(folder)
        self._starts = array("q", [0])
        self._covers = bytearray()
        self._scene_order = SceneOrder()

    def close(self) -> None:
        """Nothing is left of it."""
        self._scratch.close()

    @property
    def items(self) -> int:
        """How many items there are."""
        return sum(self.counts.values())

    @property
    def covered(self) -> int:
        """How many of them are there."""
        return sum(self.counts[cover] for cover in COVERED)

    @property
    def percent(self) -> float:
        """The share that is there, of 100; all of nothing is 100."""
        return 100.0 * self.covered / self.items if self.items else 100.0

    def percent_down_to(self, digits: int) -> float:
        """`percent` rounded down to so many decimal places: 100 only where nothing is missing."""
        scale = 10**digits
        return 100 * scale * self.covered // self.items / scale if self.items else 100.0

    def add(self, item: Item, cover: Cover) -> None:
        """One more item.

        Raises:
            StorageFull: neither disk nor memory has room for its name.
        """
        request = item.request
        record = json.dumps((request.scene_id, request.choice_id, item.number)).encode()
        start = self._scratch.append(record)
        if start is None:
            raise StorageFull("no disk has room for the names of the chapter's assets")
        self._starts.append(start + len(record))
        self._covers.append(_CODES[cover])
        self._scene_order.add(request.scene_id or "")
        self.counts[cover] += 1

    def scenes(self) -> Iterator[CoveredScene]:
        """The scenes in their order, each with all its items.

        Raises:
            CacheError: their names cannot be read any more.
        """
        order = self._scene_order.order()
        for start, end in self._scene_order.spans():
            positions = order[start:end]
            covers = Counter(_COVERS[self._covers[position]] for position in positions)
            scene_id, _, _ = self._record(positions[0])
            yield CoveredScene(scene_id, covers, _CoveredItems(self, positions))

    def item_at(self, position: int) -> CoveredItem:
        """The item that was added after `position` others."""
        _, choice_id, number = self._record(position)
        return CoveredItem(number, choice_id, _COVERS[self._covers[position]])

    def _record(self, position: int) -> tuple[str | None, str | None, int]:
        start, end = self._starts[position], self._starts[position + 1]
        scene_id, choice_id, number = json.loads(self._scratch.read(start, end - start))
        return scene_id, choice_id, number


@dataclass(frozen=True, slots=True)
class _CoveredItems:
    coverage: Coverage
    positions: Sequence[int]

    def __iter__(self) -> Iterator[CoveredItem]:
        return map(self.coverage.item_at, self.positions)


async def cover_chapter(
    walk: Walk, cache: AssetCache, journal: Journal, cards: Container[str], coverage: Coverage
) -> None:
    """`coverage` has the items of `walk`; `cards` are the keys with a placeholder.

    Raises:
        ManifestError: the manifest was changed meanwhile.
        CacheError: the cache cannot be used.
        JournalError: the journal can't be read.
    """
    async for piece in walk.pieces():
        uncovered = _uncovered(piece)
        # Who makes it may not be asked, such as offline: the journal knows of the job all the same.
        jobs = await journal.sent(uncovered)
        known = await cache.lookup_all(uncovered)
        for planned in piece:
            coverage.add(planned.item, _cover(planned, jobs, known, cards))
    coverage.check = walk.check()


def _uncovered(piece: Sequence[Planned]) -> list[str]:
    return [planned.item.key for planned in piece if planned.deed not in _BY_DEED]


def _cover(planned: Planned, jobs: Container[str], known: Container[str], cards: Container[str]) -> Cover:
    if planned.deed in _BY_DEED:
        return _BY_DEED[planned.deed]
    if planned.item.key in jobs:
        return Cover.JOB
    if planned.item.key in known:
        return Cover.STALE
    return Cover.PLACEHOLDER if planned.item.key in cards else Cover.MISSING
