"""T1 and T1b: killed processes tear nothing and lose nothing that was confirmed."""

from __future__ import annotations

import shutil
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import pytest
from torture_crew import ended, start, wait_until
from torture_promises import Losses, Promises, check, check_rebuilt, check_twice
from torture_report import Report, scaled
from torture_scenes import SCENES
from torture_shelf import Shelf
from torture_work import CRASHED, act, churn

from assetctl.errors import AssetUnavailable
from assetctl.filesystem import no_step

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_LOG = 3_000
_REBUILD_EACH = 6


@scaled("kills", quick=60, long=1_000)
def test_kills_at_random_tear_nothing_and_lose_nothing_confirmed(quick_folder: Path, kills: int):
    root, log, random = quick_folder / "cache", quick_folder / "log", Random(1)
    promises, losses, read, strays = Promises(), Losses(), 0, 0
    log.touch()
    with Report("T1") as report:
        for number in range(1, kills + 1):
            process = start(churn, root, log, number)
            life = read + random.randrange(1, _LONGEST_LOG)
            wait_until(lambda: log.stat().st_size > life, "some changes")  # noqa: B023 - asked at once
            process.kill()
            assert ended(process) != 0
            read = promises.read(log, start=read)
            if number % _REBUILD_EACH == 0:
                losses += check_twice(promises, root)
            with Shelf(root) as shelf:
                losses += promises.check(shelf)
                shelf.sweep()
                strays += len(shelf.partial_files() + shelf.half_done())
        changes = len(log.read_bytes().splitlines())
        report.tell(kills=kills, log_lines=changes, answers_checked=losses.checked)
        report.all_zero(torn=losses.torn, confirmed_lost=losses.lost, cleared_returned=losses.returned, strays=strays)
        assert changes > 2 * kills


@pytest.mark.parametrize("scene", SCENES)
def test_exit_before_each_file_call_loses_nothing_confirmed(quick_folder: Path, scene: str):
    before, log = quick_folder / "before", quick_folder / "log"
    log.touch()
    SCENES[scene].set_up(before, log)
    at, losses, code, strays = 0, Losses(), CRASHED, 0
    with Report("T1b") as report:
        while code == CRASHED:
            at += 1
            root, own_log = quick_folder / f"cache{at}", quick_folder / f"log{at}"
            if before.exists():
                shutil.copytree(before, root, symlinks=True)
            shutil.copy(log, own_log)
            code = ended(start(act, scene, root, own_log, at))
            promises = Promises()
            promises.read(own_log)
            losses += check_twice(promises, root)
            losses += _again(scene, root, own_log, promises)
            with Shelf(root, log=own_log) as shelf:
                shelf.sweep()
                strays += len(shelf.partial_files() + shelf.half_done())
                shelf.clear(*promises.allowed)
            promises.read(own_log)
            losses += check_rebuilt(promises, root)
            shutil.rmtree(root)
        assert code == 0
        report.tell(scene=scene, crash_points=at - 1, answers_checked=losses.checked)
        report.all_zero(torn=losses.torn, confirmed_lost=losses.lost, cleared_returned=losses.returned, strays=strays)
        assert at > 1


def _again(scene: str, root: Path, log: Path, promises: Promises) -> Losses:
    """What is owed after the deed was done once more, to its end: on top of what the crash left."""
    with suppress(AssetUnavailable):
        # An undo that was killed late has nothing left to bring back.
        SCENES[scene].act(root, log, no_step)
    promises.read(log)
    return check(promises, root)
