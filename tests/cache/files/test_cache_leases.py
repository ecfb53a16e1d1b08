"""Paths that were handed out stay: each process says what it uses, and the kernel knows whether it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cache_samples import StillClock, bytes_of, draft, key_of, paid, put

from assetctl import filesystem, locks
from assetctl.cache.files.leases import Leases, when_released
from assetctl.cache.index.filters import EntryFilter
from assetctl.cache.removal.pruning import SIDECAR_BYTES, Limits
from assetctl.cache.store import AssetCache
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).parents[1] / "lease_program.py"
EVERYTHING = EntryFilter()
BLOB = "a" * 64 + ".mp4"
OTHER = "b" * 64 + ".mp4"


def leases_in(folder: Path) -> Leases:
    return Leases(folder / "leases", inside=folder, step=filesystem.no_step)


class Holder:
    """A process that was handed the bytes of an entry and lives on."""

    def __init__(self, root: Path, name: str) -> None:
        command = [sys.executable, str(PROGRAM), str(root), name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.path = Path(self.process.stdout.readline().strip())

    def end(self) -> None:
        self.process.communicate("\n", timeout=240)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        self.process.communicate(timeout=240)


@pytest.fixture
def held(root: Path) -> Iterator[Holder]:
    import anyio  # noqa: PLC0415 - a fixture without a loop

    async def fill() -> None:
        async with AssetCache(root, clock=StillClock()) as cache:
            await put(cache, draft("a"), bytes_of("a"))
            await put(cache, draft("b"), bytes_of("b"))

    anyio.run(fill)
    holder = Holder(root, "a")
    yield holder
    if holder.process.poll() is None:
        holder.kill()


@pytest.mark.anyio
async def test_clear_keeps_what_another_process_uses_and_names_it(root: Path, clock: StillClock, held: Holder):
    async with AssetCache(root, clock=clock) as cache:
        plan = await cache.plan_clear(EVERYTHING)
        assert [one.asset_id for one in plan.kept_in_use] == ["asset-a"]
        assert plan.holders == (f"process {held.process.pid} on {filesystem.host_name()}",)
        assert (await cache.remove(plan)).removed == 1
        assert held.path.read_bytes() == bytes_of("a")


@pytest.mark.anyio
@pytest.mark.usefixtures("held")
async def test_even_what_is_named_stays_while_it_is_in_use(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        plan = await cache.plan_clear(EntryFilter(key_prefixes=(key_of("a"),)), include_paid=True)
        assert (plan.entries, len(plan.kept_in_use)) == ((), 1)


@pytest.mark.anyio
@pytest.mark.parametrize("end", [Holder.end, Holder.kill], ids=["ended", "killed"])
async def test_a_lease_ends_with_its_process_however_that_ends(root: Path, clock: StillClock, held: Holder, end):
    end(held)
    async with AssetCache(root, clock=clock) as cache:
        plan = await cache.plan_clear(EVERYTHING)
        assert (len(plan.entries), plan.kept_in_use) == (2, ())
        assert list((root / "v1" / "leases").iterdir()) == []


@pytest.mark.anyio
async def test_pruning_after_a_store_leaves_what_another_process_uses(root: Path, clock: StillClock, held: Holder):
    limit = Limits(2 * (len(bytes_of("a")) + SIDECAR_BYTES), 0, 1e9)
    told: list[str] = []
    async with AssetCache(root, clock=clock, limits=limit, tell=told.append, free_bytes=lambda _: None) as cache:
        await put(cache, draft("c"), bytes_of("c"))
        assert {entry.asset_id for entry in await cache.entries()} == {"asset-a", "asset-c"}
        await put(cache, draft("d"), bytes_of("d"))
    assert held.path.exists()
    assert len(told) == 1, "what is just stored or in use is all that is left"


@pytest.mark.anyio
async def test_a_plan_is_held_up_by_what_came_into_use_since(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache, AssetCache(root, clock=clock) as reader:
        entry = await put(cache, draft("a"), bytes_of("a"))
        plan = await cache.plan_clear(EVERYTHING)
        path = await reader.verified(entry)
        report = await cache.remove(plan)
        assert (report.removed, report.in_use) == (0, 1)
        assert path is not None
        assert path.exists()
        assert await cache.lookup(entry.key) is not None


@pytest.mark.anyio
async def test_what_is_handed_out_while_it_is_moved_away_is_put_back(root: Path, clock: StillClock):
    """The narrowest of races: looked at after the leases were read, moved away after that."""
    handed: list[bool] = []
    leases = leases_in(root / "v1")

    def step(change: str, path: Path) -> None:
        if change == "move" and path.suffix == ".mp4" and not handed:
            # What `verified` of another process does, just before the blob moves.
            leases.hand_out(path.name)
            handed.append(path.exists())

    async with AssetCache(root, clock=clock) as cache:
        entry = await put(cache, paid("a"), bytes_of("a"))
        await put(cache, draft("b"), bytes_of("b"))
    async with AssetCache(root, clock=clock, step=step) as cache:
        report = await cache.remove(await cache.plan_clear(EVERYTHING, include_paid=True))
        assert (handed, report.removed, report.in_use) == ([True], 1, 1)
        left = await cache.entries()
        assert len(left) == 1
        assert await cache.verified(left[0]) is not None
        assert entry.paid
    leases.close()
    (root / "v1" / "index.sqlite3").unlink()
    async with AssetCache(root, clock=clock) as cache:
        assert await cache.entries() == left


@pytest.mark.anyio
async def test_what_this_process_was_handed_it_may_clear_itself(root: Path, clock: StillClock):
    async with AssetCache(root, clock=clock) as cache:
        entry = await put(cache, draft("a"), bytes_of("a"))
        assert await cache.verified(entry)
        assert (await cache.remove(await cache.plan_clear(EVERYTHING))).removed == 1


@pytest.mark.anyio
async def test_a_clear_waits_for_readers_for_a_stated_time(clock: StillClock):
    looks: list[float] = []

    async def look() -> bool:
        looks.append(clock.elapsed_s())
        return len(looks) < 4

    assert await when_released(look, bool, clock=clock, limit_s=2.0) is False
    assert len(looks) == 4
    start = clock.elapsed_s()
    looks.clear()

    async def never() -> bool:
        looks.append(clock.elapsed_s())
        return True

    assert await when_released(never, bool, clock=clock, limit_s=2.0) is True
    assert clock.elapsed_s() - start == pytest.approx(2.0)
    assert await when_released(never, bool, clock=clock, limit_s=0.0) is True


def test_what_was_stored_is_kept_until_some_more_was(tmp_path: Path):
    mine, theirs = leases_in(tmp_path), leases_in(tmp_path)
    blobs = [f"{number:064x}.mp4" for number in range(40)]
    mine.hand_out(blobs[0])
    for blob in blobs:
        mine.keep_new(blob)
    mine.keep_new(blobs[-1])
    assert mine.own == {blobs[0], *blobs[-16:]}
    assert set(theirs.of_others()) == mine.own
    assert mine.of_others() == {}
    mine.close()
    assert (mine.own, theirs.of_others()) == (frozenset(), {})
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_closed_lease_can_be_taken_again(tmp_path: Path):
    mine, theirs = leases_in(tmp_path), leases_in(tmp_path)
    for blob in (BLOB, OTHER):
        mine.hand_out(blob)
        assert set(theirs.of_others()) == {blob}
        mine.close()
        mine.close()


def test_without_room_a_lease_is_known_to_its_own_process_only(tmp_path: Path):
    def full(change: str, path: Path) -> None:
        raise OSError(28, f"{change} {path}")

    mine = Leases(tmp_path / "leases", inside=tmp_path, step=full)
    mine.hand_out(BLOB)
    assert mine.own == {BLOB}
    assert leases_in(tmp_path).of_others() == {}


def test_a_lease_that_could_not_be_named_is_not_left_open(tmp_path: Path):
    def torn(change: str, path: Path) -> None:
        if change == "move":
            raise OSError(5, f"{change} {path}")

    mine = Leases(tmp_path / "leases", inside=tmp_path, step=torn)
    mine.hand_out(BLOB)
    assert mine.own == {BLOB}
    mine.close()
    assert leases_in(tmp_path).of_others() == {}


def test_a_lease_that_cannot_be_removed_is_a_dead_ones(tmp_path: Path):
    def stuck(change: str, path: Path) -> None:
        if change == "unlink":
            raise OSError(13, f"{change} {path}")

    mine = Leases(tmp_path / "leases", inside=tmp_path, step=stuck)
    mine.hand_out(BLOB)
    mine.close()
    assert len(list((tmp_path / "leases").iterdir())) == 1
    assert leases_in(tmp_path).of_others() == {}
    assert list((tmp_path / "leases").iterdir()) == []


def test_what_a_process_left_that_died_before_it_marked_its_lease_is_removed(tmp_path: Path):
    mine = leases_in(tmp_path)
    mine.hand_out(BLOB)
    dead = filesystem.current_writer().token.replace(str(os.getpid()), str(2**22 + 1), 1)
    unmarked = tmp_path / "leases" / f"{dead}.0123.new"
    unmarked.write_bytes(b"")
    living = tmp_path / "leases" / f"{filesystem.current_writer().token}.0123.new"
    living.write_bytes(b"")
    leases_in(tmp_path).of_others()
    assert (unmarked.exists(), living.exists()) == (False, True)


def test_what_stands_in_a_lease_is_not_believed(tmp_path: Path):
    mine = leases_in(tmp_path)
    mine.hand_out(BLOB)
    (path,) = (tmp_path / "leases").iterdir()
    with path.open("ab") as file:
        file.write(b"+../../etc/passwd\n+" + b"c" * 64 + b"\n\xff\xfe\n+" + OTHER.encode()[:30])
    assert set(leases_in(tmp_path).of_others()) == {BLOB}


def test_a_link_among_the_leases_is_refused(tmp_path: Path):
    leases_in(tmp_path).hand_out(BLOB)
    (tmp_path / "leases" / "planted.lease").symlink_to("/etc/passwd")
    with pytest.raises(CacheError):
        leases_in(tmp_path).of_others()


def test_holders_are_named_safely(tmp_path: Path):
    mine = leases_in(tmp_path)
    mine.hand_out(BLOB)
    (path,) = (tmp_path / "leases").iterdir()
    path.write_text(f"process 1 on \x1b[31mred\n+{BLOB}\n", encoding="utf-8")
    (holder,) = leases_in(tmp_path).of_others().values()
    assert "\x1b" not in holder
    path.write_text(f"\n+{BLOB}\n", encoding="utf-8")
    assert list(leases_in(tmp_path).of_others().values()) == ["another process"]


def test_a_mark_is_seen_by_others_and_ends_with_its_descriptor(tmp_path: Path):
    path = tmp_path / "marked"
    path.write_bytes(b"")
    one, two, three = (os.open(path, os.O_RDWR) for _ in range(3))
    try:
        assert locks.try_mark(one)
        assert not locks.try_mark(two, shared=True)
        os.close(one)
        assert locks.try_mark(two, shared=True)
        assert locks.try_mark(three, shared=True)
    finally:
        os.close(two)
        os.close(three)
