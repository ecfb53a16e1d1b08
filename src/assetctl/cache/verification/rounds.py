"""One round over the cache: files without rows first, then the bytes of every row, the longest unverified first.

A generator that gives way often, so that it can be left at any time with all it verified noted. It puts right what can
be put right on the spot; bytes that have to be got again from elsewhere are handed to whoever runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from assetctl.cache.entries import milliseconds
from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.verification import repairing, rows, walking
from assetctl.cache.verification.findings import Finding, Problem, finding_of
from assetctl.cache.verification.inspecting import Look, look_at, sidecar_trouble
from assetctl.errors import StorageFull, StorageUnusable

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from datetime import datetime

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.index import Index
    from assetctl.cache.verification.findings import VerifyReport
    from assetctl.cache.verification.rows import Row
    from assetctl.cache.verification.walking import Loose

_log = logging.getLogger(__name__)

_REMEMBERED: Final = 100_000
"""Of how many shared blobs a round remembers how they are; others are read once for each entry."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes that have to be got again: those of `entry`, whose row still stands if it `has_row`."""

    problem: Problem
    entry: CacheEntry
    detail: str | None = None
    has_row: bool = False


Steps = Generator["Wanted | None"]


@dataclass(slots=True)
class Round:
    """What a round needs to know.

    `in_use` gives the blobs that must stay where they are, `is_hurried` says whether walking the files has taken its
    share of the time.
    """

    blobs: Blobs
    index: Index
    filter_: EntryFilter
    started: datetime
    report: VerifyReport
    repairs: bool
    in_use: Callable[[], Container[str]]
    is_hurried: Callable[[], bool]
    begin_reading: Callable[[], None]
    _noted_ms: int = 0
    _verified: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    _shared: dict[str, Look] = field(default_factory=dict[str, Look])

    def steps(self) -> Steps:
        """The whole round; None is a moment to leave it, or to go on."""
        if self.filter_ == EntryFilter():
            yield from self._remembered()
            yield from self._files()
        self.begin_reading()
        self._noted_ms = rows.unused_moment(self.index, self.started)
        for page in rows.pages(self.index, self.filter_, self.started, self._noted_ms):
            for row in page:
                yield from self._row(row)
            self.note()

    def note(self) -> None:
        """What was verified is noted in the index, where that can be written."""
        verified, self._verified = self._verified, []
        if not verified:
            return
        try:
            rows.note(self.index, verified, self._noted_ms)
        except (StorageFull, StorageUnusable) as error:
            _log.info("the verification was not noted: %s", error)
            self.report.noted = False

    def sweep(self) -> None:
        """What dead writers left is told, and gone if this round repairs."""
        for path in walking.strays(self.blobs):
            if self.repairs:
                repairing.clear_away(path, self.blobs)
            self._tell(Problem.STRAY, path.name, repaired=self.repairs, detail="unfinished, of a dead process")

    def _remembered(self) -> Steps:
        for batch in walking.remembered(self.blobs):
            yield None
            for entry in batch:
                if rows.current(self.index, entry.key) is not None or not entry.is_current(self.started):
                    continue
                if self.repairs:
                    yield Wanted(Problem.LOST, entry)
                elif entry.paid:
                    self.report.add(finding_of(Problem.LOST, entry))

    def _files(self) -> Steps:
        shards = walking.shards(self.blobs)
        # From another one each time: a round that is cut short does not leave the same ones out again.
        first = milliseconds(self.started) // 1000 % max(1, len(shards))
        for count, shard in enumerate(shards[first:] + shards[:first]):
            if self.is_hurried():
                self.report.unwalked = len(shards) - count
                return
            for loose in walking.loose_in(shard, self.blobs, self.index):
                yield None
                if loose is not None:
                    yield from self._loose(loose)

    def _loose(self, loose: Loose) -> Steps:
        if loose.problem is Problem.MISSING and loose.entry is not None and self.repairs:
            yield Wanted(Problem.MISSING, loose.entry)
            return
        repaired, detail = self._put_in_order(loose) if self.repairs else (False, loose.detail)
        name = loose.path.relative_to(self.blobs.files).as_posix()
        if loose.entry is None:
            self._tell(loose.problem, name, repaired=repaired, detail=detail)
        else:
            self.report.add(finding_of(loose.problem, loose.entry, name=name, repaired=repaired, detail=detail))

    def _put_in_order(self, loose: Loose) -> tuple[bool, str | None]:
        match loose:
            case walking.Loose(problem=Problem.NO_ROW, entry=None):
                repairing.set_aside(loose.path, self.blobs)
                return False, "its sidecar is damaged and was set aside; nothing else tells of it"
            case walking.Loose(problem=Problem.NO_ROW, entry=entry) if entry is not None:
                return repairing.list_again(entry, self.blobs, self.index), "listed again from its sidecar"
            case walking.Loose(problem=Problem.MODE):
                return repairing.mend_mode(loose.path), loose.detail
            case walking.Loose(problem=Problem.LINK | Problem.STRAY):
                repairing.clear_away(loose.path, self.blobs)
                return True, "removed"
            case walking.Loose(detail=None):
                done = repairing.let_go(loose.path, self.blobs, self.index, self.started, self.in_use)
                return done is not None, done
            case _:
                return False, loose.detail

    def _row(self, row: Row) -> Steps:
        entry = row.entry
        if entry is None:
            self._damaged_row(row)
            yield None
            return
        look = yield from self._judged(entry, row)
        if look.problem is None:
            self._whole(entry, row, look)
        elif self._stands(entry):
            yield from self._unsound(entry, row, look)

    def _judged(self, entry: CacheEntry, row: Row) -> Generator[Wanted | None, None, Look]:
        if row.shares and (known := self._shared.get(row.blob)) is not None:
            return known
        look = yield from self._looked(entry)
        if look.problem is not None and self._stands(entry):
            # Somebody may have put it right since.
            look = yield from self._looked(entry)
        if row.shares and len(self._shared) < _REMEMBERED:
            self._shared[row.blob] = look
        return look

    def _looked(self, entry: CacheEntry) -> Generator[Wanted | None, None, Look]:
        looking = look_at(entry, self.blobs)
        while True:
            try:
                self.report.read_bytes += next(looking)
            except StopIteration as done:
                # Also for what needed no reading: a million missing files can be left, too.
                yield None
                return done.value
            yield None

    def _stands(self, entry: CacheEntry) -> bool:
        current = rows.current(self.index, entry.key)
        return current is not None and current.blob == entry.blob

    def _whole(self, entry: CacheEntry, row: Row, look: Look) -> None:
        self.report.entries += 1
        self._verified.append((row.row_id, row.blob))
        if look.has_wrong_mode:
            repaired = self.repairs and repairing.mend_mode(self.blobs.path_of(entry))
            self.report.add(finding_of(Problem.MODE, entry, repaired=repaired, detail="it may be changed, or read"))
        if sidecar_trouble(entry, self.blobs) is not None:
            self._sidecar(entry.key, entry.blob)

    def _sidecar(self, key: str, blob: str) -> None:
        # As the index knows it now: whoever pins an entry writes its sidecar first.
        entry = rows.current(self.index, key)
        if entry is None or entry.blob != blob or (trouble := sidecar_trouble(entry, self.blobs)) is None:
            return
        repaired = self.repairs and repairing.mend_sidecar(entry, self.blobs, self.index)
        name = f"{entry.sha256[:2]}/{entry.sha256}.{entry.key}.json"
        detail = "written again from the index" if repaired else trouble
        self.report.add(finding_of(Problem.NO_SIDECAR, entry, name=name, repaired=repaired, detail=detail))

    def _unsound(self, entry: CacheEntry, row: Row, look: Look) -> Steps:
        if not self.repairs or look.problem is None or look.problem is Problem.UNREADABLE:
            self.report.add(finding_of(look.problem or Problem.DAMAGED, entry, detail=look.detail))
            return
        yield Wanted(look.problem, entry, look.detail, has_row=True)
        self._shared.pop(row.blob, None)

    def _damaged_row(self, row: Row) -> None:
        if not self.repairs:
            self._tell(Problem.DAMAGED_ROW, row.key, repaired=False, detail=None)
        elif (entry := self.index.get(row.key)) is not None:
            # Reading it the usual way mends it, and all others that are damaged.
            self.report.add(
                finding_of(Problem.DAMAGED_ROW, entry, name=row.key, repaired=True, detail="from its sidecar")
            )
        else:
            self._tell(Problem.DAMAGED_ROW, row.key, repaired=False, detail="dropped; no sidecar tells of it")

    def _tell(self, problem: Problem, name: str, *, repaired: bool, detail: str | None) -> None:
        self.report.add(Finding(problem, name, repaired, detail))
