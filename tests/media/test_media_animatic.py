"""The animatic: real media that shows what was asked, deterministic for a seed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest

from assetctl.errors import InvalidRequest
from assetctl.media.animatic import Animatic, render, timecode
from assetctl.media.probe import probe
from assetctl.models import AssetRequest, AssetType, MediaInfo, Style

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

REQUEST = AssetRequest(scene_id="romance_5", choice_id="confess", prompt="Rain.", style=Style.ANIME, seed=42)
SMALL = Animatic(REQUEST, "key", 0.5, fps=10, width=320, height=180)


def of_type(asset_type: AssetType, seed: int = 42) -> Animatic:
    return replace(SMALL, request=replace(REQUEST, asset_type=asset_type, seed=seed))


def test_default_clip_is_five_seconds_of_h264_at_720p(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    told: list[float] = []

    render(Animatic(REQUEST, "key", 5.0), path, told.append)

    assert probe(path, AssetType.VIDEO) == MediaInfo("video/mp4", 5.0, 1280, 720)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in container.decode(video=0)) == 120
    assert told == [(number + 1) / 120 for number in range(120)]
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("asset_type", [AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO])
def test_seed_decides_the_bytes(tmp_path: Path, asset_type: AssetType) -> None:
    render(of_type(asset_type), tmp_path / "one")
    render(of_type(asset_type), tmp_path / "same")
    render(of_type(asset_type, seed=43), tmp_path / "other")

    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("asset_type", [AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO])
def test_every_type_is_what_it_should_be(tmp_path: Path, asset_type: AssetType) -> None:
    path = tmp_path / "result"
    told: list[float] = []

    render(of_type(asset_type), path, told.append)

    info = probe(path, asset_type)
    assert told[-1] == 1.0
    assert info.width == (None if asset_type is AssetType.AUDIO else 320)
    assert info.duration_s == (None if asset_type is AssetType.IMAGE else 0.5)


def test_only_the_strip_at_the_bottom_moves(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render(replace(SMALL, width=640, height=360), path)

    with av.open(str(path)) as container:
        first, *_, last = [frame.to_image() for frame in container.decode(video=0)]
    top, strip = (0, 0, 640, 290), (0, 310, 640, 360)
    assert _difference(first.crop(top), last.crop(top)) < 1.5
    assert _difference(first.crop(strip), last.crop(strip)) > 4


def _difference(one: Image.Image, other: Image.Image) -> float:
    pairs = zip(one.convert("L").tobytes(), other.convert("L").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (one.width * one.height)


@pytest.mark.parametrize("size", [(64, 64), (64, 1920), (1920, 64)])
def test_odd_shapes_are_rendered(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "clip.mp4"

    render(replace(SMALL, width=size[0], height=size[1], fps=2), path)

    info = probe(path, AssetType.VIDEO)
    assert (info.width, info.height) == size


def test_3d_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        render(of_type(AssetType.MODEL_3D), tmp_path / "model.glb")


@pytest.mark.parametrize(
    ("number", "fps", "code"),
    [(0, 24, "00:00:00:00"), (119, 24, "00:00:04:23"), (90_000, 25, "01:00:00:00"), (61, 1, "00:01:01:00")],
)
def test_timecode_counts_frames(number: int, fps: int, code: str) -> None:
    assert timecode(number, fps) == code
