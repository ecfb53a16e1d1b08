"""A folder shared by a group: everybody reads what anybody stored, nobody can hurt it, nobody needs it."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from cache_samples import NOW, StillClock, bytes_of, draft, key_of, paid, put

from assetctl.cache.removal.pruning import Limits
from assetctl.cache.sharing.cache import SharingCache
from assetctl.cache.sharing.folder import SharedFolder, read_some
from assetctl.cache.store import AssetCache
from assetctl.errors import CacheError, StorageFull, StorageUnusable
from assetctl.filesystem import hash_file, write_new
from assetctl.models import Reuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assetctl.cache.entries import CacheEntry
    from assetctl.filesystem import Step

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX groups")]

AS_ROOT = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can become several users")
GROUP = 4242
ANN, BOB, EVE = 51001, 51002, 51003
#: Of this file run as a program: it finds the samples.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture
def team(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    folder.mkdir()
    folder.chmod(0o2770)
    return folder


def opened(folder: Path, team: Path, clock: StillClock | None = None, **seams: Step) -> SharingCache:
    return SharingCache(folder, shared=SharedFolder(team, **seams), clock=clock or StillClock())


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = (record for record in caplog.records if record.name.startswith("assetctl"))
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]


def files(team: Path) -> list[Path]:
    return sorted(path for path in team.rglob("*") if path.is_file())


async def found_bytes(cache: AssetCache, name: str) -> bytes | None:
    entry = await cache.lookup(key_of(name))
    path = None if entry is None else await cache.verified(entry)
    return None if path is None else await anyio.Path(path).read_bytes()


async def test_what_one_stores_another_finds_and_then_has(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann, opened(tmp_path / "bob", team) as bob:
        stored = await put(ann, paid("clip"), bytes_of("clip"))
        assert await found_bytes(bob, "clip") == bytes_of("clip")
        mine = await AssetCache.lookup(bob, key_of("clip"))
        assert mine is not None
        assert (mine.sha256, mine.asset_id, mine.origin, mine.cost) == (
            stored.sha256, stored.asset_id, stored.origin, stored.cost,
        )  # fmt: skip
        path = await bob.verified(mine)
        assert path is not None
        assert path.is_relative_to(tmp_path / "bob")


async def test_what_one_has_handed_out_as_it_is_stored_another_finds_too(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann, opened(tmp_path / "bob", team) as bob:
        async with ann.partial(".mp4") as partial:
            write_new(partial, bytes_of("clip"))
            _, path = await ann.store_and_hand_out(partial, lambda: (paid("clip"), hash_file(partial)))
        assert path is not None
        assert path.is_relative_to(tmp_path / "ann")
        assert await found_bytes(bob, "clip") == bytes_of("clip")


async def test_a_look_copies_nothing(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann, opened(tmp_path / "bob", team) as bob:
        await put(ann, draft("clip"), bytes_of("clip"))
        assert await bob.lookup(key_of("clip")) is not None
        assert (await bob.totals()).count == 0


async def test_the_own_answer_comes_first(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann, opened(tmp_path / "bob", team, StillClock(NOW)) as bob:
        await put(bob, draft("clip"), b"bob's")
        await put(ann, draft("clip"), b"ann's")
        assert await found_bytes(bob, "clip") == b"bob's"


async def test_the_newest_of_several_answers_counts(tmp_path, team):
    late = StillClock(NOW + timedelta(hours=1))
    async with opened(tmp_path / "ann", team) as ann, opened(tmp_path / "bob", team, late) as bob:
        await put(ann, draft("clip"), b"first")
        await put(bob, draft("clip"), b"second")
    async with opened(tmp_path / "eve", team, late) as eve:
        assert await found_bytes(eve, "clip") == b"second"


async def test_nothing_that_may_not_be_reused_is_shared(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("card", stand_in=True), b"stand-in")
        await put(ann, draft("once", reuse=Reuse.ALWAYS), b"for one use")
    assert files(team) == []


async def test_an_expired_answer_is_none(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip", expires_at=NOW + timedelta(days=1)), b"film")
    late = StillClock(NOW + timedelta(days=2))
    async with opened(tmp_path / "bob", team, late) as bob:
        assert await bob.lookup(key_of("clip")) is None


async def test_shared_files_are_of_the_group_and_read_only_whatever_the_umask(tmp_path, team):
    before = os.umask(0o077)
    try:
        async with opened(tmp_path / "ann", team) as ann:
            await put(ann, draft("clip"), bytes_of("clip"))
    finally:
        os.umask(before)
    assert len(files(team)) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(team)} == {0o440}
    folders = [path for path in team.rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o3770}
    assert {path.stat().st_gid for path in team.rglob("*")} == {team.stat().st_gid}


@pytest.mark.parametrize("damage", [b"", b"x", bytes_of("clip")[:-1] + b"!"])
async def test_damaged_bytes_are_no_answer_and_are_left_where_they_are(tmp_path, team, damage):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
    blob = next(path for path in files(team) if path.suffix == ".mp4")
    blob.chmod(0o600)
    blob.write_bytes(damage)
    async with opened(tmp_path / "bob", team) as bob:
        assert await found_bytes(bob, "clip") is None
        assert blob.read_bytes() == damage
        await put(bob, draft("clip"), bytes_of("clip"))
    async with opened(tmp_path / "eve", team) as eve:
        assert await found_bytes(eve, "clip") == bytes_of("clip")


async def test_what_is_too_large_to_keep_is_delivered_although_the_folder_cannot_be_reached(tmp_path):
    limits = Limits(max_size_bytes=10, min_free_bytes=0, max_unused_s=1e9)
    shared = SharedFolder(tmp_path / "missing")
    async with SharingCache(tmp_path / "ann", shared=shared, clock=StillClock(), limits=limits) as ann:
        entry = await put(ann, draft("clip"), bytes_of("clip"))
        path = await ann.verified(entry)
        assert path is not None
        assert path.read_bytes() == bytes_of("clip")


async def test_a_file_that_grew_after_the_look_is_copied_no_further_than_it_should_be_long(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        entry = await put(ann, draft("clip"), b"film")
    blob = next(path for path in files(team) if path.suffix == ".mp4")
    blob.chmod(0o600)
    blob.write_bytes(b"film and a great deal more")
    target = tmp_path / "target"
    assert not SharedFolder(team).take(entry, target)
    assert target.read_bytes() == b"film "


async def test_own_damage_is_mended_from_the_shared_copy(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        entry = await put(ann, paid("clip"), bytes_of("clip"))
        path = await ann.verified(entry)
        assert path is not None
        path.chmod(0o600)
        path.write_bytes(b"damaged")
        assert await found_bytes(ann, "clip") == bytes_of("clip")
        assert await ann.lost(key_of("clip")) is None


async def test_a_removed_shared_file_is_a_miss_and_no_error(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
    async with opened(tmp_path / "bob", team) as bob:
        entry = await bob.lookup(key_of("clip"))
        assert entry is not None
        for path in files(team):
            path.unlink()
        assert await bob.verified(entry) is None
        assert await bob.lookup(key_of("clip")) is None


NOTES = {
    "garbage": b"{",
    "too deep": b"[" * 100_000,
    "another schema": b'{"schema": "other"}',
    "empty": b"",
}


@pytest.mark.parametrize("content", NOTES.values(), ids=NOTES)
async def test_a_note_that_is_none_is_passed_over(tmp_path, team, content):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
    note = next(path for path in files(team) if path.suffix == ".json")
    note.chmod(0o600)
    note.write_bytes(content)
    async with opened(tmp_path / "bob", team) as bob:
        assert await bob.lookup(key_of("clip")) is None


async def test_a_note_that_speaks_of_another_key_or_file_is_passed_over(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
    note = next(path for path in files(team) if path.suffix == ".json")
    wanted = key_of("wanted")
    shelf = note.parent.parent / wanted[:2]
    shelf.mkdir()
    shelf.chmod(0o3770)
    (shelf / f"{wanted}.{note.name.split('.')[1]}.json").write_bytes(note.read_bytes())
    (shelf / f"{wanted}.json").write_bytes(note.read_bytes())
    async with opened(tmp_path / "bob", team) as bob:
        assert await bob.lookup(wanted) is None


@pytest.mark.parametrize("planted", ["note", "blob", "blob folder", "note folder"])
async def test_links_in_the_shared_folder_lead_nowhere(tmp_path, team, planted):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
    suffix = ".json" if "note" in planted else ".mp4"
    path = next(path for path in files(team) if path.suffix == suffix)
    victim = path.parent if "folder" in planted else path
    victim.rename(tmp_path / "elsewhere")
    victim.symlink_to(tmp_path / "elsewhere")
    async with opened(tmp_path / "bob", team) as bob:
        assert await found_bytes(bob, "clip") is None


@pytest.mark.parametrize("where", ["v1", "v1/entries"])
async def test_a_folder_below_that_strangers_may_write_to_is_not_believed(tmp_path, team, where, caplog):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
        (team / where).chmod(0o777)
        async with opened(tmp_path / "bob", team) as bob:
            assert await bob.lookup(key_of("clip")) is None
            await put(bob, draft("other"), b"other")
            assert await found_bytes(bob, "other") == b"other"
    assert len(told(caplog)) == 1
    assert "not as assetctl makes it" in told(caplog)[0]


def world_writable(team: Path) -> None:
    team.chmod(0o2777)


def private(team: Path) -> None:
    team.chmod(0o700)


def without_group_rights(team: Path) -> None:
    team.chmod(0o2750)


def link(team: Path) -> None:
    team.rename(team.with_name("real"))
    team.symlink_to("real")


def file(team: Path) -> None:
    team.rmdir()
    team.touch()


def under_a_strangers_reach(team: Path) -> None:
    team.parent.chmod(0o777)


@pytest.mark.parametrize(
    "spoil",
    [world_writable, private, without_group_rights, link, file, under_a_strangers_reach],
    ids=lambda f: f.__name__,
)
async def test_a_folder_that_must_not_be_trusted_is_refused(tmp_path, team, spoil):
    spoil(team)
    async with opened(tmp_path / "data" / "ann", team) as ann:
        try:
            with pytest.raises(StorageUnusable) as caught:
                await ann.lookup(key_of("clip"))
            assert caught.value.why
            assert caught.value.hint
        finally:
            tmp_path.chmod(0o700)


@AS_ROOT
@pytest.mark.parametrize(("owner", "group"), [(BOB, None), (None, GROUP)], ids=["stranger's", "another group's"])
async def test_a_strangers_folder_or_another_groups_is_refused(tmp_path, team, owner, group):
    os.chown(team, -1 if owner is None else owner, -1 if group is None else group)
    team.chmod(0o2770)
    async with opened(tmp_path / "ann", team) as ann:
        with pytest.raises(StorageUnusable) as caught:
            await ann.lookup(key_of("clip"))
    assert ("not in its group" in (caught.value.why or "")) is True


async def test_a_missing_folder_is_done_without_and_told_once(tmp_path, caplog):
    async with opened(tmp_path / "ann", tmp_path / "nowhere") as ann:
        await put(ann, draft("clip"), b"film")
        assert await found_bytes(ann, "clip") == b"film"
        assert await ann.lookup(key_of("none")) is None
    assert len(told(caplog)) == 1
    assert not (tmp_path / "nowhere").exists()


async def test_a_folder_that_goes_away_between_look_and_copy_is_a_miss(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        entry = await put(ann, draft("clip"), b"film")
    async with opened(tmp_path / "bob", tmp_path / "nowhere") as bob:
        assert await bob.verified(entry) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("change", ["mkdir", "create", "sync", "chmod", "rename", "sync folder"])
async def test_a_full_or_failing_shared_disk_keeps_the_own_asset(tmp_path, team, number, change, caplog):
    def failing(what: str, path: Path) -> None:
        if what == change:
            raise OSError(number, os.strerror(number), str(path))

    async with opened(tmp_path / "ann", team, step=failing) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
        assert await found_bytes(ann, "clip") == bytes_of("clip")
    assert len(told(caplog)) == 1
    partial = team / "v1" / "partial"
    assert not partial.exists() or list(partial.iterdir()) == []
    async with opened(tmp_path / "bob", team) as bob:
        assert await found_bytes(bob, "clip") in (None, bytes_of("clip"))


async def test_the_own_full_disk_is_an_error_and_not_a_miss_that_leads_to_buying(tmp_path, team):
    def full(what: str, path: Path) -> None:
        if what == "write" and "bob" in str(path):
            raise OSError(errno.ENOSPC, "full", str(path))

    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, paid("clip"), bytes_of("clip"))
    async with opened(tmp_path / "bob", team, step=full) as bob:
        entry = await bob.lookup(key_of("clip"))
        assert entry is not None
        with pytest.raises(StorageFull):
            await bob.verified(entry)


async def test_what_a_killed_writer_left_is_swept_by_its_owner(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), b"film")
        stray = team / "v1" / "partial" / "999999999-1-00000000-00000000.aa"
        stray.touch()
        os.utime(stray, (0, 0))
        async with opened(tmp_path / "again", team) as again:
            await put(again, draft("other"), b"other")
        assert not stray.exists()


async def test_adding_what_is_there_is_nothing(tmp_path, team):
    async with opened(tmp_path / "ann", team) as ann, opened(tmp_path / "bob", team) as bob:
        await put(ann, draft("clip"), bytes_of("clip"))
        before = [(path, path.stat().st_ino) for path in files(team)]
        await put(bob, draft("clip"), bytes_of("clip"))
        assert [(path, path.stat().st_ino) for path in files(team)] == before


async def test_a_key_that_is_none_finds_nothing(tmp_path, team):
    shared = SharedFolder(team)
    assert shared.entries(["", "..", "../../etc", "g" * 64], NOW, on_trouble=pytest.fail) == {}
    assert tmp_path.exists()


async def test_another_who_publishes_the_same_at_the_same_time_is_no_trouble(tmp_path, team, caplog):
    async with opened(tmp_path / "ann", team) as ann:
        await put(ann, draft("clip"), bytes_of("clip"))
    blob = next(path for path in files(team) if path.suffix == ".mp4")
    whole = blob.read_bytes()

    def denied(what: str, path: Path) -> None:
        if what == "rename" and path.suffix == ".mp4" and "bob" not in str(path):
            blob.write_bytes(whole)
            raise PermissionError(errno.EPERM, "another member's")

    blob.unlink()
    async with opened(tmp_path / "bob", team, step=denied) as bob:
        await put(bob, draft("clip"), bytes_of("clip"))
    assert told(caplog) == []
    assert list((team / "v1" / "partial").iterdir()) == []


def test_a_file_that_the_server_cannot_read_ends_early_and_is_told(tmp_path: Path, caplog):
    with (tmp_path / "file").open("wb") as unreadable:
        assert read_some(unreadable) == b""
    assert len(told(caplog)) == 1


# Two users for real. Each is a process that gives up root's rights for a user number and the group.


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter, with a shared one and a home for each."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        top.chmod(0o755)
        (top / "team").mkdir()
        os.chown(top / "team", 0, GROUP)
        (top / "team").chmod(0o2770)
        for user in (ANN, BOB, EVE):
            home = top / str(user)
            home.mkdir(mode=0o700)
            os.chown(home, user, user)
        yield top


def run_as(user: int, place: Path, *words: str, groups: tuple[int, ...] = (GROUP,)) -> tuple[list[str], str]:
    done = subprocess.run(
        [sys.executable, __file__, str(user), json.dumps(groups), str(place), *words],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("warm\n")[2].splitlines(), done.stderr


@AS_ROOT
def test_two_users_share_and_neither_can_hurt_what_the_other_wrote(place: Path):
    assert run_as(ANN, place, "store", "clip")[0] == ["stored"]
    assert run_as(BOB, place, "find", "clip")[0] == ["found"]
    owners = {path.stat().st_uid for path in files(place / "team")}
    assert owners == {ANN}
    assert run_as(BOB, place, "store", "clip")[0] == ["stored"]
    assert {path.stat().st_uid for path in files(place / "team")} == {ANN}
    out, _ = run_as(BOB, place, "vandalise")
    assert set(out) == {"denied"}
    assert run_as(EVE, place, "find", "clip")[0] == ["found"]
    for user in (ANN, BOB, EVE):
        assert {path.stat().st_uid for path in (place / str(user)).rglob("*")} == {user}


@AS_ROOT
def test_damage_by_its_own_writer_is_no_answer_for_the_others(place: Path):
    run_as(ANN, place, "store", "clip")
    run_as(ANN, place, "damage")
    assert run_as(BOB, place, "find", "clip")[0] == ["missing"]
    run_as(BOB, place, "store", "clip")
    assert {path.stat().st_uid for path in files(place / "team") if path.suffix == ".mp4"} == {ANN}
    assert run_as(ANN, place, "store", "clip")[0] == ["stored"]
    assert run_as(EVE, place, "find", "clip")[0] == ["found"]


@AS_ROOT
def test_who_is_not_in_the_group_is_refused(place: Path):
    run_as(ANN, place, "store", "clip")
    out, _ = run_as(EVE, place, "find", "clip", groups=())
    assert out[0].startswith("StorageUnusable")
    assert "not in its group" in out[0] or "Permission" in out[0]


@AS_ROOT
def test_two_users_store_at_once(place: Path):
    words = [sys.executable, __file__]
    running = [
        subprocess.Popen(
            [*words, str(user), json.dumps([GROUP]), str(place), "race"], env=ENVIRONMENT, stderr=subprocess.PIPE
        )
        for user in (ANN, BOB)
    ]
    for process in running:
        _, complaint = process.communicate(timeout=240)
        assert process.returncode == 0, complaint
    assert run_as(EVE, place, *(["find", "same"]))[0] == ["found"]
    assert list((place / "team" / "v1" / "partial").iterdir()) == []


@AS_ROOT
def test_root_leaves_nothing_in_a_users_cache(place: Path):
    run_as(ANN, place, "store", "clip")
    out, _ = run_as(0, place, "store-into", str(ANN))
    assert out[0].startswith("StorageUnusable")
    assert {path.stat().st_uid for path in (place / str(ANN)).rglob("*")} == {ANN}


async def _act(place: Path, user: int, what: str, *names: str) -> None:
    home = place / (names[0] if what == "store-into" else str(user))
    async with opened(home / "cache", place / "team") as cache:
        if what.startswith("store"):
            await put(cache, draft("clip"), bytes_of("clip"))
            print("stored")  # noqa: T201 - what the test reads
        elif what == "find":
            data = await found_bytes(cache, names[0])
            print("found" if data == bytes_of(names[0]) else "missing")  # noqa: T201 - as above
        else:
            for number in range(20):
                await put(cache, draft("same"), bytes_of("same"))
                await put(cache, draft(f"{number}"), bytes_of(f"{number}"))


def _vandalise(team: Path) -> None:
    for path in files(team):
        for attack in (
            path.unlink,
            lambda path=path: path.write_bytes(b"x"),
            lambda path=path: path.chmod(0o777),
            lambda path=path: path.rename(path.with_name("gone")),
            lambda path=path: os.truncate(path, 0),
        ):
            try:
                attack()
            except PermissionError:
                print("denied")  # noqa: T201 - as above
            else:
                print("done")  # noqa: T201 - as above


def _damage(team: Path) -> None:
    for path in files(team):
        if path.suffix == ".mp4":
            path.chmod(0o600)
            path.write_bytes(b"x" * path.stat().st_size)


def _main(user: str, groups: str, place: str, what: str, *names: str) -> None:
    # What Python loads late must be loaded while the interpreter's own folder can be read.
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder)
        (warm / "team").mkdir()
        (warm / "team").chmod(0o2770)
        anyio.run(_act, warm, 1, "store")
        anyio.run(_act, warm, 2, "find", "clip")
    print("warm")  # noqa: T201 - as above
    os.setgroups(json.loads(groups))
    os.setgid(int(user))
    os.setuid(int(user))
    team = Path(place) / "team"
    if what in ("vandalise", "damage"):
        (_vandalise if what == "vandalise" else _damage)(team)
        return
    try:
        anyio.run(_act, Path(place), int(user), what, *names)
    except CacheError as error:
        print(type(error).__name__, error.why)  # noqa: T201 - as above


if __name__ == "__main__":
    _main(*sys.argv[1:])


async def test_a_note_that_cannot_be_read_hides_no_other_and_is_told_once(tmp_path: Path, team: Path, caplog):
    class Torn(SharedFolder):
        def _read(self, name: str) -> CacheEntry | None:
            if name.startswith((key_of("torn"), key_of("broken"))):
                raise CacheError("it cannot be read", why="the disk says so")
            return super()._read(name)

    names = ["torn", "sound", "broken", "whole"]
    async with opened(tmp_path / "ann", team) as ann:
        for name in names:
            await put(ann, draft(name), bytes_of(name))
    async with SharingCache(tmp_path / "bob", shared=Torn(team), clock=StillClock()) as bob:
        found = await bob.glimpses([key_of(name) for name in names])
    assert found.keys() == {key_of("sound"), key_of("whole")}
    assert told(caplog) == ["the shared folder is not used: it cannot be read: the disk says so"]


async def test_many_keys_are_found_in_the_shared_folder_too(tmp_path: Path, team: Path):
    async with opened(tmp_path / "ann", team) as ann, opened(tmp_path / "bob", team) as bob:
        mine = await put(bob, draft("mine"), bytes_of("mine"))
        theirs = await put(ann, draft("theirs"), bytes_of("theirs"))
        keys = [key_of(name) for name in ("mine", "theirs", "nobody")]
        glimpses = await bob.glimpses(keys)
        assert {key: glimpse.blob for key, glimpse in glimpses.items()} == {
            mine.key: mine.blob,
            theirs.key: theirs.blob,
        }
        assert (await bob.lookup_all(keys)).keys() == {mine.key, theirs.key}
