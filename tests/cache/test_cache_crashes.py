"""Killed processes, several processes, and folders without rights: real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cache_samples import StillClock, bytes_of, draft, key_of, put, swept

from assetctl.cache.store import AssetCache

pytestmark = pytest.mark.anyio
PROGRAM = Path(__file__).with_name("cache_samples.py")


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


async def check_after_kill(root: Path, confirmed: list[str]) -> None:
    """Nothing torn is served, nothing confirmed is lost, with the index as it is and with a rebuilt one."""
    for rebuilt in (False, True):
        if rebuilt:
            (root / "v1" / "index.sqlite3").unlink(missing_ok=True)
        async with AssetCache(root, clock=StillClock()) as cache:
            for name in ("one", "two"):
                entry = await cache.lookup(key_of(name))
                assert entry is not None or name not in confirmed, name
                if entry is not None:
                    path = await cache.verified(entry)
                    assert path is not None
                    assert path.read_bytes() == bytes_of(name)
            await swept(cache)
            assert list((root / "v1" / "partial").iterdir()) == []


async def test_no_kill_tears_or_loses_what_was_confirmed(tmp_path: Path):
    code, out, err = finished(start("store", tmp_path / "whole", 0, "one", "two"))
    assert code == 0, err
    changes = int(out.split()[-1])
    assert changes > 20
    for first in range(1, changes + 1, 2):
        # Two at a time: the machine has more than one core.
        runs = {at: start("store", tmp_path / str(at), at, "one", "two") for at in (first, first + 1) if at <= changes}
        for at, process in runs.items():
            code, out, _ = finished(process)
            assert code == -9
            await check_after_kill(tmp_path / str(at), [line.split()[1] for line in out.splitlines()])


async def test_eight_processes_store_the_same_and_different_keys(tmp_path: Path):
    rounds = 4
    processes = [start("race", tmp_path / "cache", me, rounds) for me in range(8)]
    for code, _, err in map(finished, processes):
        assert code == 0, err
    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        totals = await cache.totals()
        assert totals.count == 8 * rounds * 2 + 1
        for entry in await cache.entries():
            assert await cache.verified(entry) is not None
        assert list((tmp_path / "cache" / "v1" / "partial").iterdir()) == []


async def test_eight_processes_open_a_garbled_index_at_once(tmp_path: Path):
    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        await put(cache, draft("before"), b"film")
    (tmp_path / "cache" / "v1" / "index.sqlite3").write_bytes(b"garbage" * 1000)
    for code, _, err in map(finished, [start("race", tmp_path / "cache", me, 2) for me in range(8)]):
        assert code == 0, err
    async with AssetCache(tmp_path / "cache", clock=StillClock()) as cache:
        assert (await cache.totals()).count == 8 * 2 * 2 + 2


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can hand a folder to another user and become it"
)
@pytest.mark.parametrize("left_open", [False, True], ids=["closed", "with a write-ahead log"])
async def test_read_only_cache_is_read(left_open):
    # Not below pytest's own folder, which another user may not enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - one quick call
        root = Path(folder) / "cache"
        async with AssetCache(root, clock=StillClock()) as cache:
            await put(cache, draft("confess"), bytes_of("confess"))
            log = root / "v1" / "index.sqlite3-wal"
            if left_open:
                shutil.copy(log, folder)
        if left_open:
            shutil.move(Path(folder) / log.name, log)
        for path in [root, *root.rglob("*")]:
            os.chown(path, 65534, 65534)
            path.chmod(0o500 if path.is_dir() else 0o400)
        code, out, err = finished(start("nobody", root, "confess"))
        assert code == 0, err
        assert out.splitlines()[0] == "confess"
        assert out.splitlines()[1] in {"StorageUnusable", "StorageFull"}


async def test_warm_hit_loads_nothing_heavy(tmp_path: Path):
    async with AssetCache(tmp_path, clock=StillClock()) as cache:
        await put(cache, draft("confess"), b"film")
    code, out, err = finished(start("hit", tmp_path, "confess"))
    assert code == 0, err
    loaded = set(out.split())
    assert "sqlite3" in loaded
    heavy = {"filelock", "PIL", "av", "httpx", "pydantic", "diskcache", "rich", "typer", "trio"}
    assert not loaded & heavy
