"""Which jobs are waited for, and how fast bytes arrive: what bars and lines have to remember. Nothing here prints."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from assetctl.events import JobAdopted, JobCollected, JobEnded, JobProgressed, JobSubmitted

if TYPE_CHECKING:
    from assetctl.events import Event

_WINDOW_S: Final = 5.0
_QUEUED: Final = "queued"


class JobsInHand:
    """The jobs of this process that have not ended, by the key of their request, and the state of each."""

    def __init__(self) -> None:
        """Start with none."""
        self._states: dict[str | None, str] = {}
        self._seen: set[str | None] = set()

    def note(self, event: Event) -> None:
        """What `event` says of a job is remembered."""
        match event:
            case JobSubmitted() | JobAdopted():
                self._states[event.key] = _QUEUED
                self._seen.add(event.key)
            case JobProgressed():
                self._states[event.key] = event.state
                self._seen.add(event.key)
            case JobEnded():
                self._states.pop(event.key, None)
            case JobCollected():
                self._states.pop(event.key, None)
            case _:
                pass

    def knows(self, key: str | None) -> bool:
        """Whether `key` is that of a job that is or was in hand."""
        return key in self._seen

    def summary(self) -> str | None:
        """How many there are in which state: `5 jobs: 2 queued, 3 running`; None for fewer than two."""
        if len(self._states) < 2:  # noqa: PLR2004 - one is spoken of by itself
            return None
        counts = Counter(self._states.values())
        return f"{len(self._states)} jobs: {', '.join(f'{count} {state}' for state, count in sorted(counts.items()))}"


class Rate:
    """How fast the bytes of one transfer arrive, over the last seconds; what was there before it began counts not."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, received_bytes: int, now_s: float) -> None:
        """At `now_s` there were `received_bytes`."""
        self._samples.append((now_s, received_bytes))
        # One older sample stays, so that there is always a span to measure.
        while len(self._samples) > 2 and self._samples[1][0] <= now_s - _WINDOW_S:  # noqa: PLR2004 - see above
            self._samples.popleft()

    @property
    def bytes_per_s(self) -> float | None:
        """The rate; None while there is nothing to measure it by."""
        if len(self._samples) < 2:  # noqa: PLR2004 - a span has two ends
            return None
        (start_s, first), (end_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (end_s - start_s) if end_s > start_s and last > first else None
