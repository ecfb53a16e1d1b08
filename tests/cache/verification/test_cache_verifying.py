"""Verification: every damage is found, what can be had again is mended, and nothing else is touched."""

from __future__ import annotations

import errno
import json
import os
import resource
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import anyio
import pytest
from cache_samples import NOW, StillClock, draft, key_of, paid, put

from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.store import AssetCache
from assetctl.cache.verification import repairing
from assetctl.cache.verification.findings import LISTED, Finding, Problem, VerifyReport
from assetctl.cache.verification.inspecting import Look, look_at
from assetctl.cache.verification.verifying import Verification
from assetctl.errors import CacheError, JobError, LibraryError, StorageFull
from assetctl.filesystem import current_writer, write_new

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.files.blobs import Blobs
    from assetctl.cache.index.index import Index
    from assetctl.events import VerifyProgressed

pytestmark = pytest.mark.anyio

EVERYTHING = EntryFilter()


@dataclass
class TickingClock(StillClock):
    """A clock that goes on by a tenth of a second each time it is looked at."""

    ticked_s: float = 0.0

    def elapsed_s(self) -> float:
        self.ticked_s += 0.1
        return self.ticked_s


@dataclass
class Shelf:
    """A cache, where it lies, and a place that still has all bytes that were ever put into it."""

    cache: AssetCache
    root: Path
    clock: StillClock
    originals: dict[str, bytes]

    async def put(self, name: str, data: bytes, **changes: object) -> CacheEntry:
        self.originals[key_of(name)] = data
        return await put(self.cache, draft(name, **changes), data)

    async def verify(self, filter_: EntryFilter = EVERYTHING, *, repair: bool = False, **how: object) -> VerifyReport:
        fetch = self.fetch if repair else None
        known = {"clock": self.clock, "fetch": fetch}
        return await Verification(self.cache, filter_, **(known | how)).run()

    async def fetch(self, entry: CacheEntry, target: Path) -> str:
        if entry.key not in self.originals:
            raise LibraryError("it is gone from its library")
        write_new(target, self.originals[entry.key])
        return "its library"

    def blob(self, entry: CacheEntry) -> Path:
        return self.root / "v1" / "blobs" / entry.sha256[:2] / entry.blob

    def sidecar(self, entry: CacheEntry) -> Path:
        return self.blob(entry).with_name(f"{entry.sha256}.{entry.key}.json")

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.root / "v1" / "index.sqlite3")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def files(self) -> dict[str, tuple[int, bytes]]:
        """All but the index, which is noted in."""
        found = (path for path in self.root.rglob("*") if path.is_file() and "index" not in path.name)
        return {str(path): (path.lstat().st_mode, path.read_bytes()) for path in found}

    async def served(self, name: str) -> bytes | None:
        entry = await self.cache.lookup(key_of(name))
        path = None if entry is None else await self.cache.verified(entry)
        return None if path is None else path.read_bytes()


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    clock = StillClock()
    async with AssetCache(tmp_path / "cache", clock=clock) as cache:
        yield Shelf(cache, tmp_path / "cache", clock, {})


def problems(report: VerifyReport) -> list[tuple[str, bool]]:
    return sorted((finding.problem.value, finding.repaired) for finding in report.findings)


def writable(path: Path) -> Path:
    path.chmod(0o600)
    return path


def flip(path: Path, random: Random) -> None:
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    writable(path).write_bytes(data)
    path.chmod(0o400)


def cut(path: Path, random: Random) -> None:
    os.truncate(writable(path), random.randrange(1, path.stat().st_size))


def empty(path: Path, random: Random) -> None:
    del random
    os.truncate(writable(path), 0)


def delete(path: Path, random: Random) -> None:
    del random
    path.unlink()


def append(path: Path, random: Random) -> None:
    with writable(path).open("ab") as file:
        file.write(random.randbytes(random.randrange(1, 9)))


def link(path: Path, random: Random) -> None:
    """Even to the very same bytes: what a link points to may change at any time."""
    elsewhere = path.parents[4] / f"elsewhere-{random.randrange(10**9)}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


DAMAGES: tuple[Callable[[Path, Random], None], ...] = (flip, cut, empty, delete, append, link)


def damage(paths: list[Path], random: Random) -> set[Path]:
    """300 of `paths`, each damaged in one of seven ways; a swap damages two."""
    left = random.sample(paths, 300)
    damaged = set(left)
    while left:
        how = random.choice((*DAMAGES, None))
        if how is not None:
            how(left.pop(), random)
        elif len(left) > 1:
            one, other = left.pop(), left.pop()
            aside = one.with_name("aside")
            one.rename(aside)
            other.rename(one)
            aside.rename(other)
    return damaged


async def hundreds(shelf: Shelf, random: Random) -> dict[str, CacheEntry]:
    """340 blobs, the last twenty of them with two keys each."""
    names = [f"film-{number}" for number in range(340)]
    entries = {name: await shelf.put(name, random.randbytes(random.randrange(2, 4000))) for name in names}
    for name in names[-20:]:
        entries[f"{name}-again"] = await shelf.put(f"{name}-again", shelf.originals[key_of(name)])
    return entries


async def test_300_damages_are_found_and_no_wrong_byte_is_served(shelf: Shelf) -> None:
    random = Random(1)
    entries = await hundreds(shelf, random)
    damaged = damage(sorted({shelf.blob(entry) for entry in entries.values()}), random)
    expected = {entry.key for entry in entries.values() if shelf.blob(entry) in damaged}
    before = shelf.files()

    report = await shelf.verify()

    assert {finding.key for finding in report.findings} == expected
    assert report.unresolved == len(expected) == len(report.findings)
    assert report.entries == len(entries) - len(expected)
    assert shelf.files() == before
    for name in entries:
        sound = None if entries[name].key in expected else shelf.originals[key_of(name)]
        assert await shelf.served(name) == sound


async def test_300_damages_are_mended_where_the_bytes_are_to_be_had(shelf: Shelf) -> None:
    random = Random(3)
    entries = await hundreds(shelf, random)
    await shelf.cache.set_pinned([entries["film-3"].key], pinned=True)
    damaged = damage(sorted({shelf.blob(entry) for entry in entries.values()}), random)
    expected = {entry.key for entry in entries.values() if shelf.blob(entry) in damaged}

    report = await shelf.verify(repair=True)

    assert {finding.key for finding in report.findings if finding.repaired} == expected
    assert report.unresolved == 0
    again = await shelf.verify()
    assert (again.entries, again.findings) == (len(entries), [])
    for name, entry in entries.items():
        assert await shelf.served(name) == shelf.originals[key_of(name)]
        assert await shelf.cache.lookup(entry.key) == replace(entry, pinned=name == "film-3")


async def test_a_sound_cache_is_noted_as_verified_and_otherwise_left_alone(shelf: Shelf) -> None:
    await shelf.put("x", b"film")
    before = shelf.files()
    shelf.clock.moment += timedelta(days=3)

    report = await shelf.verify()

    assert (report.entries, report.total_entries, report.read_bytes, report.total_bytes) == (1, 1, 4, 4)
    assert (report.complete, report.noted, report.unresolved, report.bytes_per_s) == (True, True, 0, None)
    assert shelf.files() == before
    (entry,) = await shelf.cache.entries()
    assert entry.verified_at == NOW + timedelta(days=3)


async def test_an_empty_cache_is_sound(shelf: Shelf) -> None:
    report = await shelf.verify(repair=True)
    assert (report.complete, report.findings, report.entries) == (True, [], 0)


async def test_never_verified_entries_come_first_then_the_longest_ago(shelf: Shelf) -> None:
    for name in ("old", "older", "never"):
        await shelf.put(name, name.encode())
    rows = {"old": 2000, "older": 1000, "never": "NULL"}
    for name, verified_ms in rows.items():
        shelf.sql(f"UPDATE entries SET verified_ms = {verified_ms} WHERE key = '{key_of(name)}'")
        shelf.blob(await entry_of(shelf, name)).unlink()

    report = await shelf.verify()

    assert [finding.choice_id for finding in report.findings] == ["never", "older", "old"]


async def entry_of(shelf: Shelf, name: str) -> CacheEntry:
    (found,) = await shelf.cache.entries(EntryFilter(choice_id=name))
    return found


async def test_a_budget_ends_it_and_the_next_run_goes_on_there(shelf: Shelf) -> None:
    names = [f"film-{number}" for number in range(40)]
    for name in names:
        await shelf.put(name, name.encode())
    done: set[str] = set()
    while len(done) < 40:
        shelf.clock.moment += timedelta(days=1)
        report = await shelf.verify(clock=TickingClock(shelf.clock.moment), budget_s=14.0)
        assert not report.complete
        assert 0 < report.entries < 40
        verified = {entry.key for entry in await shelf.cache.entries() if entry.verified_at == shelf.clock.moment}
        assert len(verified) == report.entries
        # Nothing a second time before everything had its turn.
        assert len(done | verified) == min(40, len(done) + len(verified))
        done |= verified


async def test_folders_that_a_short_budget_left_out_are_told(shelf: Shelf) -> None:
    for number in range(10):
        await shelf.put(str(number), b"%d" % number)
    report = await shelf.verify(clock=TickingClock(NOW), budget_s=2.0)
    assert 0 < report.unwalked <= 10
    assert not report.complete


async def test_a_large_file_can_be_left_in_its_middle(shelf: Shelf) -> None:
    await shelf.put("large", bytes(40 << 20))
    report = await shelf.verify(EntryFilter(choice_id="large"), clock=TickingClock(NOW), budget_s=0.5)
    assert 0 < report.read_bytes < 40 << 20
    assert (report.entries, report.complete, report.findings) == (0, False, [])


async def test_what_was_verified_before_a_cancellation_stays_noted(shelf: Shelf) -> None:
    for number in range(40):
        await shelf.put(str(number), b"%d" % number)
    shelf.clock.moment += timedelta(days=1)
    told: list[VerifyProgressed] = []
    with anyio.CancelScope() as scope:

        def tell(event: VerifyProgressed) -> None:
            told.append(event)
            if event.entries > 3:
                scope.cancel()

        verification = Verification(shelf.cache, EVERYTHING, clock=TickingClock(shelf.clock.moment), tell=tell)
        await verification.run()
    assert scope.cancelled_caught
    noted = [entry for entry in await shelf.cache.entries() if entry.verified_at == shelf.clock.moment]
    assert 3 < len(noted) == verification.report.entries < 40
    assert verification.report.bytes_per_s is not None
    assert told[-1].read_bytes == verification.report.read_bytes


async def test_a_cache_that_cannot_be_written_is_verified_all_the_same(tmp_path: Path) -> None:
    refusing = False

    def step(change: str, path: Path) -> None:
        if refusing and change == "commit":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    clock = StillClock()
    async with AssetCache(tmp_path / "cache", clock=clock, step=step) as cache:
        await put(cache, draft("x"), b"film")
        shelf = Shelf(cache, tmp_path / "cache", clock, {})
        orphan = shelf.root / "v1" / "blobs" / "ab" / f"{'ab' * 32}.mp4"
        orphan.parent.mkdir(mode=0o700)
        orphan.write_bytes(b"")
        refusing = True
        report = await shelf.verify()
    assert (report.entries, report.noted, problems(report)) == (1, False, [("orphan", False)])


async def test_only_what_the_filter_chooses_is_looked_at(shelf: Shelf) -> None:
    for name in ("wanted", "other"):
        shelf.blob(await shelf.put(name, name.encode())).unlink()
    (shelf.root / "v1" / "blobs" / "loose").symlink_to("/")
    report = await shelf.verify(EntryFilter(choice_id="wanted"))
    assert [finding.choice_id for finding in report.findings] == ["wanted"]
    assert (report.total_entries, report.complete) == (1, True)


@pytest.mark.parametrize("how", ["gone", "garbled", "another's", "a link"])
async def test_a_lost_sidecar_is_written_again_from_the_index(shelf: Shelf, how: str) -> None:
    entry, other = await shelf.put("x", b"film"), await shelf.put("y", b"film")
    sidecar, was = shelf.sidecar(entry), shelf.sidecar(entry).read_bytes()
    told = {"garbled": b"{", "another's": was.replace(b"romance_5", b"romance_6")}
    sidecar.unlink()
    if how in told:
        sidecar.write_bytes(told[how])
    elif how == "a link":
        sidecar.symlink_to(shelf.sidecar(other))

    assert problems(await shelf.verify()) == [("no sidecar", False)]
    assert problems(await shelf.verify(repair=True)) == [("no sidecar", True)]
    assert json.loads(sidecar.read_bytes()) == json.loads(was)
    assert not sidecar.is_symlink()
    assert problems(await shelf.verify()) == []


async def test_a_lost_row_is_listed_again_from_its_sidecar(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    await shelf.put("y", b"other")
    shelf.sql(f"DELETE FROM entries WHERE key = '{entry.key}'")

    report = await shelf.verify()
    assert problems(report) == [("no row", False)]
    assert report.unresolved == 1
    assert await shelf.served("x") is None
    assert problems(await shelf.verify(repair=True)) == [("no row", True)]
    assert await shelf.served("x") == b"film"


async def test_a_lost_update_is_taken_from_the_newer_sidecar(shelf: Shelf) -> None:
    await shelf.put("x", b"old")
    old = shelf.root / "v1" / "index.sqlite3"
    await shelf.cache.aclose()
    kept = old.read_bytes()
    shelf.clock.moment += timedelta(hours=1)
    await shelf.put("x", b"new")
    await shelf.cache.aclose()
    old.write_bytes(kept)

    found = problems(await shelf.verify(repair=True))

    assert ("no row", True) in found
    assert await shelf.served("x") == b"new"


async def test_a_damaged_row_is_mended_from_its_sidecar(shelf: Shelf) -> None:
    await shelf.put("x", b"film")
    shelf.sql("UPDATE documents SET document = '{'")

    assert problems(await shelf.verify()) == [("damaged row", False)]
    assert problems(await shelf.verify(repair=True)) == [("damaged row", True)]
    assert await shelf.served("x") == b"film"


async def test_a_damaged_row_that_nothing_else_tells_of_stays_a_fault(shelf: Shelf) -> None:
    shelf.sidecar(await shelf.put("x", b"film")).unlink()
    shelf.sql("UPDATE documents SET document = '{'")
    report = await shelf.verify(repair=True)
    assert ("damaged row", False) in problems(report)
    assert report.unresolved == 1


async def test_a_sidecar_alone_is_an_answer_without_bytes(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    shelf.sql("DELETE FROM entries")
    shelf.blob(entry).unlink()

    assert problems(await shelf.verify()) == [("missing", False)]
    assert problems(await shelf.verify(repair=True)) == [("missing", True)]
    assert await shelf.served("x") == b"film"


async def test_a_sidecar_alone_whose_bytes_are_not_to_be_had_is_remembered_as_lost(shelf: Shelf) -> None:
    entry = await put(shelf.cache, paid("x"), b"film")
    shelf.sql("DELETE FROM entries")
    shelf.blob(entry).unlink()

    report = await shelf.verify(repair=True)

    assert problems(report) == [("missing", False)]
    assert await shelf.cache.lost(entry.key) == entry
    assert not shelf.sidecar(entry).exists()


async def test_a_garbled_sidecar_without_a_row_is_set_aside(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    shelf.sql("DELETE FROM entries")
    writable(shelf.sidecar(entry)).write_bytes(b"{")

    report = await shelf.verify(repair=True)

    assert report.found[Problem.NO_ROW] == report.unresolved == 1
    assert not shelf.sidecar(entry).exists()
    assert shelf.blob(entry).exists()


async def test_the_sidecar_of_a_replaced_answer_only_takes_room(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"old")
    sidecar = shelf.sidecar(entry).read_bytes()
    shelf.clock.moment += timedelta(hours=1)
    await shelf.put("x", b"new")
    shelf.sidecar(entry).write_bytes(sidecar)

    report = await shelf.verify()
    assert (report.found[Problem.STRAY], report.unresolved) == (1, 0)
    await shelf.verify(repair=True)
    assert not shelf.sidecar(entry).exists()
    assert await shelf.served("x") == b"new"


async def orphan(shelf: Shelf) -> Path:
    entry = await shelf.put("x", b"film")
    shelf.sql("DELETE FROM entries")
    shelf.sidecar(entry).unlink()
    return shelf.blob(entry)


async def test_a_blob_that_nothing_tells_of_is_listed_for_pruning(shelf: Shelf) -> None:
    blob = await orphan(shelf)
    report = await shelf.verify()
    assert (problems(report), report.unresolved) == ([("orphan", False)], 0)
    assert problems(await shelf.verify(repair=True)) == [("orphan", True)]
    assert blob.exists()
    assert problems(await shelf.verify()) == []


async def test_a_blob_that_nothing_tells_of_goes_after_a_day(shelf: Shelf) -> None:
    blob = await orphan(shelf)
    await shelf.cache.aclose()
    shelf.clock.moment += timedelta(days=3 * 365)
    assert problems(await shelf.verify(repair=True)) == [("orphan", True)]
    assert not blob.exists()


async def test_a_blob_in_use_stays_although_nothing_tells_of_it(shelf: Shelf) -> None:
    blob = await orphan(shelf)
    shelf.clock.moment += timedelta(days=3 * 365)
    assert problems(await shelf.verify(repair=True)) == [("orphan", True)]
    assert blob.exists()


async def test_what_a_newer_answer_left_is_in_order(shelf: Shelf) -> None:
    old = await shelf.put("x", b"old")
    await shelf.put("x", b"new")
    assert shelf.blob(old).exists()
    assert problems(await shelf.verify()) == []


async def test_what_dead_writers_left_is_swept_and_what_living_ones_write_stays(shelf: Shelf) -> None:
    await shelf.put("x", b"film")
    partial = shelf.root / "v1" / "partial"
    dead = partial / f"{replace(current_writer(), pid=999_999_999, started='1').token}.00.mp4"
    living = partial / f"{current_writer().token}.00.mp4"
    for path in (dead, living):
        path.write_bytes(b"half")

    report = await shelf.verify()
    assert (problems(report), report.unresolved, dead.exists()) == ([("stray", False)], 0, True)
    assert problems(await shelf.verify(repair=True)) == [("stray", True)]
    assert (dead.exists(), living.exists()) == (False, True)


async def test_planted_links_are_removed_and_what_they_point_to_is_not(shelf: Shelf, tmp_path: Path) -> None:
    entry = await shelf.put("x", b"film")
    target = tmp_path / "target"
    target.mkdir()
    (target / "precious").write_bytes(b"precious")
    blobs = shelf.root / "v1" / "blobs"
    (blobs / "zz").symlink_to(target)
    loose = shelf.blob(entry).with_name(f"{'0' * 64}.mp4")
    loose.symlink_to(target / "precious")
    shelf.blob(entry).parent.joinpath("notes").write_bytes(b"")
    (blobs / "notes").write_bytes(b"")

    report = await shelf.verify()
    assert problems(report) == [("link", False), ("link", False), ("orphan", False), ("orphan", False)]
    assert report.unresolved == 2
    assert (await shelf.verify(repair=True)).unresolved == 0
    assert (target / "precious").read_bytes() == b"precious"
    # What is none of the cache's stays.
    assert problems(await shelf.verify()) == [("orphan", False), ("orphan", False)]


async def test_a_folder_of_blobs_that_became_a_link_is_made_anew(shelf: Shelf, tmp_path: Path) -> None:
    entry = await shelf.put("x", b"film")
    folder = shelf.blob(entry).parent
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")

    assert {name for name, _ in problems(await shelf.verify())} == {"link"}
    # Within a filter the folder is not walked: its link stands in the way of any repair, and is told.
    within = await shelf.verify(EntryFilter(choice_id="x"), repair=True)
    assert problems(within) == [("link", False)]
    assert (tmp_path / "moved" / entry.blob).read_bytes() == b"film"


async def test_a_link_in_place_of_a_folder_goes_and_its_bytes_are_had_again(shelf: Shelf, tmp_path: Path) -> None:
    entry = await shelf.put("x", b"film")
    folder = shelf.blob(entry).parent
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")

    report = await shelf.verify(repair=True)

    assert problems(report) == [("link", True), ("missing", True)]
    assert not folder.is_symlink()
    assert await shelf.served("x") == b"film"
    assert (tmp_path / "moved" / entry.blob).read_bytes() == b"film"


async def test_rights_that_are_too_wide_are_taken_back(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    shelf.blob(entry).chmod(0o644)
    shelf.blob(entry).parent.chmod(0o770)

    report = await shelf.verify()
    assert (problems(report), report.unresolved) == ([("wrong mode", False)] * 2, 2)
    assert problems(await shelf.verify(repair=True)) == [("wrong mode", True)] * 2
    assert (shelf.blob(entry).stat().st_mode & 0o777, shelf.blob(entry).parent.stat().st_mode & 0o777) == (0o400, 0o700)


async def test_a_folder_in_place_of_a_blob_is_damage(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    shelf.blob(entry).unlink()
    shelf.blob(entry).mkdir()
    report = await shelf.verify(EntryFilter(choice_id="x"))
    assert problems(report) == [("damaged", False)]


async def test_what_the_source_has_replaced_is_no_repair(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    flip(shelf.blob(entry), Random(1))
    shelf.originals[entry.key] = b"another film"

    report = await shelf.verify(repair=True)

    assert problems(report) == [("damaged", False)]
    assert "other bytes" in (report.findings[0].detail or "")
    assert await shelf.served("x") is None
    assert list((shelf.root / "v1" / "partial").iterdir()) == []


async def test_one_of_several_sources_is_enough(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    await shelf.put("y", b"film")
    del shelf.originals[min(key_of("x"), key_of("y"))]
    delete(shelf.blob(entry), Random(1))

    assert problems(await shelf.verify(repair=True)) == [("missing", True)] * 2
    assert (await shelf.served("x"), await shelf.served("y")) == (b"film", b"film")


async def test_a_paid_answer_that_is_lost_is_a_fault_until_it_is_there_again(shelf: Shelf) -> None:
    entry = await put(shelf.cache, paid("x"), b"film")
    await put(shelf.cache, draft("free"), b"free")
    for name in ("x", "free"):
        delete(shelf.blob(await entry_of(shelf, name)), Random(1))

    assert (await shelf.verify(repair=True)).unresolved == 2
    for repair in (False, True):
        report = await shelf.verify(repair=repair)
        assert (problems(report), report.unresolved) == ([("lost before", False)], 1)
    shelf.originals[entry.key] = b"film"
    assert problems(await shelf.verify(repair=True)) == [("lost before", True)]
    assert await shelf.served("x") == b"film"
    assert problems(await shelf.verify()) == []


async def test_what_was_lost_and_would_have_expired_is_no_fault(shelf: Shelf) -> None:
    entry = await put(shelf.cache, paid("x", expires_at=NOW + timedelta(days=1)), b"film")
    delete(shelf.blob(entry), Random(1))
    assert (await shelf.verify(repair=True)).unresolved == 1
    shelf.clock.moment += timedelta(days=2)
    assert problems(await shelf.verify()) == []


async def test_what_cannot_be_put_away_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    def step(change: str, path: Path) -> None:
        if change == "rename" and "quarantine" in str(path):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    clock = StillClock()
    async with AssetCache(tmp_path / "cache", clock=clock, step=step) as cache:
        shelf = Shelf(cache, tmp_path / "cache", clock, {})
        flip(shelf.blob(await shelf.put("x", b"film")), Random(1))
        await shelf.put("y", b"clip")
        report = await shelf.verify(repair=True)
    assert (problems(report), report.entries) == ([("damaged", False)], 1)
    assert "cannot be used" in (report.findings[0].detail or "")


async def test_a_newer_answer_is_never_replaced_by_what_was_lost(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    delete(shelf.blob(entry), Random(1))

    async def fetch(lost: CacheEntry, target: Path) -> str:
        shelf.clock.moment += timedelta(hours=1)
        await shelf.put("x", b"newer")
        write_new(target, b"film")
        return lost.asset_id

    await shelf.verify(fetch=fetch)

    assert await shelf.served("x") == b"newer"
    assert await shelf.cache.lost(entry.key) is None


async def test_what_somebody_else_mends_or_clears_meanwhile_is_no_fault(shelf: Shelf) -> None:
    mended, cleared = await shelf.put("mended", b"film"), await shelf.put("cleared", b"clip")
    late = await shelf.put("late", b"late")
    for entry in (mended, cleared, late):
        delete(shelf.blob(entry), Random(1))

    async def fetch(lost: CacheEntry, target: Path) -> str:
        if lost.key == mended.key:
            await shelf.cache.remove(await shelf.cache.plan_clear(EntryFilter(choice_id="cleared")))
            shelf.blob(late).write_bytes(b"late")
            shelf.blob(late).chmod(0o400)
        return await shelf.fetch(lost, target)

    report = await shelf.verify(fetch=fetch)

    assert [(finding.choice_id, finding.repaired) for finding in report.findings] == [("mended", True)]
    assert await shelf.served("late") == b"late"


async def test_a_full_disk_stops_the_repair(tmp_path: Path) -> None:
    full = False

    def step(change: str, path: Path) -> None:
        if full and change == "rename" and "quarantine" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    clock = StillClock()
    async with AssetCache(tmp_path / "cache", clock=clock, step=step) as cache:
        shelf = Shelf(cache, tmp_path / "cache", clock, {})
        flip(shelf.blob(await shelf.put("x", b"film")), Random(1))
        full = True
        with pytest.raises(StorageFull):
            await shelf.verify(repair=True)


async def test_trouble_at_the_source_is_told_and_the_rest_goes_on(shelf: Shelf) -> None:
    for name in ("a", "b"):
        delete(shelf.blob(await shelf.put(name, name.encode())), Random(1))

    async def fetch(lost: CacheEntry, target: Path) -> str:
        if lost.request.choice_id == "a":
            raise JobError("the job is gone", why="it was long ago")
        return await shelf.fetch(lost, target)

    report = await shelf.verify(fetch=fetch)

    assert [(finding.choice_id, finding.repaired, finding.detail) for finding in report.findings] == [
        ("a", False, "the job is gone: it was long ago"),
        ("b", True, "had again from its library"),
    ]


def test_a_long_list_is_cut_and_still_counted() -> None:
    report = VerifyReport()
    for number in range(LISTED + 5):
        report.add(Finding(Problem.MISSING, str(number), repaired=number == 0))
    assert (len(report.findings), report.left_out, report.unresolved) == (LISTED, 5, LISTED + 4)


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may read everything, so it is somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def without_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def looked_at(entry: CacheEntry, blobs: Blobs) -> Look:
    looking = look_at(entry, blobs)
    while True:
        try:
            next(looking)
        except StopIteration as done:
            return done.value


async def test_what_may_not_be_read_is_no_damage(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")
    folder = shelf.blob(entry).parent
    folder.chmod(0)
    with without_rights():
        look = await shelf.cache.work(lambda blobs, _: looked_at(entry, blobs))
    folder.chmod(0o700)
    assert look == Look(Problem.UNREADABLE, os.strerror(errno.EACCES))


async def test_too_many_open_files_are_no_damage(shelf: Shelf) -> None:
    entry = await shelf.put("x", b"film")

    def look(blobs: Blobs, _index: object) -> None:
        with without_descriptors(), pytest.raises(CacheError, match="cannot be opened"):
            next(look_at(entry, blobs))

    await shelf.cache.work(look)


async def test_repairs_look_again(shelf: Shelf, tmp_path: Path) -> None:
    """What changed between the finding and the deed is left alone."""
    entry = await shelf.put("x", b"film")
    link_to_it = tmp_path / "link"
    link_to_it.symlink_to(shelf.blob(entry))
    assert repairing.mend_mode(link_to_it) is False
    blob = shelf.blob(entry)

    def work(blobs: Blobs, index: Index) -> tuple[object, ...]:
        kept = repairing.let_go(blob, blobs, index, NOW, frozenset)
        index.exclusively(lambda run: run("DELETE FROM entries"))
        return kept, repairing.mend_sidecar(entry, blobs, index)

    assert await shelf.cache.work(work) == (None, False)
    assert blob.exists()
