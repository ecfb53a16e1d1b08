"""A verification from the outside: started, given a time, told about, left at any moment.

It reads in short turns, each in a worker thread, so that a budget or a Ctrl-C ends it within moments and what was
verified until then is noted. Bytes that are gone are asked for where it costs nothing, through a function it is given.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from assetctl import eventloop
from assetctl.cache.answers import reading
from assetctl.cache.verification import repairing
from assetctl.cache.verification.findings import Problem, VerifyReport, finding_of
from assetctl.cache.verification.rounds import Round
from assetctl.errors import IntegrityError, JobError, LibraryError, ServiceError, StorageUnusable
from assetctl.events import VerifyProgressed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.filters import EntryFilter
    from assetctl.cache.index.index import Index
    from assetctl.cache.store import AssetCache
    from assetctl.cache.verification.rounds import Steps, Wanted
    from assetctl.clock import Clock

_TURN_S: Final = 0.2
_SHARE_OF_WALKING: Final = 0.25
_NOT_TO_BE_HAD: Final = (LibraryError, ServiceError, JobError, IntegrityError)


class Verification:
    """One verification of what `filter_` chooses in a cache; `report` can be read at any time."""

    def __init__(
        self,
        cache: AssetCache,
        filter_: EntryFilter,
        *,
        clock: Clock,
        budget_s: float | None = None,
        fetch: Callable[[CacheEntry, Path], Awaitable[str]] | None = None,
        tell: Callable[[VerifyProgressed], None] | None = None,
    ) -> None:
        """Do nothing yet. With `fetch` what is wrong is repaired; without, only what was verified is noted.

        `fetch` writes the bytes of an entry to a path where nothing is yet and says where they came from. It costs
        nothing and raises LibraryError, ServiceError, JobError or IntegrityError when they are not to be had.
        """
        self.report = VerifyReport()
        self._cache = cache
        self._filter = filter_
        self._clock = clock
        self._budget_s = budget_s
        self._fetch = fetch
        self._tell = tell
        self._guard = threading.Lock()
        self._round: Round | None = None
        self._steps: Steps = _nothing()
        self._started_s = self._reading_since_s = clock.elapsed_s()

    async def run(self) -> VerifyReport:
        """The report, when everything chosen was looked at or the budget is used up.

        Raises:
            InvalidRequest: the key prefix is none.
            StorageFull: no room for a repair.
            CacheError: the cache cannot be read.
        """
        totals = await self._cache.totals(self._filter)
        self.report.total_entries, self.report.total_bytes = totals.count, totals.size_bytes
        await self._cache.work(self._begin)
        try:
            while not (self.report.complete or self._is_over()):
                wanted = await self._cache.work(self._turn, writing=self._fetch is not None)
                self._progressed()
                if wanted is not None:
                    await self._get_again(wanted)
        finally:
            with eventloop.shield():
                await self._cache.work(self._end)
        self.report.complete &= not self.report.unwalked
        return self.report

    # In worker threads.

    def _begin(self, blobs: Blobs, index: Index) -> None:
        self._started_s = self._reading_since_s = self._clock.elapsed_s()
        self._round = Round(
            blobs,
            index,
            self._filter,
            self._clock.now(),
            self.report,
            repairs=self._fetch is not None,
            in_use=self._cache.in_use,
            is_hurried=lambda: self._is_over(_SHARE_OF_WALKING),
            begin_reading=self._begin_reading,
        )
        self._round.sweep()
        self._steps = self._round.steps()

    def _begin_reading(self) -> None:
        self._reading_since_s = self._clock.elapsed_s()

    def _turn(self, _blobs: Blobs, _index: Index) -> Wanted | None:
        with self._guard:
            until_s = self._clock.elapsed_s() + _TURN_S
            for step in self._steps:
                if step is not None:
                    return step
                if self._is_over() or self._clock.elapsed_s() >= until_s:
                    return None
            self.report.complete = True
            return None

    def _end(self, _blobs: Blobs, _index: Index) -> None:
        # A turn that was cancelled goes on in its thread for a moment.
        with self._guard:
            self.report.elapsed_s = self._clock.elapsed_s() - self._reading_since_s
            self._steps.close()
            if self._round is not None:
                self._round.note()

    # Anywhere.

    def _is_over(self, share: float = 1.0) -> bool:
        return self._budget_s is not None and self._clock.elapsed_s() - self._started_s >= self._budget_s * share

    def _progressed(self) -> None:
        self.report.elapsed_s = self._clock.elapsed_s() - self._reading_since_s
        if self._tell is not None:
            report = self.report
            self._tell(
                VerifyProgressed(
                    None, report.entries, report.total_entries, report.read_bytes, report.total_bytes, report.elapsed_s
                )
            )

    # Bytes that are gone.

    async def _get_again(self, wanted: Wanted) -> None:
        entries = await self._put_away(wanted) if wanted.has_row else [wanted.entry]
        if not entries:
            return  # it was set right, or cleared, by somebody else
        source, why_not = await self._fetched(entries)
        if source is None and wanted.problem is Problem.MISSING and not wanted.has_row:
            await self._cache.work(lambda blobs, _: blobs.remember_lost(wanted.entry), writing=True)
        for entry in entries:
            # What was lost before and cost nothing is made anew when somebody asks for it.
            if source is not None or wanted.problem is not Problem.LOST or entry.paid:
                self._add(wanted, entry, source, why_not)

    def _add(self, wanted: Wanted, entry: CacheEntry, source: str | None, why_not: str | None) -> None:
        detail = why_not if source is None else f"had again from {source}"
        self.report.add(finding_of(wanted.problem, entry, repaired=source is not None, detail=detail))

    async def _put_away(self, wanted: Wanted) -> list[CacheEntry]:
        entry = wanted.entry
        try:
            return (
                await self._cache.work(lambda blobs, index: reading.put_away(entry, blobs, index), writing=True) or []
            )
        except StorageUnusable as error:
            self._add(wanted, entry, None, error.sentence)
            return []

    async def _fetched(self, entries: Sequence[CacheEntry]) -> tuple[str | None, str | None]:
        """Where the bytes that `entries` share were had from; else None, and why not."""
        reasons: list[str] = []
        for entry in entries:
            try:
                return await self._fetched_from(entry, entries), None
            except (*_NOT_TO_BE_HAD, StorageUnusable) as error:
                reasons.append(error.sentence)
        return None, reasons[0]

    async def _fetched_from(self, entry: CacheEntry, entries: Sequence[CacheEntry]) -> str:
        if self._fetch is None:  # pragma: no cover - without it nothing is wanted
            raise IntegrityError("nothing is repaired")
        now = self._clock.now()
        async with self._cache.partial(entry.suffix) as target:
            source = await self._fetch(entry, target)
            await self._cache.work(
                lambda blobs, index: repairing.put_back(target, entries, blobs, index, now), writing=True
            )
        return source


def _nothing() -> Steps:
    yield from ()
