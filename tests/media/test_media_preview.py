"""Previews are drawn by a process that may die of its file, alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from assetctl.errors import AssetctlError, IntegrityError
from assetctl.media.cells import cells_of
from assetctl.media.preview import preview
from assetctl.media.thumbnail import preview_picture
from assetctl.models import AssetType

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_the_picture_that_this_process_would_draw(media_folder: Path) -> None:
    path = media_folder / "card.png"
    picture = preview_picture(path, AssetType.IMAGE, 20, 8)
    assert picture is not None
    assert preview(path, AssetType.IMAGE, 20, 8) == cells_of(picture.width, picture.tobytes())
    assert preview(media_folder / "model.glb", AssetType.MODEL_3D, 20, 8) == []


def test_a_file_that_is_no_media_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    path.write_bytes(b"no picture")
    with pytest.raises(IntegrityError) as caught:
        preview(path, AssetType.IMAGE, 20, 8)
    with pytest.raises(IntegrityError) as here:
        preview_picture(path, AssetType.IMAGE, 20, 8)
    assert caught.value.why == here.value.why


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    (tmp_path / "unlucky_worker.py").write_text(f"import os, sys, time\ndef main():\n    {request.param}\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "unlucky_worker"


@pytest.mark.parametrize(
    ("worker", "limit_s"),
    [
        ("os.abort()", 20.0),
        ("os._exit(1)", 20.0),
        ("time.sleep(600)", 1.0),
        ("print('no cells')", 20.0),
        ('print(\'{"columns": 4, "size": 5}\\n12345\')', 20.0),
        ('print(\'{"columns": 4, "size": 1000000000}\')', 20.0),
        ("[sys.stdout.write('x' * 1000000) for _ in range(10**6)]", 20.0),
    ],
    indirect=["worker"],
    ids=["crash", "failure", "hang", "garbage", "ragged", "too much", "flood"],
)
def test_whatever_becomes_of_its_process_is_the_files_trouble_alone(
    tmp_path: Path, worker: str, limit_s: float
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "card.png")
    with pytest.raises(IntegrityError) as caught:
        preview(tmp_path / "card.png", AssetType.IMAGE, 4, 4, worker=worker, limit_s=limit_s)
    assert caught.value.why == "its decoder ended, took too long or drew no picture"


def test_no_process_is_an_error_with_a_reason(media_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(media_folder / "nothing-here"))
    with pytest.raises(AssetctlError) as caught:
        preview(media_folder / "card.png", AssetType.IMAGE, 4, 4)
    assert caught.value.why
