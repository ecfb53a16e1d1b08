"""What a library was found not to have a moment ago, so that nothing is searched for again right before it is ordered.

What follows an absence may be a purchase. So it counts for one minute and once, and for no request that what is made
meanwhile may answer; in doubt it is forgotten, and the next search decides.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from assetctl.clock import Clock
    from assetctl.models import AssetRequest
    from assetctl.providers.base import Asked

MAX_AGE_S: Final = 60.0
"""How long an absence counts: somebody may be uploading it."""
MAX_KNOWN: Final = 16_384
"""How many are remembered, the latest: more than a run has under way."""
MIN_RENEWED: Final = 16
MAX_RENEWED: Final = 200
"""How many are searched for again together: twice as many as counted since the last time, within these bounds."""

_Moment = tuple[str | None, ...]


@dataclass(slots=True)
class _Absence:
    asked: Asked
    moment: _Moment
    searched_at_s: float


class Absences:
    """The absences of one library, in the order in which they were found; for one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Tell their age by `clock`."""
        self._clock = clock
        self._known: dict[str, _Absence] = {}
        self._by_moment: dict[_Moment, set[str]] = {}
        self._taken = 0

    def __contains__(self, key: object) -> bool:
        """Whether the request with this key was found absent at any time."""
        return key in self._known

    def note(self, asked: Asked, searched_at_s: float) -> None:
        """A search that began at `searched_at_s`, on the clock, found nothing for `asked`."""
        known = self._known.get(asked.key)
        if known is not None:
            known.searched_at_s = searched_at_s
            return
        while len(self._known) >= MAX_KNOWN:
            self.forget(next(iter(self._known)))
        absence = self._known[asked.key] = _Absence(asked, _moment(asked.request), searched_at_s)
        self._by_moment.setdefault(absence.moment, set()).add(asked.key)

    def forget(self, key: str) -> None:
        """Nothing is known of the request with this key any more."""
        absence = self._known.pop(key, None)
        if absence is not None:
            alike = self._by_moment[absence.moment]
            alike.discard(key)
            if not alike:
                del self._by_moment[absence.moment]

    def is_fresh(self, key: str) -> bool:
        """Whether the request with this key was found absent within `MAX_AGE_S`."""
        absence = self._known.get(key)
        return absence is not None and not self._is_old(absence)

    def take(self, key: str) -> bool:
        """Whether it was, for the one time that it counts: what may be made now is absent no more, nor for its like."""
        is_fresh = self.is_fresh(key)
        self._taken += is_fresh
        if (absence := self._known.get(key)) is not None:
            for other in list(self._by_moment[absence.moment]):
                if _may_share(absence.asked.request, self._known[other].asked.request):
                    self.forget(other)
        return is_fresh

    def renewal(self, key: str) -> list[Asked]:
        """What to search for again now: the request with this key, if its absence counts no more, and the next like it.

        As many as are likely to have their turn while it counts: to search for more would be to search for nothing.
        """
        if key not in self._known or self.is_fresh(key):
            return []
        count = min(max(2 * self._taken, MIN_RENEWED), MAX_RENEWED)
        self._taken = 0
        following = dropwhile(lambda known: known != key, self._known)
        old = (absence.asked for other in following if self._is_old(absence := self._known[other]))
        return list(islice(old, count))

    def _is_old(self, absence: _Absence) -> bool:
        return not 0 <= self._clock.elapsed_s() - absence.searched_at_s <= MAX_AGE_S


def _moment(request: AssetRequest) -> _Moment:
    """What two requests have in common that one asset can answer; the prompt where there is nothing else."""
    context = (request.scene_id, request.choice_id, request.character_id, request.location_id)
    prompt = None if any(context) else _plain(request.prompt)
    return (request.asset_type.value, *map(_plain, context), prompt)


def _may_share(one: AssetRequest, other: AssetRequest) -> bool:
    prompts = {_plain(one.prompt), _plain(other.prompt)}
    return len(prompts) == 1 or None in prompts


def _plain(text: str | None) -> str | None:
    # Coarser than what makes requests the same: to tell too many apart would be to buy too many.
    return None if text is None else " ".join(unicodedata.normalize("NFC", text).casefold().split()) or None
