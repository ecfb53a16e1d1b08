"""What the cache throws away, and in which order. Decides only: no file, no index, no clock.

Expired entries go first, then what is free to have again, then what takes a job to make again; within these, what was
unused for longest. What was paid for, is pinned or in use never comes here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from assetctl.cache.removal.candidates import Candidate, Ranked, Reason

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

SIDECAR_BYTES: Final = 4096
"""What an entry takes besides its blob: one block of a file system for its sidecar."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the cache may hold: at most `max_size_bytes`, leaving `min_free_bytes`, nothing unused for longer."""

    max_size_bytes: int
    min_free_bytes: int
    max_unused_s: float


@dataclass(frozen=True, slots=True)
class Use:
    """What the cache takes on the disk. `free_bytes` is what the disk has left, None when nobody knows.

    `stray_bytes` are files without an entry: replaced answers, unfinished ones, and what was put away as damaged.
    """

    blob_bytes: int
    entries: int
    stray_bytes: int
    trash_bytes: int
    free_bytes: int | None

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.blob_bytes + self.entries * SIDECAR_BYTES + self.stray_bytes + self.trash_bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes, in order, each with its reason; the room that makes. `in_use` would have gone and stays for that."""

    chosen: tuple[tuple[Candidate, Reason], ...]
    in_use: tuple[Candidate, ...]
    freed_bytes: int

    def counts(self) -> Mapping[Reason, int]:
        """How many go for each reason."""
        counts: defaultdict[Reason, int] = defaultdict(int)
        for _, reason in self.chosen:
            counts[reason] += 1
        return counts


def excess_bytes(use: Use, limits: Limits) -> int:
    """How many bytes are too many, 0 when none are."""
    over = use.total_bytes - limits.max_size_bytes
    missing = 0 if use.free_bytes is None else limits.min_free_bytes - use.free_bytes
    return max(over, missing, 0)


def is_too_large(size_bytes: int, limits: Limits) -> bool:
    """Whether a blob could never be kept, whatever else went."""
    return size_bytes + SIDECAR_BYTES > limits.max_size_bytes


def choose(
    ranked: Iterable[Ranked], needed_bytes: int, *, in_use: Container[str] = frozenset(), at_most: int | None = None
) -> Choice:
    """What goes so that `needed_bytes` are freed, the first of `ranked` first, and everything that goes anyway.

    Blobs `in_use` stay, with every entry that has them. Nothing goes for room that makes none: the entries that share a
    blob go together, when the last of them has its turn. No more of `ranked` is looked at than is needed, nor when
    `at_most` entries go.
    """
    choosing = _Choosing()
    for one in ranked:
        if at_most is not None and len(choosing.chosen) >= at_most:
            break
        if one.reason is Reason.SPACE and choosing.freed_bytes >= needed_bytes:
            break
        choosing.consider(one, in_use)
    return Choice(tuple(choosing.chosen), tuple(choosing.in_use), choosing.freed_bytes)


class _Choosing:
    def __init__(self) -> None:
        self._seen: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, list[Candidate]] = defaultdict(list)
        self._expired: set[str] = set()
        self.chosen: list[tuple[Candidate, Reason]] = []
        self.in_use: list[Candidate] = []
        self.freed_bytes = 0

    def consider(self, one: Ranked, in_use: Container[str]) -> None:
        candidate = one.candidate
        if candidate.key in self._expired:
            return  # expired and unused too: it had its turn
        if one.reason is Reason.EXPIRED:
            self._expired.add(candidate.key)
        if candidate.blob in in_use:
            self.in_use.append(candidate)
        elif one.uses <= 1:
            self._take(candidate, one.reason)
            self.freed_bytes += candidate.size_bytes
        else:
            self._take_with_the_last(candidate, one)

    def _take_with_the_last(self, candidate: Candidate, one: Ranked) -> None:
        self._seen[candidate.blob] += 1
        if one.reason is Reason.SPACE:
            self._waiting[candidate.blob].append(candidate)
        else:
            self._take(candidate, one.reason)
        if self._seen[candidate.blob] >= one.uses:
            self.freed_bytes += candidate.size_bytes
            for waiting in self._waiting.pop(candidate.blob, ()):
                self._take(waiting, Reason.SPACE)

    def _take(self, candidate: Candidate, reason: Reason) -> None:
        self.chosen.append((candidate, reason))
        self.freed_bytes += SIDECAR_BYTES
