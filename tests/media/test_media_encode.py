"""What the encoders write: playable, plain, and the same bytes each time."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image

from assetctl.errors import AssetctlError, CacheError, StorageFull
from assetctl.media.encode import SAMPLE_RATE, write_image, write_metronome, write_tone, write_video

if TYPE_CHECKING:
    from collections.abc import Callable


def frames(count: int, size: tuple[int, int] = (64, 36)) -> list[Image.Image]:
    return [Image.new("RGB", size, (number % 256, 40, 90)) for number in range(count)]


def test_clip_is_h264_with_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    told: list[int] = []

    write_video(path, frames(7), 5, told.append)

    assert told == [1, 2, 3, 4, 5, 6, 7]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 64, 36)
        assert stream.average_rate == 5
        assert container.duration == pytest.approx(7 / 5 * av.time_base)
        assert len(list(container.decode(video=0))) == 7


def test_index_of_a_clip_stands_in_front(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, frames(3), 5)

    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_video(path, frames(5), 5),
        lambda path: write_image(path, frames(1)[0]),
        lambda path: write_metronome(path, 1.5, 90, 440),
        lambda path: write_tone(path, 1.5, 220),
    ],
)
def test_same_input_gives_the_same_bytes(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "one.bin")
    write(tmp_path / "two.bin")

    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "two.bin").read_bytes()


def test_what_a_listener_raises_ends_the_work(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(_count: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        write_video(tmp_path / "clip.mp4", frames(5), 5, stop)


def test_sides_that_the_encoder_refuses_are_our_error(tmp_path: Path) -> None:
    with pytest.raises(AssetctlError) as caught:
        write_video(tmp_path / "clip.mp4", frames(2, (65, 37)), 5)

    assert "could not be encoded" in caught.value.what


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_video(path, frames(5), 5),
        lambda path: write_image(path, frames(1)[0]),
        lambda path: write_metronome(path, 1.5, 90, 440),
        lambda path: write_tone(path, 1.5, 220),
    ],
)
def test_folder_that_is_not_there_is_our_error(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(CacheError) as caught:
        write(tmp_path / "nothing" / "file.bin")

    assert str(tmp_path / "nothing") in caught.value.what


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_video(path, (Image.effect_noise((320, 180), 90).convert("RGB") for _ in range(40)), 5),
        lambda path: write_image(path, Image.effect_noise((320, 180), 90)),
    ],
)
def test_full_disk_is_told_as_such(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "full.bin"
    path.symlink_to("/dev/full")

    with pytest.raises(StorageFull):
        write(path)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.25])
def test_metronome_ticks_and_lasts(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "beat.wav"
    parts: list[float] = []

    write_metronome(path, seconds, 120, 440, parts.append)

    with wave.open(str(path), "rb") as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 44_100)
        samples = array("h", sound.readframes(sound.getnframes()))
    assert len(samples) == round(seconds * SAMPLE_RATE)
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert 5000 < max(samples) < 12_000
    assert not any(samples[SAMPLE_RATE // 10 : SAMPLE_RATE // 2])


def test_tone_is_quiet_and_lasts(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    write_tone(path, 1.3, 220)

    with wave.open(str(path), "rb") as sound:
        samples = array("h", sound.readframes(sound.getnframes()))
    assert len(samples) == round(1.3 * SAMPLE_RATE)
    assert 2000 < max(samples) < 5000
