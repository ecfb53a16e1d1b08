"""T11: modes, owners, links and a second user: nothing is handed to strangers, nothing of theirs is touched."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from torture_crew import ended, start
from torture_report import Report
from torture_rights import FILES, INNER, NEEDS_ROOT, NOBODY, UNFIT, Ground, hand_over, lead_outside, open_up
from torture_shelf import Shelf, content
from torture_work import CRASHED, as_another_user

from assetctl.errors import CacheError, StorageUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead")

_IS_ROOT = sys.platform != "win32" and os.geteuid() == 0
_NAMES = ("one", "two")
_SIZE = 500


@pytest.fixture
def ground() -> Iterator[Path]:
    """Not below pytest's own folder, which another user may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="assetctl-torture-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _ground(folder: Path, name: str) -> Ground:
    (folder / name / "above").mkdir(parents=True, mode=0o755)
    (folder / name / "outside").mkdir(mode=0o755)
    return Ground(folder / name / "above", folder / name / "above" / "data", folder / name / "outside")


def _tree(folder: Path) -> dict[str, tuple[int, int, bytes | None]]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_uid,
            path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def _fill(root: Path) -> None:
    with Shelf(root) as shelf:
        for name in _NAMES:
            shelf.put(name, 1, size=_SIZE)


def test_unfit_places_are_refused_before_anything_is_written(ground: Path):
    with Report("T11") as report:
        chosen = [unfit for unfit in UNFIT if _IS_ROOT or unfit not in NEEDS_ROOT]
        used, changed = [], []
        for unfit in chosen:
            place = _ground(ground, unfit.__name__)
            unfit(place)
            before = _tree(ground / unfit.__name__)
            for deed in (lambda shelf: shelf.read("one"), lambda shelf: shelf.put("one", 1, size=_SIZE)):
                used += [] if _is_refused(place.data, deed) else [unfit.__name__]
            changed += [] if _tree(ground / unfit.__name__) == before else [unfit.__name__]
        report.tell(part="places", cases=len(chosen))
        report.all_zero(used=used, changed=changed)


def _is_refused(root: Path, deed) -> bool:
    try:
        with Shelf(root) as shelf:
            deed(shelf)
    except StorageUnusable:
        return True
    return False


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_all_is_private_whatever_the_umask(ground: Path, mask: int):
    before = os.umask(mask)
    try:
        with Report("T11") as report:
            with Shelf(ground / "cache") as shelf:
                shelf.put("one", 1, size=_SIZE)
                shelf.put("one", 2, size=_SIZE, paid=True)
                shelf.pin("one")
                shelf.clear("one")
                shelf.sweep()
                found = {path: path.lstat().st_mode for path in [ground / "cache", *(ground / "cache").rglob("*")]}
            report.tell(part="modes", umask=oct(mask), files=len(found))
            report.all_zero(open_to_others=[str(path) for path, mode in found.items() if mode & 0o077])
            # A umask may take from the user too, whom all of it must serve.
            closed = [str(path) for path, mode in found.items() if ~mode & (0o700 if stat.S_ISDIR(mode) else 0o400)]
            report.all_zero(closed_to_us=closed)
            assert len(found) > 5
    finally:
        os.umask(before)


def _one(root: Path, pattern: str) -> Path | None:
    return next(iter(sorted(root.glob(pattern))), None)


def test_planted_folders_and_links_lead_nowhere(ground: Path):
    with Report("T11") as report:
        cases = [(harm, name) for name in INNER for harm in (lead_outside, hand_over, open_up)]
        problems, tried = [], 0
        for number, (harm, name) in enumerate(cases if _IS_ROOT else [one for one in cases if one[0] is not hand_over]):
            problems += _planted(_ground(ground, str(number)), name, harm)
            tried += 1
        for name in FILES:
            problems += _planted(_ground(ground, name.replace("/", "-").replace("*", "x")), name, lead_outside)
            tried += 1
        report.tell(part="planted", cases=tried)
        report.all_zero(problems=problems)


def _planted(place: Ground, name: str, harm) -> list[str]:
    """What went wrong while a cache was used in which `name` was harmed."""
    _fill(place.data)
    (place.outside / "novel.txt").write_text("chapter one", encoding="ascii")
    path = _one(place.data, name)
    if path is None:
        path = place.data / name
        path.write_bytes(b"")
    harm(path, place.outside)
    before, problems = _tree(place.outside), []
    for deed in _read, _store, _clear:
        with Shelf(place.data) as shelf:
            try:
                problems += deed(shelf)
            except CacheError:
                continue
            except Exception as error:  # noqa: BLE001 - what else comes out is the finding
                problems.append(repr(error))
    if _tree(place.outside) != before:
        problems.append("what lies outside was changed")
    return [f"{harm.__name__} {name}: {problem}" for problem in problems]


def _read(shelf: Shelf) -> list[str]:
    return [f"wrong bytes for {name}" for name in _NAMES if shelf.read(name) not in (None, content(name, 1, _SIZE))]


def _store(shelf: Shelf) -> list[str]:
    shelf.put("new", 1, size=_SIZE)
    return [] if shelf.read("new") == content("new", 1, _SIZE) else ["what was stored is not read"]


def _clear(shelf: Shelf) -> list[str]:
    shelf.clear(*_NAMES, keep=False)
    shelf.sweep()
    return []


@pytest.mark.skipif(not _IS_ROOT, reason="only root can become somebody else")
@pytest.mark.parametrize("deed", ["read", "put", "clear", "sweep"])
@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_second_user_gets_and_changes_nothing(ground: Path, deed: str, mode: int):
    root = ground / "cache"
    _fill(root)
    if mode != 0o700:
        for path in (root, *root.rglob("*")):
            path.chmod(mode if path.is_dir() else 0o644)
    with Report("T11") as report:
        before = _tree(root)
        code = ended(start(as_another_user, root, deed, NOBODY))
        report.tell(part="second user", deed=deed, mode=oct(mode))
        report.all_zero(let_in=int(code != CRASHED), changed=int(_tree(root) != before))
