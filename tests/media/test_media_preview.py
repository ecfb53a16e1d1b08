"""Previews are drawn by a process that may die of its file, alone."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from assetctl.errors import AssetctlError, IntegrityError
from assetctl.media.preview import preview
from assetctl.media.thumbnail import preview_lines
from assetctl.models import AssetType

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_the_picture_that_this_process_would_draw(media_folder: Path) -> None:
    path = media_folder / "card.png"
    assert preview(path, AssetType.IMAGE, 20, 8) == preview_lines(path, AssetType.IMAGE, 20, 8)
    assert preview(media_folder / "model.glb", AssetType.MODEL_3D, 20, 8) == []


def test_a_file_that_is_no_media_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    path.write_bytes(b"no picture")
    with pytest.raises(IntegrityError) as caught:
        preview(path, AssetType.IMAGE, 20, 8)
    with pytest.raises(IntegrityError) as here:
        preview_lines(path, AssetType.IMAGE, 20, 8)
    assert caught.value.why == here.value.why


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    (tmp_path / "unlucky_worker.py").write_text(f"import os, sys, time\ndef main(*arguments):\n    {request.param}\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "unlucky_worker"


ENDLESS_S, BUSY_MACHINE_S = 1, 120


@pytest.mark.parametrize(
    ("worker", "limit_s", "why"),
    [
        ("os.abort()", BUSY_MACHINE_S, f"its decoder ended with code {-signal.SIGABRT}"),
        ("os._exit(1)", BUSY_MACHINE_S, "its decoder ended with code 1"),
        ("time.sleep(600)", ENDLESS_S, f"its decoder ended with code {-signal.SIGKILL}"),
        ("print('no cells')", BUSY_MACHINE_S, "its decoder drew no picture"),
        (
            "[sys.stdout.write('x' * 1000000) for _ in range(10**6)]",
            ENDLESS_S,
            f"its decoder ended with code {-signal.SIGKILL}",
        ),
    ],
    indirect=["worker"],
    ids=["crash", "failure", "hang", "garbage", "flood"],
)
def test_whatever_becomes_of_its_process_is_the_files_trouble_alone(
    tmp_path: Path, worker: str, limit_s: float, why: str
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "card.png")
    with pytest.raises(IntegrityError) as caught:
        preview(tmp_path / "card.png", AssetType.IMAGE, 4, 4, worker=worker, limit_s=limit_s)
    assert caught.value.why == why


def test_no_process_is_an_error_with_a_reason(media_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(media_folder / "nothing-here"))
    with pytest.raises(AssetctlError) as caught:
        preview(media_folder / "card.png", AssetType.IMAGE, 4, 4)
    assert caught.value.why
