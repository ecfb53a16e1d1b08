"""T4: whatever is damaged, wrong bytes are never served, and what is whole goes on being served."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from torture_damage import FILE_HARMS, INDEX_HARMS, ROW_HARMS, harm_index, harm_row
from torture_promises import Promises
from torture_report import Report, scaled
from torture_shelf import Shelf, at_once, content, digest_of, key_of

from assetctl.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry

_NAMES = [f"n{number}" for number in range(24)]
_SIZE = 1_500


@dataclass
class Served:
    """What was found wrong: `wrong` bytes, `missed` although the bytes are whole, `kept` although they are not."""

    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@pytest.fixture
def whole(quick_folder: Path) -> Path:
    root = quick_folder / "whole"
    with Shelf(root) as shelf:
        for name in _NAMES:
            shelf.put(name, 1, size=_SIZE, paid=name.endswith("1"))
    return root


def _served(root: Path, damaged: set[str], what: str, found: Served, *, may_miss: bool = False) -> None:
    """Each name is asked for, twice: damage that was met once must not be met by the next asker."""
    with Shelf(root) as shelf:
        for name in [*_NAMES, *_NAMES]:
            try:
                given = shelf.read(name)
            except CacheError as error:
                found.missed.append(f"{name}: {error.what}, {error.why} ({what})")
                continue
            except Exception as error:  # noqa: BLE001 - what else comes out is the finding
                found.foreign.append(f"{name}: {error!r} ({what})")
                continue
            if given is None and name not in damaged and not may_miss:
                found.missed.append(f"{name} ({what})")
            elif given is not None and given != content(name, 1, _SIZE):
                found.wrong.append(f"{name} ({what})")


def _fresh(whole: Path) -> Path:
    root = whole.with_name("damaged")
    shutil.rmtree(root, ignore_errors=not root.exists())
    shutil.copytree(whole, root)
    return root


def _harm_blobs(root: Path, random: Random, count: int) -> set[str]:
    names = random.sample(_NAMES, count)
    paths = {name: _blob(root, name) for name in _NAMES}
    targets = [path for name, path in paths.items() if name not in names]
    for name in names:
        harm = random.choice(sorted(FILE_HARMS))
        FILE_HARMS[harm](paths[name], targets, random)
    return set(names)


def _harm_row(root: Path, name: str, other: str, random: Random) -> str:
    kind = random.choice(sorted(ROW_HARMS))
    harm_row(root / "v1" / "index.sqlite3", kind, key_of(name), key_of(other))
    return kind


def _blob(root: Path, name: str) -> Path:
    digest = str(digest_of(content(name, 1, _SIZE)))
    return root / "v1" / "blobs" / digest[:2] / f"{digest}.mp4"


def _sidecar(root: Path, name: str) -> Path:
    blob = _blob(root, name)
    return blob.with_name(f"{blob.stem}.{key_of(name)}.json")


@scaled("damages", quick=120, long=5_000)
def test_damaged_bytes_are_never_served(whole: Path, damages: int):
    random, found, done = Random(4), Served(), 0
    with Report("T4") as report:
        while done < damages:
            root = _fresh(whole)
            names = _harm_blobs(root, random, 10)
            done += len(names)
            _served(root, names, "blobs", found)
        report.tell(part="blobs", damages=done)
        report.all_zero(served_wrong=found.wrong, whole_but_missed=found.missed, foreign_errors=found.foreign)


@scaled("damages", quick=120, long=5_000)
def test_damaged_sidecars_and_rows_serve_nothing_wrong_and_cost_nothing_whole(whole: Path, damages: int):
    random, found, done = Random(5), Served(), 0
    with Report("T4") as report:
        while done < damages:
            root = _fresh(whole)
            names = random.sample(_NAMES, 12)
            targets = [_sidecar(root, name) for name in _NAMES if name not in names]
            for name in names[:6]:
                FILE_HARMS[random.choice(sorted(FILE_HARMS))](_sidecar(root, name), targets, random)
            other = next(name for name in _NAMES if name not in names)
            rowless = {name for name in names[6:] if _harm_row(root, name, other, random) == "no row"}
            done += len(names)
            # Only a row that is gone without a trace is found by a sweep and not before.
            _served(root, rowless, f"round {done}", found)
            with Shelf(root) as shelf:
                shelf.sweep()
            _served(root, set(), f"round {done}, swept", found)
        report.tell(part="sidecars and rows", damages=done)
        report.all_zero(served_wrong=found.wrong, whole_but_missed=found.missed, foreign_errors=found.foreign)


@scaled("damages", quick=200, long=5_000)
def test_sidecar_with_a_flipped_bit_tells_nothing_that_was_never_so(whole: Path, damages: int):
    random, known, untrue, done = Random(7), _told(whole), [], 0
    with Report("T4") as report:
        while done < damages:
            root = _fresh(whole)
            for name in _NAMES:
                FILE_HARMS["flip"](_sidecar(root, name), [], random)
            done += len(_NAMES)
            # Nobody else knows: what the index will say is what the sidecars say.
            for path in (root / "v1").glob("index.sqlite3*"):
                path.unlink()
            untrue += [entry.key for entry in _told(root) if entry not in known]
        report.tell(part="sidecars", damages=done)
        report.all_zero(untrue=untrue)


def _told(root: Path) -> list[CacheEntry]:
    """All that is known of each answer, but when its bytes were last looked at."""
    with Shelf(root) as shelf:
        return [replace(entry, verified_at=None) for entry in at_once(shelf.cache.entries)]


@scaled("damages", quick=60, long=3_000)
def test_damaged_index_serves_nothing_wrong(whole: Path, damages: int):
    random, found, unsettled = Random(6), Served(), 0
    with Report("T4") as report:
        for number in range(damages):
            root = _fresh(whole)
            kind = INDEX_HARMS[number % len(INDEX_HARMS)]
            harm_index(root / "v1" / "index.sqlite3", kind, random)
            # A bit within a key or a time is a sound index that says something else.
            _served(root, set(), f"{kind} {number}", found, may_miss=kind == "bits")
            unsettled += _unsettled(root) if kind == "bits" else 0
        report.tell(part="index", damages=damages, missed_until_rebuilt=unsettled)
        report.all_zero(served_wrong=found.wrong, whole_but_missed=found.missed, foreign_errors=found.foreign)


def _unsettled(root: Path) -> int:
    """How many are missed, all of which a rebuilt index must find."""
    promises = Promises({name: {digest_of(content(name, 1, _SIZE))} for name in _NAMES})
    with Shelf(root) as shelf:
        missed = promises.check(shelf)
    for path in (root / "v1").glob("index.sqlite3*"):
        path.unlink()
    with Shelf(root) as shelf:
        again = promises.check(shelf)
    assert (again.lost, again.torn) == ([], [])
    return len(missed.lost)
