"""T9: a clock that is a year off and comes back, or a machine that slept: nothing lost, nothing immortal, no hang."""

from __future__ import annotations

import errno
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from torture_report import Report
from torture_shelf import NOW, SetClock, Shelf, content

from assetctl import locks
from assetctl.cache.lookups import Lookups
from assetctl.cache.removal.pruning import Limits
from assetctl.errors import CacheError
from assetctl.filesystem import no_step
from assetctl.generation.journal import Journal
from assetctl.models import AssetRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.filesystem import Step

_SIZE = 500
_LONGEST_S = 20
_YEAR = timedelta(days=365)
_TTL = timedelta(days=90)
_LIMITS = Limits(max_size_bytes=10**9, min_free_bytes=0, max_unused_s=180 * 86_400.0)
_FOR_EVER = Limits(max_size_bytes=10**9, min_free_bytes=0, max_unused_s=10**9)


class Tried:
    """A cache whose clock is moved about; `lost` and `immortal` are the names of what should be there or not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = SetClock()
        self.lost: list[str] = []
        self.immortal: list[str] = []

    def at(self, off: timedelta, step: Step = no_step) -> Shelf:
        """The cache, opened when the clock is `off`."""
        self.clock.moment = NOW + off
        return Shelf(self.root, clock=self.clock, step=step)

    def must_be(self, shelf: Shelf, *names: str) -> None:
        self.lost += [name for name in names if shelf.read(name) != content(name, 1, _SIZE)]

    def must_not_be(self, shelf: Shelf, *names: str) -> None:
        self.immortal += [name for name in names if shelf.read(name) is not None]


def stored_before(tried: Tried, off: timedelta) -> None:
    with tried.at(timedelta()) as shelf:
        shelf.put("kept", 1, size=_SIZE)
    for moment in (off, timedelta()):
        with tried.at(moment) as shelf:
            tried.must_be(shelf, "kept")


def stored_meanwhile(tried: Tried, off: timedelta) -> None:
    with tried.at(off) as shelf:
        shelf.put("bought", 1, size=_SIZE, paid=True)
    with tried.at(timedelta()) as shelf:
        tried.must_be(shelf, "bought")
        shelf.sweep()
        tried.must_be(shelf, "bought")


def expires(tried: Tried, off: timedelta) -> None:
    with tried.at(off) as shelf:
        shelf.put("short", 1, size=_SIZE, expires_at=NOW + off + _TTL)
        tried.must_be(shelf, "short")
    with tried.at(_YEAR + _TTL + timedelta(days=1)) as shelf:
        tried.must_not_be(shelf, "short")
    with tried.at(timedelta(days=-500) + off) as shelf:
        # So long before it was made that no clock is believed.
        tried.must_not_be(shelf, "short")


def expires_beyond_belief(tried: Tried, off: timedelta) -> None:
    with tried.at(timedelta()) as shelf:
        shelf.put("long", 1, size=_SIZE, expires_at=NOW + abs(off) + _TTL)
        tried.must_not_be(shelf, "long")
    with tried.at(off) as shelf:
        tried.must_not_be(shelf, "long")


def _nothing_goes(change: str, path: Path) -> None:
    if change == "unlink":
        raise OSError(errno.EIO, "the disk refuses", str(path))


def replaced_meanwhile(tried: Tried, off: timedelta) -> None:
    with tried.at(off) as shelf:
        shelf.put("name", 7, size=_SIZE)
    with tried.at(timedelta(), step=_nothing_goes) as shelf:
        shelf.put("name", 1, size=_SIZE)
    # Both sidecars are there, and the newer answer may have the older date.
    for path in (tried.root / "v1").glob("index.sqlite3*"):
        path.unlink()
    with tried.at(timedelta()) as shelf:
        tried.must_be(shelf, "name")


def pruned_meanwhile(tried: Tried, off: timedelta) -> None:
    with tried.at(timedelta()) as shelf:
        shelf.put("bought", 1, size=_SIZE, paid=True)
        shelf.put("pinned", 1, size=_SIZE)
        shelf.pin("pinned")
    with tried.at(off) as shelf:
        shelf.prune(_LIMITS)
        shelf.sweep()
    with tried.at(timedelta()) as shelf:
        tried.must_be(shelf, "bought", "pinned")


def used_meanwhile(tried: Tried, off: timedelta) -> None:
    with tried.at(timedelta()) as shelf:
        shelf.put("used", 1, size=_SIZE)
    with tried.at(off) as shelf:
        tried.must_be(shelf, "used")
    with tried.at(_YEAR + timedelta(days=181)) as shelf:
        shelf.prune(_LIMITS)
        tried.must_not_be(shelf, "used")


def forgotten(tried: Tried, off: timedelta) -> None:
    async def work() -> None:
        lookups = Lookups(tried.root / "lookups", clock=tried.clock)
        tried.clock.moment = NOW + off
        await lookups.remember("k", "said then", ttl_s=3600)
        for moment in (timedelta(), off + timedelta(hours=2), _YEAR * 3):
            tried.clock.moment = NOW + moment
            if await lookups.recall("k") is not None:
                tried.immortal.append("a remembered answer")

    anyio.run(work)


def ordered(tried: Tried, off: timedelta) -> None:
    async def work() -> None:
        journal = Journal(tried.root / "journal.sqlite3", clock=tried.clock)
        tried.clock.moment = NOW + off
        order, _ = await journal.intend("k", "pixsim", AssetRequest(scene_id="s"))
        tried.clock.moment = NOW
        again, is_new = await journal.intend("k", "pixsim", AssetRequest(scene_id="s"))
        if is_new or again.order_id != order.order_id:
            tried.lost.append("an order")

    anyio.run(work)


DEEDS: tuple[Callable[[Tried, timedelta], None], ...] = (
    stored_before, stored_meanwhile, expires, expires_beyond_belief,
    replaced_meanwhile, pruned_meanwhile, used_meanwhile, forgotten, ordered,
)  # fmt: skip


def test_a_clock_a_year_off_loses_nothing_and_makes_nothing_immortal(quick_folder: Path):
    with Report("T9") as report:
        lost, immortal, hung = [], [], []
        for number, deed in enumerate(DEEDS):
            for off in (_YEAR, -_YEAR):
                folder, start = quick_folder / f"{number}{off.days}", time.monotonic()
                folder.mkdir(mode=0o700)
                tried = Tried(folder / "cache")
                deed(tried, off)
                lost += [f"{deed.__name__} {off.days}: {name}" for name in tried.lost]
                immortal += [f"{deed.__name__} {off.days}: {name}" for name in tried.immortal]
                hung += [deed.__name__] if time.monotonic() - start > _LONGEST_S else []
        report.tell(jumps=len(DEEDS) * 2)
        report.all_zero(lost=lost, immortal=immortal, hung=hung)


class Suspended(SetClock):
    """The machine sleeps for hours whenever somebody waits."""

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - however short it was meant to be
        self.moment += timedelta(hours=3)
        await anyio.lowlevel.checkpoint()


def test_sleep_of_the_machine_ends_a_wait_for_a_lock(quick_folder: Path):
    path = quick_folder / "locks" / "one.lock"

    async def wait() -> None:
        with anyio.fail_after(_LONGEST_S):
            async with locks.hold(path, clock=Suspended(), limit_s=600):
                raise AssertionError("two have one lock")

    start = time.monotonic()
    with Report("T9") as report:
        with locks.held(path, limit_s=1), pytest.raises(CacheError, match="still locked"):
            anyio.run(wait)
        with Shelf(quick_folder / "cache", clock=Suspended()) as shelf:
            shelf.put("kept", 1, size=_SIZE)
            shelf.prune(_FOR_EVER)
            lost = [] if shelf.read("kept") == content("kept", 1, _SIZE) else ["kept"]
        report.tell(suspends=2)
        report.all_zero(lost=lost, hung=int(time.monotonic() - start > _LONGEST_S))
