"""When the files are swept: with each pruning by hand, and by itself once a day in a cache that is walked quickly.

Whoever asked for an asset must not wait for a walk through a million files: a large cache is swept by hand only. What
is in use stays. Trouble is told in the log, because whatever was asked for beside it has been done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache import storing
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from assetctl.cache.blobs import Blobs
    from assetctl.cache.index import Index
    from assetctl.cache.leases import Leases

_log = logging.getLogger(__name__)
_STAMP: Final = "swept"
_EVERY_S: Final = 86_400.0
_SMALL: Final = 2000
"""So many entries are walked by itself at most."""


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
            return storing.sweep(self._blobs, self._index, now, in_use=in_use).freed_bytes
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
