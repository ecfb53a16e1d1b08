"""Stills are drawn by processes that serve many files, and that a bad file takes down alone."""

from __future__ import annotations

import io
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from assetctl.errors import AssetctlError, IntegrityError
from assetctl.media.encode import write_metronome, write_video
from assetctl.media.stills import LEVELS, SIDE, Still, Stills
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def stills() -> Iterator[Stills]:
    with Stills() as made:
        yield made


def shown(still: Still) -> Image.Image:
    picture = Image.open(io.BytesIO(still.picture), formats=["WEBP"])
    assert picture.size == (still.width, still.height)
    return picture.convert("RGB")


@pytest.mark.parametrize(
    ("size", "small"), [((1280, 720), (SIDE, 203)), ((90, 3000), (11, SIDE)), ((64, 36), (64, 36))]
)
def test_a_picture_keeps_its_shape_and_is_never_enlarged(
    stills: Stills, tmp_path: Path, size: tuple[int, int], small: tuple[int, int]
) -> None:
    Image.new("RGB", size, (10, 200, 30)).save(tmp_path / "card.png")
    still = stills.still(tmp_path / "card.png", AssetType.IMAGE)
    assert (still.width, still.height) == small
    red, green, blue = shown(still).getpixel((2, 2))
    assert (abs(red - 10), abs(green - 200), abs(blue - 30)) <= (8, 8, 8)


def test_a_clip_shows_the_first_picture_that_shows_something(stills: Stills, tmp_path: Path) -> None:
    black, scene = Image.new("RGB", (64, 36)), Image.linear_gradient("L").resize((64, 36)).convert("RGB")
    write_video(tmp_path / "fade.mp4", [black] * 12 + [scene] * 3, 12)
    assert shown(stills.still(tmp_path / "fade.mp4", AssetType.VIDEO)).getextrema()[0][1] > 200
    write_video(tmp_path / "dark.mp4", [black] * 12, 12)
    assert shown(stills.still(tmp_path / "dark.mp4", AssetType.VIDEO)).getextrema()[0][1] < 30


def test_a_sound_is_told_by_its_levels(stills: Stills, tmp_path: Path) -> None:
    write_metronome(tmp_path / "beat.wav", 2.0, 60, 440.0)
    levels = stills.still(tmp_path / "beat.wav", AssetType.AUDIO).levels
    assert len(levels) == LEVELS
    assert max(levels[: LEVELS // 10]) > 20
    assert max(levels[LEVELS // 4 : LEVELS // 3]) < 5


def test_a_model_has_none(stills: Stills, media_folder: Path) -> None:
    assert stills.still(media_folder / "model.glb", AssetType.MODEL_3D) == Still()


@pytest.mark.parametrize(
    ("name", "asset_type"),
    [("missing.png", AssetType.IMAGE), ("text.mp4", AssetType.VIDEO), ("card.wav", AssetType.AUDIO)],
)
def test_what_is_no_such_file_is_refused_and_the_next_one_drawn(
    stills: Stills, tmp_path: Path, name: str, asset_type: AssetType
) -> None:
    (tmp_path / "text.mp4").write_text("no clip")
    Image.new("RGB", (8, 8)).save(tmp_path / "card.png")
    (tmp_path / "card.png").rename(tmp_path / "card.wav")
    with pytest.raises(IntegrityError) as caught:
        stills.still(tmp_path / name, asset_type)
    assert caught.value.why
    assert stills.still(tmp_path / "card.wav", AssetType.IMAGE).width == 8


WORKER = """
import json, os, sys, time
def main():
    own = [os.getpid() // 100**place % 100 for place in range(4)]
    for line in sys.stdin:
        asked = json.loads(line)
        {}
        print(json.dumps(dict(levels=[300, -7, *own])), flush=True)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A worker that does something else when it is asked for `bad`."""

    def make(deed: str) -> str:
        (tmp_path / "unlucky_stills.py").write_text(WORKER.format(f"if asked['path'].endswith('bad'): {deed}"))
        return "unlucky_stills"

    monkeypatch.syspath_prepend(tmp_path)
    return make


@pytest.mark.parametrize(
    "deed",
    [
        "os.abort()",
        "sys.exit()",
        "time.sleep(600)",
        "print('no answer', flush=True)",
        "print('[]', flush=True)",
        "print('x' * 10_000, flush=True)",
        "print(json.dumps(dict(size=10**9, width=9, height=9)), flush=True)",
        "print(json.dumps(dict(size='much', width=9, height=9)), flush=True)",
        "print(json.dumps(dict(size=9, width=9, height=9)) + chr(10) + 'cut', end='', flush=True); sys.exit()",
        "print(json.dumps(dict(levels='loud')), flush=True)",
    ],
)
def test_whatever_becomes_of_its_process_is_the_files_trouble_alone(
    tmp_path: Path, worker: Callable[[str], str], deed: str
) -> None:
    with Stills(worker=worker(deed), limit_s=10.0 if "sleep" in deed else 120.0) as stills:
        first = stills.still(tmp_path / "good", AssetType.AUDIO).levels
        assert first[:2] == (100, 0)
        with pytest.raises(IntegrityError):
            stills.still(tmp_path / "bad", AssetType.IMAGE)
        assert stills.still(tmp_path / "good", AssetType.AUDIO).levels != first


def test_one_process_serves_many_and_ends_with_the_block(tmp_path: Path, worker: Callable[[str], str]) -> None:
    with Stills(worker=worker("pass")) as stills:
        levels = {stills.still(tmp_path / str(number), AssetType.AUDIO).levels for number in range(20)}
        (process,) = (kept._process for kept in stills._idle)
    assert len(levels) == 1
    assert process.poll() is not None


def test_a_process_that_is_gone_costs_one_file_its_still(tmp_path: Path, worker: Callable[[str], str]) -> None:
    with Stills(worker=worker("pass")) as stills:
        stills.still(tmp_path / "good", AssetType.AUDIO)
        (process,) = (kept._process for kept in stills._idle)
        process.kill()
        process.wait()
        with pytest.raises(IntegrityError):
            stills.still(tmp_path / "good", AssetType.AUDIO)
        assert stills.still(tmp_path / "good", AssetType.AUDIO).levels


def test_closing_waits_for_nobody_and_nothing_is_drawn_any_more(tmp_path: Path, worker: Callable[[str], str]) -> None:
    stills = Stills(worker=worker("open('begun', 'w').close(); time.sleep(600)"))
    with ThreadPoolExecutor(1) as pool:
        still = pool.submit(stills.still, tmp_path / "bad", AssetType.IMAGE)
        while not (tmp_path / "work" / "begun").exists() and not still.done():
            time.sleep(0.01)
        stills.close()
        with pytest.raises(AssetctlError, match="nobody waited for more pictures"):
            still.result(timeout=120)
    with pytest.raises(AssetctlError, match="nobody waited for more pictures"):
        stills.still(tmp_path / "good", AssetType.IMAGE)


def test_no_process_is_an_error_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing-here"))
    with pytest.raises(AssetctlError) as caught, Stills() as stills:
        stills.still(tmp_path / "card.png", AssetType.IMAGE)
    assert caught.value.why
