"""Pictures for the assets of a page: drawn a few ahead of where it is read, as long as there is room and time."""

from __future__ import annotations

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assetctl.errors import AssetctlError, IntegrityError
from assetctl.models import AssetType
from assetctl.units import counted, human_duration, human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from assetctl.clock import Clock
    from assetctl.media.stills import Still
    from assetctl.prefetch.report.entries import Entry

#: What the pictures of one page may take in it together, written in base64.
MAX_BYTES: Final = 30_000_000
#: How long pictures are drawn for one page.
MAX_SECONDS: Final = 180.0
_THREADS: Final = 2
_AHEAD: Final = 8


class Gallery:
    """The pictures of one page. What draws them may be stopped at any moment: the rest has none, which is told."""

    def __init__(
        self,
        draw: Callable[[Path, AssetType], Still],
        clock: Clock,
        *,
        max_bytes: int = MAX_BYTES,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        """Let `draw`, which is called from several threads, draw them."""
        self._draw = draw
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._used_bytes = 0
        self._is_full = False
        self._left_out = 0
        self._unfit = 0
        self._trouble: AssetctlError | None = None
        self._troubled = 0

    def hang(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Still | None]]:
        """Each of `entries` with its still, None where there is none."""
        until_s = self._clock.elapsed_s() + self._max_seconds
        waiting: deque[tuple[Entry, Future[Still] | None]] = deque()
        pool = ThreadPoolExecutor(_THREADS, "pictures")
        try:
            for entry in entries:
                waiting.append((entry, self._begun(entry, pool, until_s)))
                if len(waiting) > _AHEAD:
                    yield self._finished(*waiting.popleft())
            while waiting:
                yield self._finished(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def sentence(self) -> str | None:
        """What was left out, for a person; None when nothing was."""
        told: list[str] = []
        if self._left_out:
            most = f"{human_size(self._max_bytes)} and {human_duration(self._max_seconds)}"
            told.append(f"{counted(self._left_out, 'picture was', 'pictures were')} left out to stay within {most}")
        if self._unfit:
            told.append(f"{counted(self._unfit, 'file', 'files')} could not be drawn")
        if self._trouble is not None:
            pictures = counted(self._troubled, "picture was", "pictures were")
            told.append(f"{pictures} not drawn: {self._trouble.what}")
        return "; ".join(told) or None

    def _begun(self, entry: Entry, pool: ThreadPoolExecutor, until_s: float) -> Future[Still] | None:
        if entry.asset is None or entry.asset["type"] == AssetType.MODEL_3D:
            return None
        if self._is_full or self._clock.elapsed_s() >= until_s:
            self._left_out += 1
            return None
        return pool.submit(self._draw, Path(entry.asset["path"]), AssetType(entry.asset["type"]))

    def _finished(self, entry: Entry, drawing: Future[Still] | None) -> tuple[Entry, Still | None]:
        if drawing is None:
            return entry, None
        try:
            still = drawing.result()
        except IntegrityError:
            # A file that is gone or broken by now is no reason to have no report.
            self._unfit += 1
            return entry, None
        except AssetctlError as error:
            self._trouble, self._troubled = error, self._troubled + 1
            return entry, None
        size_bytes = 4 * math.ceil(len(still.picture) / 3)
        if self._used_bytes + size_bytes > self._max_bytes:
            self._is_full = True
            self._left_out += 1
            return entry, None
        self._used_bytes += size_bytes
        return entry, still
