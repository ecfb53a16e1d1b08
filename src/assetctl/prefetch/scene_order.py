"""In which order assets are told: as they come, those of one scene together even where it comes back later.

A chapter may be worked on in another order than the one its story branches in, and its manifest be written by hand.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: So many scenes are known again when they come back; one beyond them is told as another one, in a few bytes.
MAX_KNOWN: Final = 10_000


class SceneOrder:
    """The scenes of assets, added in the order in which these were planned."""

    def __init__(self) -> None:
        """Know none."""
        self._scene_of = array("q")
        self._known: dict[str, int] = {}
        self._scenes = 0
        self._last: str | None = None
        self._came_back = False
        self._order: Sequence[int] | None = None

    def add(self, scene_id: str) -> None:
        """One more asset, of that scene."""
        self._order = None
        if scene_id == self._last:
            self._scene_of.append(self._scene_of[-1])
            return
        self._last = scene_id
        known = self._known.get(scene_id)
        if known is None:
            known, self._scenes = self._scenes, self._scenes + 1
            if len(self._known) < MAX_KNOWN:
                self._known[scene_id] = known
        else:
            self._came_back = True
        self._scene_of.append(known)

    def order(self) -> Sequence[int]:
        """The assets by their places in the order in which they were added, as they are told."""
        if self._order is None:
            plain = range(len(self._scene_of))
            self._order = array("q", sorted(plain, key=self._scene_of.__getitem__)) if self._came_back else plain
        return self._order

    def spans(self) -> Iterator[tuple[int, int]]:
        """For each scene, the first of its assets in `order` and the one after its last."""
        start, order = 0, self.order()
        for end in range(1, len(order) + 1):
            if end == len(order) or self._scene_of[order[end]] != self._scene_of[order[start]]:
                yield start, end
                start = end
