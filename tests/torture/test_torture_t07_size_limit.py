"""T7: while several processes write, the cache stays within its size limit, everything of it counted."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from torture_crew import ended, start
from torture_report import Report, scaled
from torture_shelf import Shelf
from torture_work import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WRITERS = 4
_LIMIT = 6_000_000
_SIDECAR = 4096


def _used(root: Path) -> int:
    """The bytes of all blobs and unfinished files that were there at one moment, and a block for each sidecar.

    Looking takes a while. What is gone when all have been seen may have made room for others that were seen too.
    """
    seen = [
        f"{folder}/{file}"
        for name in ("blobs", "partial", "quarantine", "trash")
        for folder, _, files in os.walk(root / "v1" / name)
        for file in files
    ]
    return sum(max(size, _SIDECAR) if path.endswith(".json") else size for path, size in _sizes(seen))


def _sizes(paths: list[str]) -> Iterator[tuple[str, int]]:
    for path in paths:
        with suppress(FileNotFoundError):
            yield path, os.lstat(path).st_size


@scaled("writes", quick=2_000, long=10_000)
def test_size_limit_holds_while_processes_write(quick_folder: Path, writes: int):
    root, peak, samples = quick_folder / "cache", 0, 0
    with Report("T7") as report:
        processes = [start(fill, root, me, writes // _WRITERS, _LIMIT) for me in range(_WRITERS)]
        while any(process.is_alive() for process in processes):
            peak, samples = max(peak, _used(root)), samples + 1
            time.sleep(0.01)
        codes = [ended(process) for process in processes]
        with Shelf(root) as shelf:
            left = len(shelf.blob_files())
        report.tell(writes=writes, writers=_WRITERS, limit=_LIMIT, peak=peak, ratio=round(peak / _LIMIT, 3))
        report.tell(samples=samples, kept=left)
        report.all_zero(failed=[code for code in codes if code])
        assert peak <= 1.1 * _LIMIT
        # It is a cache, not a sieve.
        assert _used(root) > 0.5 * _LIMIT
