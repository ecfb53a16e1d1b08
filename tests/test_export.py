"""An asset is put where somebody wants it: whole, under a harmless name, and as a copy of his own."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from assetctl import filesystem
from assetctl.errors import CacheError, InvalidRequest, StorageFull, StorageUnusable
from assetctl.export import export, export_name
from assetctl.models import Asset, AssetRequest, AssetType, Origin, Source
from fakes import FILM, film

pytestmark = pytest.mark.anyio


@pytest.fixture
def asset(tmp_path: Path) -> Asset:
    path = tmp_path / "blob.mp4"
    path.write_bytes(film("confess"))
    path.chmod(0o400)
    return Asset(
        asset_id="confess",
        path=path,
        asset_type=AssetType.VIDEO,
        source=Source.CACHED,
        origin=Origin("library:folder"),
        sha256="abcdef012345" + "0" * 52,
        size_bytes=12,
        media=FILM,
        request=AssetRequest(scene_id="romance_5", choice_id="confess"),
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_file_lies_where_it_was_wanted(asset: Asset, tmp_path: Path):
    target = tmp_path / "out" / "deep" / "clip.mp4"
    assert await export(asset, str(target)) == target
    assert target.read_bytes() == film("confess")
    assert names(target.parent) == ["clip.mp4"]


async def test_full_disk_is_told_of_the_folder_in_the_same_words_for_each_file(
    asset: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(_source: Path, target: Path) -> None:
        with filesystem.translated(target):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filesystem, "copy", full)
    for name in ("one.mp4", "two.mp4"):
        with pytest.raises(StorageFull) as caught:
            await export(asset, str(tmp_path / "out" / name))
        assert caught.value.what == f"no room for a copy in `{tmp_path / 'out'}`"
        assert caught.value.why == "No space left on device"
        assert caught.value.hint == "make room there, or name another place: --output DIR"


async def test_relative_target_comes_back_absolute(asset: Asset):
    target = await export(asset, "clip.mp4")
    assert target == Path.cwd() / "clip.mp4"
    assert target.read_bytes() == film("confess")


async def test_in_a_folder_it_is_named_by_scene_and_choice(asset: Asset, tmp_path: Path):
    folder = tmp_path / "out"
    folder.mkdir()
    assert await export(asset, str(folder)) == folder / "romance_5--confess.mp4"
    assert names(folder) == ["romance_5--confess.mp4"]


async def test_folder_that_is_not_there_is_made(asset: Asset, tmp_path: Path):
    assert await export(asset, f"{tmp_path}/new/") == tmp_path / "new" / "romance_5--confess.mp4"


async def test_what_was_there_is_replaced(asset: Asset, tmp_path: Path):
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"old")
    await export(asset, str(target))
    assert target.read_bytes() == film("confess")


async def test_copy_is_the_receivers_own(asset: Asset, tmp_path: Path):
    target = await export(asset, str(tmp_path / "clip.mp4"))
    assert target.stat().st_ino != asset.path.stat().st_ino
    with target.open("ab") as file:
        file.write(b"changed")
    assert asset.path.read_bytes() == film("confess")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
async def test_copy_has_the_rights_that_the_umask_gives(asset: Asset, tmp_path: Path, mask: int, mode: int):
    before = os.umask(mask)
    try:
        target = await export(asset, str(tmp_path / "clip.mp4"))
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == mode


async def test_link_at_the_target_is_replaced_and_not_followed(asset: Asset, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    target = tmp_path / "clip.mp4"
    target.symlink_to(precious)
    await export(asset, str(target))
    assert precious.read_bytes() == b"mine"
    assert not target.is_symlink()
    assert target.read_bytes() == film("confess")


async def test_failure_leaves_what_was_there(asset: Asset, tmp_path: Path):
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"old")
    asset.path.unlink()
    with pytest.raises(CacheError):
        await export(asset, str(target))
    assert target.read_bytes() == b"old"
    assert [name for name in names(tmp_path) if name.endswith(".mp4")] == ["clip.mp4"]


async def test_file_where_a_folder_should_be_is_our_error(asset: Asset, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CacheError):
        await export(asset, str(tmp_path / "file" / "clip.mp4"))


async def test_failed_last_step_leaves_no_half_file(asset: Asset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuses(_path: Path, _target: Path) -> Path:
        raise PermissionError(13, "not here")

    folder = tmp_path / "out"
    monkeypatch.setattr(Path, "replace", refuses)  # the system's refusal; root is refused nothing
    with pytest.raises(StorageUnusable):
        await export(asset, str(folder / "clip.mp4"))
    assert names(folder) == []


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (AssetRequest(scene_id="romance_5", choice_id="confess"), "romance_5--confess.mp4"),
        (AssetRequest(scene_id="romance_5"), "romance_5.mp4"),
        (AssetRequest(choice_id="confess"), "confess.mp4"),
        (AssetRequest(prompt="a lantern"), "asset-abcdef012345.mp4"),
        (AssetRequest(scene_id="ch1:sc2", choice_id="a+b"), "ch1_sc2--a+b.mp4"),
        (AssetRequest(scene_id="con"), "_con.mp4"),
        (None, "asset-abcdef012345.mp4"),
    ],
)
def test_name_says_what_the_request_names(asset: Asset, request_: AssetRequest | None, name: str):
    assert export_name(replace(asset, request=request_)) == name


def test_name_never_leaves_its_folder(asset: Asset):
    name = export_name(replace(asset, request=AssetRequest(scene_id="../../etc", choice_id="a/../b")))
    assert "/" not in name
    assert not name.startswith(".")


async def test_name_too_long_for_the_file_system_is_our_error(asset: Asset, tmp_path: Path):
    with pytest.raises(StorageUnusable):
        await export(asset, str(tmp_path / ("x" * 300)))


async def test_a_pipe_at_the_target_is_refused_and_left_alone(asset: Asset, tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InvalidRequest, match="no file that could be replaced"):
        await export(asset, str(pipe))
    assert pipe.is_fifo()
    assert names(tmp_path) == ["blob.mp4", "home", "pipe", "work"]
