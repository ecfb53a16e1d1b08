"""T6: on a full or read-only disk nothing is left half done, reading goes on, and clearing makes room."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from torture_crew import ended, start
from torture_faults import Full
from torture_promises import Promises
from torture_report import Report
from torture_shelf import SetClock, Shelf, content, digest_of
from torture_work import CRASHED, store_within_file_size

from assetctl.cache.removal.pruning import Limits
from assetctl.errors import CacheError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = ("one", "two", "three", "four")
_SIZE = 60_000
_TO_NOTHING = Limits(max_size_bytes=0, min_free_bytes=0, max_unused_s=1e9)

AS_ROOT = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root on Linux can mount a small file system"
)


def _fill(root: Path) -> None:
    with Shelf(root, clock=SetClock()) as shelf:
        for name in _NAMES:
            shelf.put(name, 1, size=_SIZE)


def _is_refused(shelf: Shelf) -> list[str]:
    """What is wrong with how a store is refused, and with what it leaves."""
    blobs, problems = shelf.blob_files(), []
    try:
        shelf.put("more", 1, size=_SIZE * 2)
        problems.append("it was stored")
    except StorageFull:
        pass
    except CacheError as error:
        problems.append(f"{error!r}, {error.why}")
    if shelf.partial_files():
        problems.append(f"strays: {[path.name for path in shelf.partial_files()]}")
    if shelf.blob_files() != blobs:
        problems.append("the blobs changed")
    return problems


def _is_read(shelf: Shelf, *names: str) -> list[str]:
    return [f"{name} is not read" for name in names if shelf.read(name) != content(name, 1, _SIZE)]


def _is_cleared(shelf: Shelf) -> list[str]:
    """What is wrong with how one is cleared and the rest pruned, with no room."""
    problems = []
    shelf.clear("one", keep=False)
    if shelf.read("one") is not None:
        problems.append("what was cleared is read")
    problems += _is_read(shelf, "two")
    return problems


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EROFS"])
def test_refused_room_leaves_no_strays_and_clearing_works(quick_folder: Path, name: str):
    root, step = quick_folder / "cache", Full(name)
    _fill(root)
    with Report("T6") as report, Shelf(root, clock=SetClock(), step=step) as shelf:
        step.is_full = True
        problems = _is_refused(shelf) + _is_read(shelf, *_NAMES)
        if name != "EROFS":
            problems += _is_cleared(shelf)
            shelf.prune(_TO_NOTHING)
            problems += [f"{kept} was not pruned" for kept in _NAMES if shelf.read(kept) is not None]
        step.is_full = False
        shelf.put("more", 1, size=_SIZE)
        problems += _is_read(shelf, "more")
        report.tell(disk=name)
        report.all_zero(problems=problems)


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own, in memory."""
    point = folder / "disk"
    point.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "tmpfs", str(point)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", str(point)], check=True)


def _take_all_room(disk: Path) -> None:
    """Not a byte is free."""
    with (disk / "balloon").open("wb", buffering=0) as balloon:
        size = 1 << 16
        while size:
            try:
                while True:
                    balloon.write(b"x" * size)
                    if shutil.disk_usage(disk).free == 0:
                        return
            except OSError:
                size //= 2


def _take_all_names(disk: Path) -> None:
    """Not a file can be made."""
    number = 0
    while True:
        try:
            (disk / f"name{number}").touch()
        except OSError:
            return
        number += 1


@AS_ROOT
@pytest.mark.parametrize("left_open", [False, True], ids=["opened full", "open before"])
@pytest.mark.parametrize("lacking", ["bytes", "names"])
def test_truly_full_disk_leaves_no_strays_and_clearing_works(quick_folder: Path, lacking: str, *, left_open: bool):
    with Report("T6") as report, small_disk(quick_folder, "size=2m,nr_inodes=200") as disk:
        root = disk / "cache"
        _fill(root)
        with Shelf(root, clock=SetClock()) as shelf:
            if left_open:
                shelf.put("late", 1, size=10)
            (_take_all_room if lacking == "bytes" else _take_all_names)(disk)
            problems = _is_refused(shelf) + _is_read(shelf, *_NAMES) + _is_cleared(shelf)
            shelf.prune(_TO_NOTHING)
            problems += [f"{kept} was not pruned" for kept in _NAMES if shelf.read(kept) is not None]
        with Shelf(root, clock=SetClock()) as shelf:
            shelf.put("more", 1, size=_SIZE)
            problems += _is_read(shelf, "more")
        report.tell(disk=f"tmpfs without {lacking}", left_open=left_open)
        report.all_zero(problems=problems)


@AS_ROOT
def test_disk_that_is_mounted_read_only_is_read(quick_folder: Path):
    with Report("T6") as report, small_disk(quick_folder, "size=2m") as disk:
        _fill(disk / "cache")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with Shelf(disk / "cache", clock=SetClock()) as shelf:
            problems = _is_refused(shelf) + _is_read(shelf, *_NAMES)
            try:
                shelf.clear("one")
                problems.append("it was cleared")
            except StorageFull:
                pass
            problems += _is_read(shelf, *_NAMES)
        report.tell(disk="tmpfs, read-only")
        report.all_zero(problems=problems)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
@pytest.mark.parametrize("limit", [1_000, 50_000, 400_000])
def test_limit_of_file_sizes_is_a_full_disk(quick_folder: Path, limit: int):
    root, log = quick_folder / "cache", quick_folder / "log"
    with Shelf(root, log=log) as shelf:
        shelf.put("before", 1, size=500)
    with Report("T6") as report:
        code = ended(start(store_within_file_size, root, log, limit))
        promises = Promises()
        promises.read(log)
        with Shelf(root) as shelf:
            losses = promises.check(shelf)
            strays = shelf.partial_files()
        report.tell(disk=f"files of at most {limit} bytes")
        report.all_zero(problems=int(code != CRASHED), lost=losses.lost, torn=losses.torn, strays=strays)
        assert digest_of(content("before", 1, 500)) in promises.allowed["before"]
