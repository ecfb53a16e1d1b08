"""What a library was found to have a moment ago for many requests, so that each of them is fetched without a search.

Finding is not having: whoever opens a match has it confirmed by the library, and searches where that fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from assetctl.clock import Clock
    from assetctl.library.base import LibraryAsset

MAX_AGE_S: Final = 60.0
"""How long a match counts: a better one may come."""
MAX_KNOWN: Final = 6_000
"""How many are remembered, the latest: as many as a run has waiting."""


class Matches:
    """The best matches of one library by request key, each for one use; for one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Tell their age by `clock`."""
        self._clock = clock
        self._known: dict[str, tuple[LibraryAsset, float]] = {}

    def note(self, key: str, best: LibraryAsset, searched_at_s: float) -> None:
        """A search that began at `searched_at_s`, on the clock, found `best` for the request with this key."""
        self._known.pop(key, None)
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = best, searched_at_s

    def forget(self, key: str) -> None:
        """Nothing is known of the request with this key any more."""
        self._known.pop(key, None)

    def take(self, key: str) -> LibraryAsset | None:
        """What was found for it within `MAX_AGE_S` and not taken yet."""
        best, searched_at_s = self._known.pop(key, (None, 0.0))
        return best if 0 <= self._clock.elapsed_s() - searched_at_s <= MAX_AGE_S else None
