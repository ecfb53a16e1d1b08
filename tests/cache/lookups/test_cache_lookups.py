"""Remembered texts: each for its time, none believed that was not written here, and no trouble that costs more."""

from __future__ import annotations

import errno
import json
import logging
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from cache_samples import NOW, StillClock
from hypothesis import given
from hypothesis import strategies as st

from assetctl.cache.lookups import LONGEST_LIFE, LONGEST_TEXT, PAUSE_S, Lookups, texts
from assetctl.cache.lookups.rows import row_key, row_of, text_of
from assetctl.cache.lookups.shape import ForeignError, ForeignRowError
from assetctl.cache.lookups.texts import TextDisk
from assetctl.filesystem import FileSystemKind

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lookups"


@pytest.fixture
def lookups(folder: Path, clock: StillClock) -> Lookups:
    return Lookups(folder, clock=clock, timeout_s=0.2)


def execute(folder: Path, sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as connection:
        return connection.execute(sql, values).fetchall()


def open_files(folder: Path) -> list[str]:
    links = Path("/proc/self/fd").iterdir() if sys.platform == "linux" else ()
    return [name for link in links if Path(name := os.path.realpath(link)).is_relative_to(folder)]


def program(text: str, *words: object) -> subprocess.Popen[str]:
    """A Python process of `text`, told `words` and where the samples are."""
    told = [*map(str, words), str(Path(__file__).parents[1])]
    return subprocess.Popen([sys.executable, "-c", text, *told], stdout=-1, stderr=-1, text=True)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = (record for record in caplog.records if record.name.startswith("assetctl"))
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]


async def test_what_is_remembered_is_recalled_here_and_by_the_next_one(folder, clock, lookups):
    assert await lookups.recall("k") is None
    await lookups.remember("k", "an answer \ud800 \x00 ☃", ttl_s=600)
    assert await lookups.recall("k") == "an answer \ud800 \x00 ☃"
    assert await Lookups(folder, clock=clock).recall("k") == "an answer \ud800 \x00 ☃"
    await lookups.forget("k")
    await lookups.forget("k")
    assert await lookups.recall("k") is None


async def test_many_are_remembered_and_recalled_in_one_use_each_as_if_alone(folder, clock, lookups):
    assert await lookups.recall_all(["a", "b"]) == {}
    await lookups.remember_all({"a": "1", "b": "2", "c": "x" * (LONGEST_TEXT + 1)}, ttl_s=600)
    assert await lookups.recall_all(iter(["a", "none", "b", "c"])) == {"a": "1", "b": "2"}
    assert await lookups.recall("b") == "2"
    execute(folder, "UPDATE Cache SET value = 'x' WHERE key = ?", row_key("a"))
    assert await lookups.recall_all(["a", "b"]) == {"b": "2"}
    clock.moment = NOW + timedelta(seconds=600)
    assert await lookups.recall_all(["a", "b"]) == {}
    await lookups.remember_all({}, ttl_s=600)


async def test_nothing_is_touched_before_the_first_use(folder, clock):
    Lookups(folder, clock=clock)
    assert not folder.exists()


async def test_each_text_has_its_own_time(clock, lookups):
    # Long enough for any machine: diskcache counts them by its own clock as well.
    await lookups.remember("short", "s", ttl_s=600)
    await lookups.remember("long", "l", ttl_s=6_000)
    clock.moment = NOW + timedelta(seconds=599.9)
    assert [await lookups.recall(key) for key in ("short", "long")] == ["s", "l"]
    clock.moment = NOW + timedelta(seconds=600)
    assert [await lookups.recall(key) for key in ("short", "long")] == [None, "l"]


async def test_a_clock_set_back_or_a_year_ahead_makes_nothing_immortal(clock, lookups):
    clock.moment = NOW + timedelta(days=365)
    await lookups.remember("k", "from the future", ttl_s=600)
    clock.moment = NOW
    assert await lookups.recall("k") is None
    await lookups.remember("k", "of now", ttl_s=1e12)
    clock.moment = NOW + LONGEST_LIFE
    assert await lookups.recall("k") is None


async def test_a_text_that_is_too_long_is_not_remembered(lookups):
    await lookups.remember("k", "x" * LONGEST_TEXT, ttl_s=600)
    await lookups.remember("long", "x" * (LONGEST_TEXT + 1), ttl_s=600)
    assert await lookups.recall("k") == "x" * LONGEST_TEXT
    assert await lookups.recall("long") is None


async def test_folder_and_files_are_private_whatever_the_umask(folder, lookups):
    before = os.umask(0)
    try:
        await lookups.remember("k", "x", ttl_s=600)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_no_value_becomes_a_file_and_no_connection_stays_open(folder, lookups):
    await lookups.remember("k", "x" * 500_000, ttl_s=600)
    await lookups.recall("k")
    assert [path.name for path in folder.iterdir()] == ["cache.db"]
    assert open_files(folder) == []


async def test_the_size_limit_holds_and_the_newest_stay(folder, clock):
    limit = 400_000
    lookups = Lookups(folder, clock=clock, size_limit=limit)
    for number in range(80):
        await lookups.remember(f"k{number}", os.urandom(5_000).hex(), ttl_s=600)
    assert (folder / "cache.db").stat().st_size < limit * 1.1
    assert await lookups.recall("k79") is not None
    assert await lookups.recall("k0") is None


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("raw", [0, 1])
@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4, 99, "4", None])
async def test_a_planted_pickle_is_never_unpickled(tmp_path, folder, lookups, mode, raw):
    await lookups.remember("k", "x", ttl_s=600)
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    execute(folder, "UPDATE Cache SET mode = ?, value = ?, raw = ?", mode, bomb, raw)
    assert await lookups.recall("k") is None
    await lookups.remember("k", "y", ttl_s=600)
    assert await lookups.recall("k") == "y"
    assert not (tmp_path / "exploded").exists()


async def test_a_planted_pickle_would_explode_elsewhere(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "exploded")))
    assert (tmp_path / "exploded").exists()


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
async def test_a_row_that_names_a_file_neither_reads_nor_removes_it(tmp_path, folder, clock, mode):
    precious = tmp_path / "precious" / "novel.txt"
    precious.parent.mkdir()
    precious.write_text("chapter one")
    lookups = Lookups(folder, clock=clock, size_limit=200_000)
    for key in ("read", "replaced", "forgotten", "expired"):
        await lookups.remember(key, "x", ttl_s=600)
    execute(folder, "UPDATE Cache SET mode = ?, filename = '../precious/novel.txt', size = 11", mode)
    execute(folder, "UPDATE Cache SET expire_time = 1 WHERE key = ?", row_key("expired"))
    assert await lookups.recall("read") is None
    await lookups.remember("replaced", "y", ttl_s=600)
    await lookups.forget("forgotten")
    for number in range(30):
        await lookups.remember(f"crowd{number}", "z" * 20_000, ttl_s=600)
    assert await lookups.recall("crowd29") == "z" * 20_000
    assert execute(folder, "SELECT count(*) FROM Cache WHERE filename IS NOT NULL") == [(0,)]
    assert precious.read_text() == "chapter one"


@pytest.mark.parametrize(
    "value", ["", "null", "[]", "3", "{", "[" * 100_000, '{"schema": 1}', b"\xff", 7, None, "9" * 10_000]
)  # fmt: skip
async def test_a_row_that_is_no_text_of_ours_is_a_miss_and_goes(folder, lookups, value):
    await lookups.remember("k", "x", ttl_s=600)
    execute(folder, "UPDATE Cache SET value = ?", value)
    assert await lookups.recall("k") is None
    assert execute(folder, "SELECT count(*) FROM Cache") == [(0,)]


@pytest.mark.parametrize("change", [{"text": "y"}, {"until_ms": 2**62}, {"made_ms": 0}, {"until_ms": "x"}, {"text": 1}])
async def test_a_changed_text_or_time_is_damage(folder, lookups, change):
    await lookups.remember("k", "x", ttl_s=600)
    ((row,),) = execute(folder, "SELECT value FROM Cache")
    execute(folder, "UPDATE Cache SET value = ?", json.dumps(json.loads(row) | change))
    assert await lookups.recall("k") is None


async def test_the_row_of_another_key_is_damage(folder, lookups):
    await lookups.remember("k", "x", ttl_s=600)
    execute(folder, "UPDATE Cache SET key = ?", row_key("other"))
    assert await lookups.recall("other") is None


def test_a_life_that_nobody_may_have_is_damage():
    with pytest.raises(ForeignRowError):
        text_of(row_of("k", "x", 0, 10**12), "k", 1)


@given(st.text(), st.text(), st.integers(0, 2**45), st.integers(0, 86_400_000))
def test_every_text_comes_back_while_its_time_runs(key, text, made_ms, life_ms):
    row = row_of(key, text, made_ms, made_ms + life_ms)
    assert text_of(row, key, made_ms) == (text if life_ms else None)
    assert text_of(row, key, made_ms + life_ms) is None


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 2_000)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def trigger(path: Path) -> None:
    execute(path.parent, "CREATE TRIGGER t AFTER UPDATE ON Cache BEGIN DELETE FROM Cache; END")


def view(path: Path) -> None:
    execute(path.parent, "CREATE VIEW v AS SELECT 1")


def pragma(path: Path) -> None:
    execute(path.parent, "INSERT INTO Settings VALUES ('sqlite_writable_schema', 1)")


def other_pragma(path: Path) -> None:
    execute(path.parent, "UPDATE Settings SET value = 'delete; x' WHERE key = 'sqlite_journal_mode'")


def strange_setting(path: Path) -> None:
    execute(path.parent, "INSERT INTO Settings VALUES (x'00', 1)")


def counter(path: Path) -> None:
    execute(path.parent, "UPDATE Settings SET value = 'many' WHERE key = 'size'")


def writable(path: Path) -> None:
    path.chmod(0o666)


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    path.symlink_to("elsewhere.db")


def hard_linked(path: Path) -> None:
    path.with_name("elsewhere.db").hardlink_to(path)


def planted_wal(path: Path) -> None:
    path.with_name("elsewhere").write_text("mine")
    path.with_name("cache.db-wal").symlink_to("elsewhere")


DAMAGES = [garbage, cut, empty, trigger, view, pragma, other_pragma, strange_setting, counter, writable, linked,
           hard_linked, planted_wal]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_a_damaged_database_is_forgotten_and_made_anew(folder, clock, damage: Callable[[Path], None], caplog):
    await Lookups(folder, clock=clock).remember("k", "x" * 20_000, ttl_s=600)
    damage(folder / "cache.db")
    lookups = Lookups(folder, clock=clock)
    assert await lookups.recall("k") is None
    assert len(told(caplog)) <= 1
    await lookups.remember("k", "y", ttl_s=600)
    assert await lookups.recall("k") == "y"
    if (folder / "elsewhere.db").exists():
        assert execute(folder, "SELECT count(*) FROM Cache") == [(1,)]
        with closing(sqlite3.connect(folder / "elsewhere.db")) as untouched:
            assert untouched.execute("SELECT length(value) > 20000 FROM Cache").fetchall() == [(1,)]


@pytest.mark.parametrize("damage", [garbage, pragma, strange_setting], ids=lambda damage: damage.__name__)
async def test_damage_under_an_open_one_is_found_too(folder, lookups, damage, caplog):
    await lookups.remember("k", "x", ttl_s=600)
    damage(folder / "cache.db")
    assert await lookups.recall("k") is None
    await lookups.remember("k", "y", ttl_s=600)
    assert await lookups.recall("k") == "y"
    assert len(told(caplog)) == 1


async def test_a_link_to_the_users_own_database_leaves_it_alone(tmp_path, folder, lookups):
    folder.mkdir(mode=0o700)
    journal = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("CREATE TABLE orders (id)")
    before = journal.read_bytes()
    (folder / "cache.db").symlink_to(journal)
    await lookups.remember("k", "x", ttl_s=600)
    await lookups.remember("k", "x", ttl_s=600)
    assert await lookups.recall("k") == "x"
    assert journal.read_bytes() == before


async def test_a_database_that_vanishes_under_an_open_one_is_a_miss(folder, clock, lookups):
    await lookups.remember("k", "x", ttl_s=600)
    (folder / "cache.db").unlink()
    assert await lookups.recall("k") is None
    clock.moment += timedelta(seconds=PAUSE_S)
    await lookups.remember("k", "y", ttl_s=600)
    assert await lookups.recall("k") == "y"


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
@pytest.mark.parametrize("is_open", [False, True])
async def test_a_locked_database_costs_a_bounded_wait_once(folder, clock, begin, is_open, caplog):
    steps: list[str] = []
    fresh = Lookups(folder, clock=clock, timeout_s=0.2, step=lambda change, _: steps.append(change))
    await (fresh if is_open else Lookups(folder, clock=clock)).remember("k", "x", ttl_s=600)
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute(begin)
        steps.clear()
        started = time.monotonic()
        for _ in range(50):
            await fresh.remember("k", "y", ttl_s=600)
            await fresh.recall("k")
        assert time.monotonic() - started < 30
        assert steps.count("create") == 1, "it was looked for once"
        other.execute("ROLLBACK")
    assert len(told(caplog)) == 1
    clock.moment += timedelta(seconds=PAUSE_S)
    await fresh.remember("k", "z", ttl_s=600)
    assert await fresh.recall("k") in ("z", None)


async def test_the_wait_for_an_opening_is_bounded_and_not_the_minute_of_diskcache(folder, clock):
    await Lookups(folder, clock=clock).remember("k", "x", ttl_s=600)
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert await Lookups(folder, clock=clock, timeout_s=0.2).recall("k") is None
        assert 0.2 <= time.monotonic() - started < 30


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE])
@pytest.mark.parametrize("change", ["mkdir", "create", "remember"])
async def test_a_full_or_refusing_disk_is_a_miss_told_once(folder, clock, number, change, caplog):
    def failing(what: str, path: Path) -> None:
        if what == change:
            raise OSError(number, os.strerror(number), str(path))

    lookups = Lookups(folder, clock=clock, step=failing)
    for _ in range(3):
        await lookups.remember("k", "x", ttl_s=600)
        assert await lookups.recall("k") is None
        clock.moment += timedelta(seconds=PAUSE_S)
    assert len(told(caplog)) == 1
    assert os.strerror(number) in told(caplog)[0] or "read-only" in told(caplog)[0]


LIMITED = """
import sys, anyio, resource, signal
sys.path[:0] = sys.argv[2:]
sys.dont_write_bytecode = True
from pathlib import Path
from cache_samples import StillClock
from assetctl.cache.lookups import Lookups
async def main():
    lookups = Lookups(Path(sys.argv[1]), clock=StillClock())
    await lookups.remember("small", "s", ttl_s=600)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    for number in range(50):
        await lookups.remember(f"k{number}", "x" * 100_000, ttl_s=600)
    print(await lookups.recall("small"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(await Lookups(Path(sys.argv[1]), clock=StillClock()).recall("small"))
anyio.run(main)
"""


async def test_a_file_that_may_not_grow_loses_nothing_that_is_there(folder):
    out, complaint = program(LIMITED, folder).communicate(timeout=240)
    assert out.split() == ["None", "s"], complaint


async def test_a_folder_that_cannot_be_trusted_is_not_used(tmp_path, clock, caplog):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    lookups = Lookups(tmp_path / "link", clock=clock)
    await lookups.remember("k", "x", ttl_s=600)
    assert await lookups.recall("k") is None
    assert "link" in told(caplog)[0]
    assert list((tmp_path / "real").iterdir()) == []


async def test_a_folder_in_the_databases_place_is_left_alone(folder, lookups):
    (folder / "cache.db").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    await lookups.remember("k", "x", ttl_s=600)
    assert await lookups.recall("k") is None
    assert (folder / "cache.db").is_dir()


async def test_a_name_that_diskcache_would_expand_is_not_used(tmp_path, clock, caplog):
    lookups = Lookups(tmp_path / "$HOME" / "lookups", clock=clock)
    await lookups.remember("k", "x", ttl_s=600)
    assert await lookups.recall("k") is None
    assert "$" in told(caplog)[0]
    assert not (Path.home() / "lookups").exists()


async def test_a_network_file_system_is_not_used(folder, clock, caplog):
    lookups = Lookups(folder, clock=clock, find_kind=lambda _: FileSystemKind("nfs4", is_local=False))
    await lookups.remember("k", "x", ttl_s=600)
    assert await lookups.recall("k") is None
    assert not folder.exists()
    assert "nfs4" in told(caplog)[0]


READ_ONLY = """
import codecs, os, sys, anyio
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from cache_samples import StillClock
from assetctl.cache.lookups import Lookups
import anyio._backends._asyncio
codecs.lookup("ascii")
async def main():
    lookups = Lookups(Path(sys.argv[1]), clock=StillClock(), timeout_s=0.2)
    print(await lookups.recall("k"))
    await lookups.remember("k", "y", ttl_s=600)
    print(await lookups.recall("k"))
os.setegid(65534); os.seteuid(65534)
anyio.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can become somebody else")
async def test_one_that_may_only_be_read_is_a_miss_and_stays_as_it_is(clock):
    # Not below pytest's own folder, which another user may not enter.
    with tempfile.TemporaryDirectory() as open_to_all:
        os.chmod(open_to_all, 0o755)  # noqa: PTH101 - one quick call
        folder = Path(open_to_all) / "lookups"
        await Lookups(folder, clock=clock).remember("k", "x", ttl_s=600)
        before = (folder / "cache.db").read_bytes()
        for path, mode in ((folder, 0o500), (folder / "cache.db", 0o400)):
            os.chown(path, 65534, 65534)
            path.chmod(mode)
        out, complaint = program(READ_ONLY, folder).communicate(timeout=240)
        assert out.split() == ["None", "None"], complaint
        assert complaint.count("not remembered") == 1
        assert (folder / "cache.db").read_bytes() == before


SHARED = """
import sys, anyio
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from cache_samples import StillClock
from assetctl.cache.lookups import Lookups
async def main():
    lookups = Lookups(Path(sys.argv[1]), clock=StillClock(), timeout_s=20)
    for number in range(40):
        await lookups.remember(f"{sys.argv[2]}-{number}", f"{sys.argv[2]} {number}", ttl_s=600)
        await lookups.remember("same", "same", ttl_s=600)
        assert await lookups.recall("same") == "same"
anyio.run(main)
"""


async def test_processes_share_one(folder, clock):
    running = [program(SHARED, folder, f"p{number}") for number in range(4)]
    for process in running:
        _, complaint = process.communicate(timeout=240)
        assert process.returncode == 0, complaint
        assert "remembered" not in complaint
    lookups = Lookups(folder, clock=clock)
    for number in range(4):
        assert await lookups.recall(f"p{number}-39") == f"p{number} 39"


async def test_threads_share_one(lookups):
    async def work(name: str) -> None:
        for number in range(10):
            await lookups.remember(f"{name}{number}", name, ttl_s=600)
            assert await lookups.recall(f"{name}{number}") == name

    async with anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(work, name)


def test_settings_that_change_after_the_look_are_refused_by_the_cache_itself(tmp_path):
    ours = texts.settings(1 << 20)
    cache = texts.TextCache(tmp_path, ours, 1.0)
    execute(tmp_path, "UPDATE Settings SET value = 'memory' WHERE key = 'sqlite_journal_mode'")
    with pytest.raises(ForeignError), cache.within(1.0) as used:
        used.get("k", retry=False)
    assert open_files(tmp_path) == []


def test_the_disk_takes_text_and_nothing_else(tmp_path):
    disk = TextDisk(str(tmp_path))
    assert disk.put("k") == ("k", True)
    assert disk.get("k", 1) == "k"
    assert disk.store("v", read=False) == (0, 1, None, "v")
    for wrong in (1, b"k", None, ["k"], 1.5):
        with pytest.raises(TypeError):
            disk.put(wrong)
        with pytest.raises(TypeError):
            disk.store(wrong, read=False)
        with pytest.raises(ForeignRowError):
            disk.get(wrong, 1)
    with pytest.raises(TypeError):
        disk.store("v", read=True)
    with pytest.raises(ForeignRowError):
        disk.get("k", 0)
    (tmp_path / "file").touch()
    disk.remove("file")
    assert (tmp_path / "file").exists()
