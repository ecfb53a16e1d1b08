"""Kernel locks between tasks and between real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import pytest

from assetctl import locks
from assetctl.clock import SystemClock
from assetctl.errors import CacheError, StorageFull, StorageUnusable

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, pathlib
from assetctl import locks
with locks.held(pathlib.Path(sys.argv[1]), limit_s=5):
    print("holding", flush=True)
    sys.stdin.read()
"""


class CountingClock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "key.lock"


@pytest.fixture
def holder(path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    yield process
    process.kill()
    process.communicate(timeout=240)


@pytest.mark.anyio
async def test_only_one_task_is_inside(path: Path):
    inside, most = 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with locks.hold(path, clock=SystemClock(), limit_s=240):
            inside += 1
            most = max(most, inside)
            await anyio.sleep(0.005)
            inside -= 1

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(work)
    assert most == 1


@pytest.mark.anyio
async def test_wait_ends_at_its_limit_and_names_the_owner(path: Path, holder: subprocess.Popen):
    clock, told = CountingClock(), []
    with pytest.raises(CacheError) as caught:
        async with locks.hold(
            path, clock=clock, limit_s=3, on_wait=lambda owner, waited_s: told.append((owner, waited_s))
        ):
            raise AssertionError("two holders")
    assert f"process {holder.pid} on " in (caught.value.why or "")
    assert clock.elapsed_s() == pytest.approx(3)
    assert told
    assert told[0][0].startswith(f"process {holder.pid} on ")
    assert clock.slept[0] < clock.slept[3] <= 0.5
    with pytest.raises(CacheError, match="still locked"), locks.held(path, limit_s=0.05):
        raise AssertionError("two holders")


@pytest.mark.anyio
async def test_lock_ends_with_its_killed_owner(path: Path, holder: subprocess.Popen):
    assert locks.is_held(path)
    holder.kill()
    holder.wait(240)
    with anyio.fail_after(60):
        async with locks.hold(path, clock=SystemClock(), limit_s=5):
            assert locks.owner(path) == f"process {os.getpid()} on {os.uname().nodename}"


@pytest.mark.anyio
async def test_cancelled_waiter_leaves_no_lock(path: Path, holder: subprocess.Popen):
    with anyio.move_on_after(0.1) as scope:
        async with locks.hold(path, clock=SystemClock(), limit_s=60):
            raise AssertionError("two holders")
    assert scope.cancelled_caught
    holder.kill()
    holder.wait(240)
    assert not locks.is_held(path)


def test_child_process_does_not_inherit_the_lock(path: Path):
    with locks.held(path, limit_s=1):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        assert not locks.is_held(path)
    finally:
        child.communicate(timeout=240)


def test_try_hold_tells_at_once(path: Path, holder: subprocess.Popen):
    with locks.try_hold(path) as got:
        assert not got
    holder.kill()
    holder.wait(240)
    with locks.try_hold(path) as got:
        assert got
        assert locks.is_held(path)
    assert path.exists()
    assert path.stat().st_mode & 0o077 == 0


def test_asking_makes_nothing(path: Path):
    assert not locks.is_held(path)
    assert not path.parent.exists()
    assert locks.owner(path) == "another process"


def test_owner_is_safe_to_print(path: Path):
    path.parent.mkdir(mode=0o700)
    path.with_name("key.lock.owner").write_text("\x1b[2Jevil\n" + "x" * 9999, encoding="utf-8")
    shown = locks.owner(path)
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert len(shown) < 300


def test_lock_that_is_a_link_is_refused(path: Path, tmp_path: Path):
    path.parent.mkdir(mode=0o700)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageUnusable), locks.held(path, limit_s=1):
        raise AssertionError("followed a link")
    assert not (tmp_path / "elsewhere").exists()


class NoLocksHere:
    """A lock on a file system without locks, or without room."""

    def __init__(self, number: int) -> None:
        self.number = number

    def acquire(self, *, blocking: bool) -> None:
        assert not blocking
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(("number", "kind"), [(38, StorageUnusable), (37, StorageUnusable), (28, StorageFull)])
def test_file_system_without_locks_is_refused(path: Path, number: int, kind: type[CacheError]):
    with pytest.raises(kind):
        locks._acquire(NoLocksHere(number), path)
