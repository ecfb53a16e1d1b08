"""Clearing into the trash and back: what comes back, what can't, and processes killed at any point of either."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cache_samples import NOW, StillClock, bytes_of, draft, key_of, paid, put

from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.store import AssetCache
from assetctl.errors import AssetUnavailable, CacheError

if TYPE_CHECKING:
    from assetctl.cache.removal.undoing import UndoReport

pytestmark = pytest.mark.anyio
PROGRAM = Path(__file__).parents[1] / "trash_program.py"
EVERYTHING = EntryFilter()


async def cleared(cache: AssetCache, filter_: EntryFilter = EVERYTHING, *, keep: bool = True):
    return await cache.remove(await cache.plan_clear(filter_, include_paid=True), keep=keep)


async def undone(cache: AssetCache) -> UndoReport:
    return await cache.shrink(lambda shrinking, now: shrinking.undo(now))


async def has(cache: AssetCache, name: str, data: bytes | None = None) -> bool:
    entry = await cache.lookup(key_of(name))
    path = None if entry is None else await cache.verified(entry)
    return path is not None and path.read_bytes() == (bytes_of(name) if data is None else data)


async def test_what_was_cleared_comes_back_whole_and_survives_a_lost_index(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        kept = [await put(cache, draft("a"), bytes_of("a")), await put(cache, paid("b"), bytes_of("b"))]
        totals = await cache.totals()
        report = await cleared(cache)
        assert (report.removed, report.undoable, report.freed_bytes) == (2, True, totals.size_bytes)
        assert await cache.entries() == []
        back = await undone(cache)
        assert (set(back.restored), back.overwritten, back.gone) == ({one.key for one in kept}, (), ())
        assert (back.command, back.size_bytes) == ("clear", totals.size_bytes)
        assert await cache.totals() == totals
        assert await cache.entries(sort="key") == sorted(kept, key=lambda one: one.key)
        assert list((root / "v1" / "trash").iterdir()) == []
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=clock) as cache:
        assert await has(cache, "a")
        assert await has(cache, "b")


async def test_there_is_nothing_to_bring_back_twice_or_before_anything_was_cleared(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        with pytest.raises(AssetUnavailable, match="nothing to bring back"):
            await undone(cache)
        await put(cache, draft("a"), bytes_of("a"))
        await cleared(cache)
        await undone(cache)
        with pytest.raises(AssetUnavailable):
            await undone(cache)


async def test_the_last_deed_comes_back_first_whatever_the_clock_says(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await put(cache, draft("b"), bytes_of("b"))
        await cleared(cache, EntryFilter(choice_id="a"))
        clock.moment -= timedelta(hours=3)
        await cleared(cache, EntryFilter(choice_id="b"))
        assert (await undone(cache)).restored == (key_of("b"),)
        assert (await undone(cache)).restored == (key_of("a"),)


async def test_nothing_is_kept_when_that_is_asked_for(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        assert not (await cleared(cache, keep=False)).undoable
        assert list((root / "v1" / "trash").iterdir()) == []
        with pytest.raises(AssetUnavailable):
            await undone(cache)


async def test_a_newer_answer_is_not_overwritten(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), b"old")
        await put(cache, draft("b"), bytes_of("b"))
        await cleared(cache)
        await put(cache, draft("a"), b"new")
        report = await undone(cache)
        assert (report.restored, report.overwritten) == ((key_of("b"),), (key_of("a"),))
        assert await has(cache, "a", b"new")
        with pytest.raises(AssetUnavailable):
            await undone(cache)


async def test_the_same_bytes_stored_again_are_the_newer_answer(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await cleared(cache)
        await put(cache, draft("a"), bytes_of("a"))
        assert (await undone(cache)).overwritten == (key_of("a"),)
        assert await has(cache, "a")


async def test_what_has_gone_from_the_trash_is_told(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await put(cache, draft("b"), bytes_of("b"))
        entry = await put(cache, draft("c"), bytes_of("c"))
        await cleared(cache)
        (batch,) = (root / "v1" / "trash").iterdir()
        (batch / entry.blob).unlink()
        damaged = next(path for path in batch.iterdir() if key_of("b") in path.name)
        damaged.chmod(0o600)
        damaged.write_text("{")
        report = await undone(cache)
        assert (report.restored, set(report.gone)) == ((key_of("a"),), {key_of("b"), key_of("c")})


async def test_a_link_in_the_trash_is_not_followed(root: Path, clock: StillClock, tmp_path: Path):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await cleared(cache)
        (batch,) = (root / "v1" / "trash").iterdir()
        sidecar = next(path for path in batch.iterdir() if path.suffix == ".json")
        (tmp_path / "elsewhere").write_bytes(sidecar.read_bytes())
        sidecar.unlink()
        sidecar.symlink_to(tmp_path / "elsewhere")
        assert (await undone(cache)).gone == (key_of("a"),)


async def test_bytes_that_another_entry_shares_stay_and_both_entries_come_back(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), b"same")
        await put(cache, draft("b"), b"same")
        assert (await cleared(cache, EntryFilter(choice_id="a"))).freed_bytes == 0
        assert await has(cache, "b", b"same")
        await undone(cache)
        assert (await cleared(cache)).freed_bytes == 4
        assert len((await undone(cache)).restored) == 2
        assert (await cache.totals()).size_bytes == 4


@pytest.mark.parametrize("days", [1.1, -1.1])
async def test_trash_is_swept_after_a_day_at_the_next_store(root: Path, clock: StillClock, days: float):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await cleared(cache)
    clock.moment += timedelta(days=days)
    async with AssetCache(root, clock=clock) as cache:
        with pytest.raises(AssetUnavailable):
            await undone(cache)
        await put(cache, draft("b"), bytes_of("b"))
        assert list((root / "v1" / "trash").iterdir()) == []


async def test_trash_is_kept_for_nearly_a_day(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await cleared(cache)
    clock.moment += timedelta(hours=23)
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("b"), bytes_of("b"))
        assert (await undone(cache)).restored == (key_of("a"),)


async def test_what_came_back_counts_as_used_now(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        clock.moment += timedelta(days=20)
        await cleared(cache)
        await undone(cache)
        (entry,) = await cache.entries()
        assert (entry.last_used_at, entry.created_at) == (clock.moment, NOW)


async def test_what_does_not_look_like_a_batch_is_left_alone(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await cleared(cache)
        trash = root / "v1" / "trash"
        (trash / "mine").mkdir()
        (trash / "9999999999999-00000000-clear-5").write_text("no folder")
        (trash / "9999999999998-00000000-clear-5").symlink_to(root)
        assert (await undone(cache)).restored == (key_of("a"),)
        assert len(list(trash.iterdir())) == 3


async def test_entries_whose_names_are_no_names_are_not_acted_upon(root: Path, clock: StillClock, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        forged = "UPDATE entries SET blob = '../../../../precious'"
        await cache.work(lambda _, index: index.exclusively(lambda run: run(forged)))
        assert (await cache.plan_clear(EVERYTHING)).entries == ()
        assert precious.read_text() == "mine"


def killed(what: str, root: Path, at: int) -> int:
    """The exit code of a process that does `what` and ends before change `at`."""
    command = [sys.executable, str(PROGRAM), what, str(root), str(at)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode in (0, 77), done.stderr
    return done.returncode


async def whole(root: Path, clock: StillClock) -> dict[str, str]:
    """Where each of the entries is: `cache`, or `trash` and from there back to the cache; nowhere is a failure."""
    found: dict[str, str] = {}
    async with AssetCache(root, clock=clock) as cache:
        async with cache.partial():
            pass  # a writing start settles what is left
        for name in ("a", "b", "c"):
            found[name] = "cache" if await has(cache, name) else "trash"
        if "trash" in found.values():
            report = await undone(cache)
            assert not report.gone
        for name in ("a", "b", "c"):
            assert await has(cache, name), (name, found)
        assert (await cache.totals()).count == 3
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=clock) as cache:
        for name in ("a", "b", "c"):
            assert await has(cache, name), f"{name} is not in a rebuilt index"
    return found


async def filled(root: Path, clock: StillClock) -> None:
    async with AssetCache(root, clock=clock) as cache:
        await put(cache, draft("a"), bytes_of("a"))
        await put(cache, paid("b"), bytes_of("b"))
        await put(cache, paid("c"), bytes_of("c"))


async def test_a_clear_killed_at_any_point_leaves_each_entry_in_the_cache_or_in_the_trash(tmp_path: Path, clock):
    fates: set[str] = set()
    for at in range(1, 200):
        root = tmp_path / str(at) / "cache"
        await filled(root, clock)
        code = killed("clear", root, at)
        fates |= set((await whole(root, clock)).values())
        if code == 0:
            break
    else:
        pytest.fail("there is no end of changes")
    assert at > 10
    assert fates == {"cache", "trash"}


async def test_an_undo_killed_at_any_point_is_finished_by_the_next(tmp_path: Path, clock: StillClock):
    for at in range(1, 200):
        root = tmp_path / str(at) / "cache"
        await filled(root, clock)
        async with AssetCache(root, clock=clock) as cache:
            await cleared(cache)
        code = killed("undo", root, at)
        async with AssetCache(root, clock=clock) as cache:
            try:
                await undone(cache)
            except AssetUnavailable:
                assert await has(cache, "b"), f"killed before change {at}"
            for name in ("a", "b", "c"):
                assert await has(cache, name), f"killed before change {at}"
        (root / "v1" / "index.sqlite3").unlink()
        async with AssetCache(root, clock=clock) as cache:
            assert (await cache.totals()).count == 3
        if code == 0:
            break
    else:
        pytest.fail("there is no end of changes")
    assert at > 8


async def test_a_clear_for_good_killed_at_any_point_serves_nothing_wrong(tmp_path: Path, clock: StillClock):
    for at in range(1, 200):
        root = tmp_path / str(at) / "cache"
        await filled(root, clock)
        code = killed("clear-now", root, at)
        async with AssetCache(root, clock=clock) as cache:
            async with cache.partial():
                pass
            for name in ("a", "b", "c"):
                entry = await cache.lookup(key_of(name))
                assert entry is None or await has(cache, name)
        if code == 0:
            break
    else:
        pytest.fail("there is no end of changes")


@pytest.mark.parametrize("number", [28, 5, 13], ids=["ENOSPC", "EIO", "EACCES"])
async def test_any_failing_change_of_a_clear_loses_nothing_that_was_paid_for(tmp_path: Path, clock, number: int):
    for at in range(1, 60):
        root, seen = tmp_path / str(at) / "cache", [0]
        await filled(root, clock)

        def failing(change: str, path: Path, seen: list[int] = seen, at: int = at) -> None:
            seen[0] += 1
            if seen[0] == at:
                raise OSError(number, os.strerror(number), f"{change} {path}")

        cache = AssetCache(root, clock=clock, step=failing)
        try:
            report = await cleared(cache)
            undoable = report.undoable
        except CacheError:
            undoable = True
        await cache.aclose()
        if undoable:
            await whole(root, clock)
        if seen[0] < at:
            break
    else:
        pytest.fail("there is no end of changes")
