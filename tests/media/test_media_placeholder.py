"""Placeholders: playable, marked, and the same for the same request and reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assetctl.errors import AssetUnavailable
from assetctl.media.placeholder import write_placeholder
from assetctl.media.probe import probe
from assetctl.models import AssetRequest, AssetType, MediaInfo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("asset_type", "duration_s", "expected"),
    [
        (AssetType.IMAGE, None, MediaInfo("image/png", None, 1280, 720)),
        (AssetType.VIDEO, 1.0, MediaInfo("video/mp4", 1.0, 1280, 720)),
        (AssetType.VIDEO, 0.01, MediaInfo("video/mp4", 0.5, 1280, 720)),
        (AssetType.AUDIO, None, MediaInfo("audio/wav", 5.0)),
        (AssetType.AUDIO, 3000.0, MediaInfo("audio/wav", 60.0)),
    ],
)
def test_placeholder_is_playable(
    tmp_path: Path, asset_type: AssetType, duration_s: float | None, expected: MediaInfo
) -> None:
    path = tmp_path / "placeholder"

    write_placeholder(path, AssetRequest(scene_id="a", asset_type=asset_type, duration_s=duration_s), "nobody had it")

    assert probe(path, asset_type) == expected


@pytest.mark.parametrize("asset_type", [AssetType.IMAGE, AssetType.VIDEO])
def test_reason_is_part_of_the_picture(tmp_path: Path, asset_type: AssetType) -> None:
    request = AssetRequest(scene_id="a", asset_type=asset_type, duration_s=0.5)
    for name, reason in (("one", "offline"), ("same", "offline"), ("other", "the job failed")):
        write_placeholder(tmp_path / name, request, reason)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_3d_model_has_no_placeholder(tmp_path: Path) -> None:
    with pytest.raises(AssetUnavailable):
        write_placeholder(tmp_path / "a", AssetRequest(scene_id="a", asset_type=AssetType.MODEL_3D), "nobody had it")
