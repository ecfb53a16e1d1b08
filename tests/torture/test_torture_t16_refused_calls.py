"""T16: whichever file call the system refuses, the error is ours, nothing confirmed is lost and no bytes are wrong."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from torture_faults import ERRNOS, FailOnce
from torture_promises import Losses, Promises, check, check_twice
from torture_report import Report
from torture_scenes import SCENES
from torture_shelf import Shelf

from assetctl.errors import AssetctlError, StorageFull

if TYPE_CHECKING:
    from pathlib import Path

_FULL = {"ENOSPC", "EDQUOT", "EROFS"}


def _failed(scene: str, root: Path, log: Path, step: FailOnce) -> list[str]:
    """What is wrong with how the deed of `scene` ended."""
    try:
        SCENES[scene].act(root, log, step)
    except StorageFull:
        return []
    except AssetctlError as error:
        return [] if step.failed else [f"{error!r} although nothing failed"]
    except Exception as error:  # noqa: BLE001 - what else comes out is the finding
        return [f"call {step.at} ({step.failed}): {error!r}"]
    return []


@pytest.mark.parametrize("scene", SCENES)
def test_any_refused_file_call_is_one_error_of_ours(quick_folder: Path, scene: str):
    before, log = quick_folder / "before", quick_folder / "log"
    log.touch()
    SCENES[scene].set_up(before, log)
    problems, losses, strays, points = [], Losses(), [], 0
    with Report("T16") as report:
        for name in ERRNOS:
            at, step = 0, FailOnce(1, name)
            while at == 0 or step.failed:
                at += 1
                root, own_log, step = quick_folder / "cache", quick_folder / "own", FailOnce(at, name)
                if before.exists():
                    shutil.copytree(before, root)
                shutil.copy(log, own_log)
                problems += [f"{name}: {problem}" for problem in _failed(scene, root, own_log, step)]
                promises = Promises()
                promises.read(own_log)
                losses += (check_twice if name == "EIO" else check)(promises, root)
                strays += _strays(root, step)
                shutil.rmtree(root, ignore_errors=not root.exists())
            points += at - 1
        report.tell(scene=scene, refused_calls=points, errnos=len(ERRNOS))
        report.all_zero(problems=problems, strays=strays)
        report.all_zero(torn=losses.torn, confirmed_lost=losses.lost, cleared_returned=losses.returned)
        assert points > len(ERRNOS)


def _strays(root: Path, step: FailOnce) -> list[str]:
    """What is left unfinished, unless it was the removal of it that failed."""
    if step.failed in (None, "unlink"):
        return []
    with Shelf(root) as shelf:
        return [f"{step.failed}: {path.name}" for path in shelf.partial_files()]
