"""What killed processes and replaced answers left: listed again, or gone. And when that is looked for.

With each pruning by hand, and by itself once a day in a cache that is walked quickly: whoever asked for an asset must
not wait for a walk through a million files. What is in use stays. A sweep that goes along with something else tells its
trouble in the log: the other thing has been done.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.index import strays
from assetctl.cache.index.batching import BATCH
from assetctl.cache.index.index import is_used
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.files.leases import Leases
    from assetctl.cache.index.database import Run
    from assetctl.cache.index.index import Index

_log = logging.getLogger(__name__)

ORPHAN_AGE_S: Final = 86_400.0
"""How long a blob without a row stays: somebody may be handing it out, or about to list it."""
QUARANTINE_AGE_S: Final = 30 * 86_400.0
_STAMP: Final = "swept"
_EVERY_S: Final = 86_400.0
_SMALL: Final = 2000
"""So many entries are walked by itself at most."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep did: entries that got their row back, files removed and their bytes."""

    adopted: int
    removed_files: int
    freed_bytes: int


class Sweeping:
    """Sweeps one cache."""

    def __init__(self, folder: Path, blobs: Blobs, index: Index, leases: Leases) -> None:
        """Touch nothing yet; in `folder` it is noted when the cache was last swept by itself."""
        self._stamp = folder / _STAMP
        self._blobs = blobs
        self._index = index
        self._leases = leases
        self._has_looked = False

    def sweep(self, now: datetime) -> int:
        """How many bytes of what killed processes and replaced answers left are gone; none when that failed."""
        try:
            in_use = self._leases.own.union(self._leases.of_others())
            return sweep(self._blobs, self._index, now, in_use=in_use).freed_bytes
        except CacheError as error:
            _log.warning("the cache was not swept: %s", error)
            return 0

    def sweep_daily(self, now: datetime) -> None:
        """A small cache was swept within the last day. This process looks once only.

        Raises:
            CacheError: it cannot be told, or noted, when that was.
        """
        if self._has_looked:
            return
        self._has_looked = True
        if self._is_due(now) and self._index.running_totals().count <= _SMALL:
            filesystem.remove(self._stamp, step=self._blobs.step)
            filesystem.write_new(self._stamp, now.isoformat().encode(), step=self._blobs.step)
            self.sweep(now)

    def _is_due(self, now: datetime) -> bool:
        with filesystem.translated(self._stamp):
            try:
                age_s = now.timestamp() - self._stamp.lstat().st_mtime
            except FileNotFoundError:
                return True
        # A stamp from the future is a clock's mistake.
        return not 0 <= age_s < _EVERY_S


def sweep(blobs: Blobs, index: Index, now: datetime, *, in_use: Collection[str] = ()) -> SweepReport:
    """What killed processes and replaced answers left is listed again or gone; blobs `in_use` stay.

    Raises:
        CacheError: something could not be listed or removed.
    """
    known, adopted = blobs.entries(), 0
    while batch := list(islice(known, BATCH)):
        adopted += index.adopt(batch, blobs.is_on_disk)
        index.exclusively(lambda run, batch=batch: _forget_superseded(run, batch, blobs, index))
    files = {path.name: path for path in blobs.blob_files() if _is_older(path, now, ORPHAN_AGE_S)}
    used = index.uses(list(files))
    orphans = [path for name, path in files.items() if name not in used and name not in in_use]
    freed = index.exclusively(lambda run: [_remove_orphan(run, path, blobs) for path in orphans])
    freed += [_remove(path, blobs) for path in blobs.quarantined_files() if _is_older(path, now, QUARANTINE_AGE_S)]
    sizes = [size for size in freed if size is not None]
    return SweepReport(adopted, len(sizes), sum(sizes))


def _forget_superseded(run: Run, entries: Sequence[CacheEntry], blobs: Blobs, index: Index) -> None:
    # A killed replacement leaves two sidecars of one key: the older one would come back once the other is cleared.
    current = {entry.key: entry for entry in index.of_keys(run, [entry.key for entry in entries])}
    for entry in entries:
        newer = current.get(entry.key)
        if newer and newer.sha256 != entry.sha256 and newer.created_at >= entry.created_at and blobs.is_on_disk(newer):
            blobs.remove_sidecar(entry)


def _is_older(path: Path, now: datetime, age_s: float) -> bool:
    try:
        # Renaming and sealing set the change time, which no copy brings along.
        return now.timestamp() - path.lstat().st_ctime > age_s
    except FileNotFoundError:
        return False


def _remove_orphan(run: Run, path: Path, blobs: Blobs) -> int | None:
    if is_used(run, path.name):
        return None
    strays.unlist(run, [path.name])
    return _remove(path, blobs)


def _remove(path: Path, blobs: Blobs) -> int | None:
    try:
        size = path.lstat().st_size
    except FileNotFoundError:
        return None
    return size if filesystem.remove(path, step=blobs.step) else None
