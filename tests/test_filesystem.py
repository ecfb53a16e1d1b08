"""Private folders, whole files, and what the system refuses."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assetctl import filesystem
from assetctl.errors import CacheError, StorageFull, StorageUnusable
from assetctl.filesystem import files, temporaries, writers

AS_ROOT = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can give a folder to somebody else"
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_folder_is_private_whatever_the_umask(tmp_path: Path, mask: int):
    before = os.umask(mask)
    try:
        filesystem.make_private_folder(tmp_path / "a" / "b")
        filesystem.write_new(tmp_path / "a" / "b" / "c", b"x")
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700, 0o700, 0o600]
    filesystem.make_private_folder(tmp_path / "a" / "b")


def test_folders_made_together_are_synced_once(tmp_path: Path):
    (tmp_path / "b").mkdir(mode=0o700)
    steps: list[tuple[str, Path]] = []
    folders = [tmp_path / name for name in ("a", "b", "c")]
    filesystem.make_private_folders(folders, step=lambda change, path: steps.append((change, path)))
    made = [("mkdir", tmp_path / "a"), ("mkdir", tmp_path / "c")]
    assert steps == [*made, ("sync folder", tmp_path)]
    assert [mode(folder) for folder in folders] == [0o700] * 3


def test_of_folders_made_together_a_link_is_refused(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(StorageUnusable, match="link"):
        filesystem.make_private_folders([tmp_path / "a", tmp_path / "link"])


def test_sealed_file_is_written_and_synced_before_nobody_may_write_to_it(tmp_path: Path):
    steps: list[str] = []
    filesystem.write_sealed(tmp_path / "a", b"x", step=lambda change, _: steps.append(change))
    assert steps == ["create", "write", "sync", "chmod"]
    assert ((tmp_path / "a").read_bytes(), mode(tmp_path / "a")) == (b"x", 0o400)


def test_file_that_cannot_be_synced_is_not_left(tmp_path: Path):
    def refuse(change: str, _path: Path) -> None:
        if change == "sync":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(CacheError):
        filesystem.write_sealed(tmp_path / "a", b"x", step=refuse)
    assert not (tmp_path / "a").exists()


def test_rights_of_an_existing_folder_stay(tmp_path: Path):
    tmp_path.chmod(0o755)
    filesystem.make_private_folder(tmp_path)
    assert mode(tmp_path) == 0o755


def refusal(path: Path) -> str:
    with pytest.raises(StorageUnusable) as caught:
        filesystem.make_private_folder(path)
    assert caught.value.hint
    return caught.value.why or ""


def test_link_or_file_is_no_folder(tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert refusal(tmp_path / "file") == "it is no folder"
    assert refusal(tmp_path / "link") == "it is a link"
    assert refusal(tmp_path / "dangling") == "it is a link"
    assert "above it is no folder" in refusal(tmp_path / "file" / "below")
    assert not (tmp_path / "nowhere").exists()


def test_link_of_our_own_above_is_followed(tmp_path: Path):
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    filesystem.make_private_folder(tmp_path / "link" / "data")
    assert (tmp_path / "real" / "data").is_dir()


@pytest.mark.parametrize("rights", [0o777, 0o702, 0o1777])
def test_folder_that_strangers_may_write_to_is_refused(tmp_path: Path, rights: int):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(rights)
    assert refusal(tmp_path / "open") == "other users may write to it"


def test_folder_below_one_that_strangers_may_write_to_is_refused_unless_sticky(tmp_path: Path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert "other users may write to" in refusal(tmp_path / "open" / "data")
    (tmp_path / "open").chmod(0o1777)
    filesystem.make_private_folder(tmp_path / "open" / "data")


@AS_ROOT
def test_group_counts_as_strangers_unless_it_is_ours_alone(tmp_path: Path):
    (tmp_path / "group").mkdir()
    (tmp_path / "group").chmod(0o770)
    filesystem.make_private_folder(tmp_path / "group")
    for group in (1, 54321):
        os.chown(tmp_path / "group", 0, group)
        assert refusal(tmp_path / "group") == "other users may write to it"


@AS_ROOT
def test_somebody_elses_folder_is_refused(tmp_path: Path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    assert refusal(tmp_path / "theirs") == "it belongs to `nobody`"
    assert "above it belongs to `nobody`" in refusal(tmp_path / "theirs" / "data")
    assert list((tmp_path / "theirs").iterdir()) == []
    os.chown(tmp_path / "theirs", 54321, 54321)
    assert refusal(tmp_path / "theirs") == "it belongs to user 54321"
    (tmp_path / "ours").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    os.chown(tmp_path / "link", 54321, 54321, follow_symlinks=False)
    assert "above it belongs to somebody else" in refusal(tmp_path / "link" / "data")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EFBIG, StorageFull),
        (errno.EROFS, StorageFull),
        (errno.EACCES, StorageUnusable),
        (errno.EPERM, StorageUnusable),
        (errno.ENOTDIR, StorageUnusable),
        (errno.ELOOP, StorageUnusable),
        (errno.EMFILE, CacheError),
        (errno.ENFILE, CacheError),
        (errno.EIO, CacheError),
        (errno.ENOENT, CacheError),
    ],
)
def test_refusal_is_known_by_its_number(tmp_path: Path, number: int, kind: type[CacheError]):
    with pytest.raises(CacheError) as caught, filesystem.translated(tmp_path / "a" / "b", needed_bytes=2_000_000):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind
    assert str(tmp_path) in caught.value.what
    assert isinstance(caught.value.__cause__, OSError)
    if kind is StorageFull and number != errno.EROFS:
        assert "2 MB needed" in (caught.value.why or "")
        assert "B free" in (caught.value.why or "")


def test_existing_file_is_never_overwritten(tmp_path: Path):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("old", "link"):
        with pytest.raises(CacheError):
            filesystem.write_new(tmp_path / name, b"new")
        with pytest.raises(CacheError):
            filesystem.copy(tmp_path / "old", tmp_path / name)
    assert (tmp_path / "old").read_bytes() == b"old"
    assert not (tmp_path / "nowhere").exists()


def failing(change: str):
    def step(seen: str, path: Path) -> None:
        if seen == change:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    return step


def test_failed_write_leaves_no_file(tmp_path: Path):
    (tmp_path / "source").write_bytes(b"x")
    with pytest.raises(StorageFull):
        filesystem.write_new(tmp_path / "new", b"data", step=failing("write"))
    with pytest.raises(StorageFull):
        filesystem.copy(tmp_path / "source", tmp_path / "new", step=failing("write"))
    assert not (tmp_path / "new").exists()


def test_write_is_whole_beyond_one_chunk(tmp_path: Path):
    data = os.urandom(3_000_001)
    filesystem.write_new(tmp_path / "new", data)
    filesystem.copy(tmp_path / "new", tmp_path / "copy")
    assert filesystem.sha256_of(tmp_path / "copy") == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "copy").stat().st_ino != (tmp_path / "new").stat().st_ino


def test_clone_that_works_is_not_copied(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"x")
    with (tmp_path / "a").open("rb") as reader, (tmp_path / "b").open("wb") as writer:
        # Either the file system shares blocks or it says that it cannot; both are answers, neither an error.
        assert files._clone(reader.fileno(), writer.fileno()) in (True, False)
    with (tmp_path / "a").open("rb") as reader, pytest.raises(OSError, match="Bad file"):
        files._clone(reader.fileno(), reader.fileno())


def test_published_file_is_sealed_and_whole(tmp_path: Path):
    filesystem.write_new(tmp_path / "temporary", b"new")
    filesystem.seal(tmp_path / "temporary")
    (tmp_path / "final").write_bytes(b"old")
    filesystem.publish(tmp_path / "temporary", tmp_path / "final")
    filesystem.sync_folder(tmp_path)
    assert (tmp_path / "final").read_bytes() == b"new"
    assert mode(tmp_path / "final") == 0o400
    assert not (tmp_path / "temporary").exists()


def test_folder_that_cannot_be_synced_is_an_error(tmp_path: Path):
    with pytest.raises(CacheError):
        filesystem.sync_folder(tmp_path / "nowhere")
    with pytest.raises(StorageFull):
        filesystem.sync_folder(tmp_path, step=failing("sync folder"))


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hostname"), os.mkfifo, Path.mkdir])
def test_only_a_regular_file_is_sealed_or_opened(tmp_path: Path, make):
    make(tmp_path / "thing")
    with pytest.raises(StorageUnusable):
        filesystem.seal(tmp_path / "thing")
    with pytest.raises(OSError) as caught:
        filesystem.open_below(tmp_path, "thing")
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)


def test_no_part_of_the_way_below_may_be_a_link(tmp_path: Path):
    (tmp_path / "root" / "real").mkdir(parents=True)
    (tmp_path / "root" / "real" / "file").write_bytes(b"x")
    (tmp_path / "root" / "link").symlink_to("real")
    os.close(filesystem.open_below(tmp_path / "root", "real", "file"))
    with pytest.raises(OSError, match=r"Not a directory|levels of symbolic"):
        filesystem.open_below(tmp_path / "root", "link", "file")


def test_removing_a_link_leaves_what_it_points_to(tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    assert filesystem.remove(tmp_path / "link")
    assert not filesystem.remove(tmp_path / "link")
    assert (tmp_path / "file").exists()


def now() -> datetime:
    return datetime.now(UTC)


def test_living_writers_temporary_stays(tmp_path: Path):
    path = filesystem.temporary_path(tmp_path, ".mp4")
    path.touch()
    assert filesystem.sweep_dead(tmp_path, now=now() + timedelta(days=400)) == 0
    assert path.exists()


def test_killed_writers_temporary_goes(tmp_path: Path):
    folder = tmp_path / "partial"
    folder.mkdir()
    program = (
        "import pathlib, sys; from assetctl import filesystem as f; f.temporary_path(pathlib.Path(sys.argv[1])).touch()"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=240)
    assert len(list(folder.iterdir())) == 1
    assert filesystem.sweep_dead(folder, now=now()) == 1
    assert list(folder.iterdir()) == []


def test_temporary_of_a_reused_number_or_an_earlier_boot_goes(tmp_path: Path):
    me = filesystem.current_writer()
    for name in (f"{me.pid}-1-{me.host}-{me.boot}", f"{me.pid}-{me.started}-{me.host}-00000001"):
        (tmp_path / f"{name}.x.mp4").touch()
    assert filesystem.sweep_dead(tmp_path, now=now()) == 2


def test_what_nobody_can_judge_goes_after_a_week(tmp_path: Path):
    me = filesystem.current_writer()
    (tmp_path / "sub").mkdir()
    for name in (f"{me.pid}-{me.started}-ffffffff-{me.boot}.x", "unknown.tmp"):
        (tmp_path / name).touch()
    assert filesystem.sweep_dead(tmp_path, now=now() + timedelta(days=6)) == 0
    assert filesystem.sweep_dead(tmp_path, now=now() - timedelta(days=365)) == 0
    assert filesystem.sweep_dead(tmp_path, now=now() + timedelta(days=8)) == 2
    assert (tmp_path / "sub").exists()


def test_writer_without_a_known_start_time_counts_by_number():
    me = filesystem.current_writer()
    assert filesystem.is_alive(me)
    assert filesystem.is_alive(filesystem.Writer(me.pid, "0", me.host, me.boot))
    assert filesystem.is_alive(filesystem.Writer(2**22 + 1, "0", me.host, me.boot)) is False
    assert filesystem.is_alive(filesystem.Writer(me.pid, "0", "ffffffff", me.boot)) is None
    assert filesystem.writer_from_token(me.token) == me
    assert filesystem.writer_from_token("../../x") is None


def test_process_is_asked_by_signal_where_there_is_no_proc():
    assert writers._answers_signals(os.getpid())
    assert writers._answers_signals(1)
    assert not writers._answers_signals(2**22 + 1)
    assert not writers._answers_signals(10**30)


def test_temporary_that_its_writer_took_away_meanwhile_is_no_stray(tmp_path: Path):
    (tmp_path / "unknown").touch()
    with os.scandir(tmp_path) as found:
        entry = next(file for file in found if file.name == "unknown")
    (tmp_path / "unknown").unlink()
    assert not temporaries._is_stray(entry, now())


def test_source_that_cannot_be_read_is_named_and_not_the_target(tmp_path: Path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    with pytest.raises(CacheError) as caught:
        filesystem.copy(source, target)
    assert str(source) in caught.value.what
    assert not target.exists()
