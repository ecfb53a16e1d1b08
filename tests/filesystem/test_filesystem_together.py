"""Many files and folders synced at once: each as if it were the only one."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from assetctl import filesystem
from assetctl.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inode of whatever is synced."""
    seen: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        seen.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    return seen


def files_in(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{number}" for number in range(count)]
    for path in paths:
        path.write_text(path.name, "ascii")
    return paths


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="syncs in its own way there")
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_each_file_is_synced_and_sealed(tmp_path: Path, synced: list[int], count: int):
    paths, steps = files_in(tmp_path, count), []
    filesystem.seal_all(paths, step=lambda change, path: steps.append((change, path)))
    assert sorted(synced) == sorted(path.stat().st_ino for path in paths)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} <= {0o400}
    assert steps == [(change, path) for path in paths for change in ("sync", "chmod")]


@pytest.mark.skipif(sys.platform == "win32", reason="syncs folders by itself")
def test_each_folder_is_synced(tmp_path: Path, synced: list[int]):
    folders, steps = [tmp_path / name for name in "abc"], []
    for folder in folders:
        folder.mkdir()
    filesystem.sync_folders(folders, step=lambda change, path: steps.append((change, path)))
    assert sorted(synced) == sorted(folder.stat().st_ino for folder in folders)
    assert steps == [("sync folder", folder) for folder in folders]


def test_one_that_cannot_be_sealed_is_named(tmp_path: Path):
    paths = files_in(tmp_path, 5)
    paths[3].unlink()
    with pytest.raises(CacheError) as caught:
        filesystem.seal_all(paths)
    assert str(paths[3]) in caught.value.what


def test_refused_step_comes_before_anything_is_synced(tmp_path: Path, synced: list[int]):
    def refuse(change: str, path: Path) -> None:  # noqa: ARG001 - a step
        if path.name == "2":
            raise OSError(28, "no space left on device")

    with pytest.raises(CacheError):
        filesystem.seal_all(files_in(tmp_path, 4), step=refuse)
    assert synced == []


def test_what_lies_in_a_folder_is_told_in_order_and_nothing_of_none(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    files_in(folder, 3)
    assert filesystem.names_in(folder) == ["0", "1", "2"]
    assert filesystem.names_in(tmp_path / "none") == []
