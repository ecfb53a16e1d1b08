"""T2: a simulated power cut loses nothing that was paid for and confirmed, and tears nothing."""

from __future__ import annotations

import shutil
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from torture_powercut import ForgetfulDisk, after_cut
from torture_promises import Losses, Promises
from torture_report import Report, scaled
from torture_shelf import SetClock, Shelf, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from torture_powercut import Moment

_SIZE = 3_000


def _live(shelf: Shelf, clock: SetClock, random: Random, changes: int) -> None:
    """A short life of a cache: bought ones, copies, replacements, several at once, pins, deletions, their undoing."""
    for serial in range(changes):
        clock.moment += timedelta(seconds=1)
        kind, name = random.random(), f"{random.choice(['paid', 'free'])}{random.randrange(5)}"
        if kind < 0.15:
            together = [f"{name[:4]}{random.randrange(5)}" for _ in range(3)]
            shelf.put_together(list(dict.fromkeys(together)), serial, size=_SIZE, paid=name.startswith("paid"))
        elif kind < 0.75:
            shelf.put(name, serial, size=_SIZE, paid=name.startswith("paid"))
        elif kind < 0.8:
            shelf.pin(name)
        else:
            before = digest_of(shelf.read(name))
            if shelf.clear(name)[0].undoable and before is not None and random.random() < 0.7:
                shelf.undo(name, before)


def _check(moment: Moment, root: Path, log: Path, number: int) -> Losses:
    promises, target = Promises(), root.with_name("after")
    promises.read(log, end=moment.log_size)
    after_cut(moment, root, target, Random(number) if number % 2 else None, keeps_index=number % 3 > 0)
    with Shelf(target) as shelf:
        losses = promises.check(shelf)
    shutil.rmtree(target, ignore_errors=not target.exists())
    return losses


@scaled("cuts", quick=40, long=3_000)
def test_power_cut_loses_nothing_paid_for(quick_folder: Path, cuts: int):
    root, log, random = quick_folder / "cache", quick_folder / "log", Random(2)
    log.touch()
    disk = ForgetfulDisk(root, log)
    with Report("T2") as report:
        clock = SetClock()
        with Shelf(root, log=log, clock=clock, step=disk) as shelf:
            _live(shelf, clock, random, changes=25 + cuts // 20)
        disk.finish()
        losses = Losses()
        chosen = [disk.moments[-1], *random.choices(disk.moments, k=cuts - 1)]
        for number, moment in enumerate(chosen):
            losses += _check(moment, root, log, number)
        paid_lost = [name for name in losses.lost if name.startswith("paid")]
        report.tell(cuts=cuts, changes=len(disk.moments), answers_checked=losses.checked)
        report.tell(free_lost=len(losses.lost) - len(paid_lost), cleared_returned=len(losses.returned))
        report.all_zero(torn=losses.torn, paid_lost=paid_lost)
        assert losses.checked > cuts
