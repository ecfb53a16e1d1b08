"""A file that grows is private, hashed as it grows, and never reached through a link."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from pathlib import Path

import pytest

from assetctl.errors import StorageFull, StorageUnusable
from assetctl.filesystem import GrowingFile, link_or_copy


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_new_file_takes_the_place_of_what_was_there(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("old")
    file = GrowingFile.new(path)
    file.append([b"one", b"two"])
    assert (file.size_bytes, file.sha256) == (6, digest(b"onetwo"))
    file.close()
    file.close()
    assert path.read_bytes() == b"onetwo"
    assert path.stat().st_mode & 0o777 == 0o600


def test_link_is_replaced_and_what_it_leads_to_left_alone(tmp_path: Path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "a").symlink_to(tmp_path / "victim")
    assert GrowingFile.continued(tmp_path / "a") is None
    file = GrowingFile.new(tmp_path / "a")
    file.append([b"x"])
    file.close()
    assert (tmp_path / "victim").read_text() == "precious"


def test_file_is_gone_on_with_and_all_of_it_is_hashed(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    file = GrowingFile.continued(path)
    assert file is not None
    file.append([b"two"])
    file.close()
    assert file.sha256 == digest(b"onetwo")
    assert path.read_bytes() == b"onetwo"


def test_what_is_no_file_is_not_gone_on_with(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "pipe", "folder", "missing/below"):
        assert GrowingFile.continued(tmp_path / name) is None


def test_failed_write_is_said_with_what_it_needed(tmp_path: Path):
    def step(change: str, path: Path) -> None:
        del path
        if change == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = GrowingFile.new(tmp_path / "a", step=step)
    with pytest.raises(StorageFull, match="no room"):
        file.append([b"x" * 1000])
    file.close()


def test_file_that_cannot_be_read_is_said_and_left_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a"
    path.write_bytes(b"one")

    def refuse(_descriptor: int, _size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", refuse)
    with pytest.raises(Exception, match="cannot be read"):
        GrowingFile.continued(path)
    monkeypatch.undo()
    links = Path("/proc/self/fd").iterdir() if sys.platform == "linux" else ()
    assert str(path) not in map(os.path.realpath, links)


def test_second_name_is_the_same_file(tmp_path: Path):
    (tmp_path / "a").write_text("film")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").samefile(tmp_path / "b")


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_where_one_file_cannot_have_two_names_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_text("film")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "film"
    assert not (tmp_path / "a").samefile(tmp_path / "b")


def test_other_trouble_with_a_second_name_is_trouble(tmp_path: Path):
    (tmp_path / "a").write_text("film")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnusable):
        link_or_copy(tmp_path / "a", tmp_path / "file" / "b")
