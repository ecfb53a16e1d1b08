"""Previews as coloured cells: bounded, undistorted, for every type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from assetctl.errors import IntegrityError
from assetctl.media.cells import MAX_CELLS, Cell, cells_of
from assetctl.media.encode import write_metronome
from assetctl.media.limits import Limits
from assetctl.media.thumbnail import preview_picture
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def preview_lines(path: Path, asset_type: AssetType, columns: int, rows: int) -> list[list[Cell]]:
    picture = preview_picture(path, asset_type, columns, rows)
    assert picture is not None
    return cells_of(picture.width, picture.tobytes())


@pytest.mark.parametrize(
    ("size", "columns", "rows", "expected"),
    [
        ((160, 90), 32, 50, (32, 9)),
        ((160, 90), 500, 9, (32, 9)),
        ((1000, 1), 40, 10, (40, 1)),
        ((1, 1000), 40, 10, (1, 10)),
        ((4, 4), 0, -3, (1, 1)),
        ((10, 10), 10**9, 10**9, (1000, 500)),
    ],
)
def test_picture_keeps_its_shape(
    tmp_path: Path, size: tuple[int, int], columns: int, rows: int, expected: tuple[int, int]
) -> None:
    path = tmp_path / "card.png"
    Image.new("RGB", size, (10, 200, 30)).save(path)

    lines = preview_lines(path, AssetType.IMAGE, columns, rows)

    assert (len(lines[0]), len(lines)) == expected
    assert all(len(line) == len(lines[0]) for line in lines)
    assert len(lines[0]) <= MAX_CELLS
    assert lines[0][0] == ((10, 200, 30), (10, 200, 30))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture_becomes_cells(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("card.jpg" if mode == "CMYK" else "card.png")
    Image.new(mode, (8, 8)).save(path)

    assert len(preview_lines(path, AssetType.IMAGE, 4, 2)) == 2


def test_transparent_parts_are_dark(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(path)

    assert max(preview_lines(path, AssetType.IMAGE, 4, 2)[0][0][0]) < 40


def test_upper_and_lower_half_are_told_apart(tmp_path: Path) -> None:
    picture = Image.new("RGB", (2, 2), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 1, 2, 2))
    picture.save(tmp_path / "card.png")

    assert preview_lines(tmp_path / "card.png", AssetType.IMAGE, 2, 1) == [[((255, 0, 0), (0, 0, 255))] * 2]


def test_clip_shows_its_first_picture(clip: Callable[..., Path]) -> None:
    lines = preview_lines(clip(), AssetType.VIDEO, 16, 9)

    assert (len(lines[0]), len(lines)) == (16, 4)
    red, green, blue = lines[0][0][0]
    assert red > 150
    assert green < 60
    assert blue < 90


def test_sound_is_a_waveform_that_fills_the_space(tmp_path: Path) -> None:
    path = tmp_path / "beat.wav"
    write_metronome(path, 2, 60, 440)

    lines = preview_lines(path, AssetType.AUDIO, 20, 6)

    assert [len(line) for line in lines] == [20] * 6
    drawn = [sum(half != (18, 20, 28) for line in lines for half in line[column]) for column in range(20)]
    assert drawn[0] > drawn[5]
    assert drawn[10] > drawn[15]
    assert min(drawn) == 2


@pytest.mark.parametrize("name", ["sound.mp3", "sound.ogg", "sound.flac", "sound.m4a", "sound.weba"])
def test_every_sound_has_a_waveform(media_folder: Path, name: str) -> None:
    assert len(preview_lines(media_folder / name, AssetType.AUDIO, 200, 3)[0]) == 200


def test_3d_model_has_no_preview(media_folder: Path) -> None:
    assert preview_picture(media_folder / "model.glb", AssetType.MODEL_3D, 10, 10) is None


@pytest.mark.parametrize(
    ("name", "asset_type"),
    [("card.png", AssetType.IMAGE), ("clip.mp4", AssetType.VIDEO), ("clip.mp4", AssetType.AUDIO)],
)
def test_what_is_beyond_a_limit_has_no_preview(media_folder: Path, name: str, asset_type: AssetType) -> None:
    with pytest.raises(IntegrityError):
        preview_picture(media_folder / name, asset_type, 10, 10, Limits(pixels=10))
