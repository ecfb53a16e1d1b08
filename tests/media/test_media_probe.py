"""What `probe` accepts and what it refuses, on real files of every format."""

from __future__ import annotations

import shutil
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from assetctl.errors import IntegrityError
from assetctl.media.limits import Deadline, Limits
from assetctl.media.probe import probe
from assetctl.media.streams import _duration_s
from assetctl.media.thumbnail import preview_picture
from assetctl.models import AssetType, MediaInfo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VIDEO, IMAGE, AUDIO, MODEL = AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO, AssetType.MODEL_3D
KNOWN = [
    ("clip.mp4", VIDEO, "video/mp4"),
    ("clip.mov", VIDEO, "video/quicktime"),
    ("clip.webm", VIDEO, "video/webm"),
    ("clip.mkv", VIDEO, "video/x-matroska"),
    ("clip.avi", VIDEO, "video/x-msvideo"),
    ("sound.wav", AUDIO, "audio/wav"),
    ("sound.mp3", AUDIO, "audio/mpeg"),
    ("sound.ogg", AUDIO, "audio/ogg"),
    ("sound.flac", AUDIO, "audio/flac"),
    ("sound.m4a", AUDIO, "audio/mp4"),
    ("sound.weba", AUDIO, "audio/webm"),
    ("card.png", IMAGE, "image/png"),
    ("card.jpg", IMAGE, "image/jpeg"),
    ("card.webp", IMAGE, "image/webp"),
    ("card.gif", IMAGE, "image/gif"),
    ("card.avif", IMAGE, "image/avif"),
    ("model.glb", MODEL, "model/gltf-binary"),
    ("model.gltf", MODEL, "model/gltf+json"),
    ("model.fbx", MODEL, "model/vnd.fbx"),
    ("model.obj", MODEL, "model/obj"),
]
# A cut is found where the format states its length; these formats don't: MP3 without counting every frame, FBX, OBJ.
CUT_IS_SEEN = [row[:2] for row in KNOWN if row[0] not in {"model.fbx", "model.obj"}]


@pytest.mark.parametrize(("name", "asset_type", "mime_type"), KNOWN)
def test_sound_file_is_described(media_folder: Path, name: str, asset_type: AssetType, mime_type: str) -> None:
    info = probe(media_folder / name, asset_type)

    assert info.mime_type == mime_type
    assert (info.width, info.height) == ((64, 36) if asset_type in (VIDEO, IMAGE) else (None, None))
    if asset_type in (VIDEO, AUDIO):
        assert info.duration_s == pytest.approx(1.0, abs=0.1)
    else:
        assert info.duration_s is None


@pytest.mark.parametrize(("name", "asset_type", "mime_type"), KNOWN)
def test_name_of_the_file_does_not_matter(
    media_folder: Path, tmp_path: Path, name: str, asset_type: AssetType, mime_type: str
) -> None:
    path = tmp_path / "download.part"
    shutil.copy(media_folder / name, path)

    assert probe(path, asset_type).mime_type == mime_type


@pytest.mark.parametrize(("name", "asset_type"), CUT_IS_SEEN)
@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.1])
def test_cut_off_file_is_refused(
    media_folder: Path, tmp_path: Path, name: str, asset_type: AssetType, kept: float
) -> None:
    whole = (media_folder / name).read_bytes()
    path = tmp_path / name
    if name == "sound.mp3":
        kept = min(kept, 0.5)  # less than a quarter of a second may be padding
    path.write_bytes(whole[: min(len(whole) - 1, int(len(whole) * kept))])

    with pytest.raises(IntegrityError):
        probe(path, asset_type)


@pytest.mark.parametrize("wanted", list(AssetType))
@pytest.mark.parametrize(("name", "asset_type", "mime_type"), KNOWN)
def test_another_type_is_refused(
    media_folder: Path, name: str, asset_type: AssetType, mime_type: str, wanted: AssetType
) -> None:
    if wanted is asset_type:
        assert probe(media_folder / name, wanted).mime_type == mime_type
        return

    with pytest.raises(IntegrityError) as caught:
        probe(media_folder / name, wanted)

    assert name in caught.value.what
    assert caught.value.why
    assert str(media_folder) in (caught.value.hint or "")


@pytest.mark.parametrize("asset_type", list(AssetType))
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"<html><body>404 Not Found</body></html>", "no media format"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "no media format"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no media format"),
        (b"# nothing but a remark\n\n", "no media format"),
        (bytes(64), "no media format"),
    ],
)
def test_what_is_no_media_is_refused(tmp_path: Path, asset_type: AssetType, content: bytes, why: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)

    with pytest.raises(IntegrityError) as caught:
        probe(path, asset_type)

    assert why in (caught.value.why or "")


def test_unknown_codec_is_refused(media_folder: Path, tmp_path: Path) -> None:
    content = bytearray((media_folder / "sound.wav").read_bytes())
    content[20:22] = b"\x77\x77"  # the format tag of the `fmt ` chunk
    path = tmp_path / "sound.wav"
    path.write_bytes(content)

    with pytest.raises(IntegrityError) as caught:
        probe(path, AUDIO)

    assert "no decoder" in (caught.value.why or "")


def test_clip_with_sound_is_a_clip_and_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "both.mkv"
    with av.open(str(path), "w") as container:
        pictures, sound = container.add_stream("libx264", rate=10), container.add_stream("pcm_s16le", rate=48_000)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 36, "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 36)))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(pictures.encode(frame))
        samples = av.AudioFrame(format="s16", layout="stereo", samples=24_000)
        samples.planes[0].update(bytes(samples.planes[0].buffer_size))
        samples.sample_rate = 48_000
        container.mux([*pictures.encode(None), *sound.encode(samples), *sound.encode(None)])

    assert probe(path, VIDEO).width == 64
    with pytest.raises(IntegrityError) as caught:
        probe(path, AUDIO)
    assert "it is a video" in (caught.value.why or "")


def test_clip_that_holds_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        container.start_encoding()

    for look in (probe, lambda path, asset_type: preview_picture(path, asset_type, 5, 5)):
        with pytest.raises(IntegrityError) as caught:
            look(path, VIDEO)
        assert "doesn't decode" in (caught.value.why or "")


def test_sound_without_samples_is_refused(media_folder: Path, tmp_path: Path) -> None:
    content = bytearray((media_folder / "sound.wav").read_bytes())
    content[4:8] = bytes(4)
    path = tmp_path / "sound.wav"
    path.write_bytes(content[: content.index(b"data") + 4] + bytes(4))

    for look in (probe, lambda path, asset_type: preview_picture(path, asset_type, 5, 5)):
        with pytest.raises(IntegrityError) as caught:
            look(path, AUDIO)
        assert "doesn't decode" in (caught.value.why or "")


@pytest.mark.parametrize(("name", "asset_type"), [("sound.wav", AUDIO), ("clip.avi", VIDEO)])
def test_cut_is_seen_where_a_recorder_stated_no_length(
    media_folder: Path, tmp_path: Path, name: str, asset_type: AssetType
) -> None:
    content = bytearray((media_folder / name).read_bytes())
    content[4:8] = bytes(4)
    path = tmp_path / name
    path.write_bytes(content[: len(content) * 6 // 10])

    with pytest.raises(IntegrityError) as caught:
        probe(path, asset_type)
    assert "cut off" in (caught.value.why or "")


def test_packets_that_are_zeros_are_refused(media_folder: Path, tmp_path: Path) -> None:
    content = bytearray((media_folder / "clip.mp4").read_bytes())
    start = content.index(b"mdat") + 4
    length = int.from_bytes(content[start - 8 : start - 4]) - 8
    content[start : start + length] = bytes(length)
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)

    with pytest.raises(IntegrityError) as caught:
        probe(path, VIDEO)
    assert "doesn't decode" in (caught.value.why or "")


def test_length_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        _duration_s(tmp_path / "clip.mkv", None, 0.0)
    assert "no length" in (caught.value.why or "")


def test_large_json_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gltf"
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate((64 << 20) + 1)

    with pytest.raises(IntegrityError) as caught:
        probe(path, MODEL)
    assert "larger than 64 MB" in (caught.value.why or "")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        probe(tmp_path / "nothing.mp4", VIDEO)

    assert "cannot be read" in (caught.value.why or "")


@pytest.mark.parametrize(
    ("name", "limits", "why"),
    [
        ("clip.mp4", Limits(pixels=64 * 36 - 1), "pixels"),
        ("clip.webm", Limits(pixels=64 * 36 - 1), "pixels"),
        ("clip.mp4", Limits(packets=3), "more than 3 packets"),
    ],
)
def test_clip_beyond_a_limit_is_refused(media_folder: Path, name: str, limits: Limits, why: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        probe(media_folder / name, VIDEO, limits)

    assert why in (caught.value.why or "")


@pytest.mark.parametrize("name", ["card.png", "card.jpg", "card.webp", "card.gif", "card.avif"])
def test_picture_beyond_the_limit_is_refused(media_folder: Path, name: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        probe(media_folder / name, IMAGE, Limits(pixels=100))

    assert "64 x 36 pixels" in (caught.value.why or "")


def test_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(path)

    with pytest.raises(IntegrityError):
        probe(path, IMAGE)


class SteppingClock:
    """Ten seconds pass with each look."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def elapsed_s(self) -> float:
        self.time_s += 10
        return self.time_s


def test_deadline_passes(tmp_path: Path) -> None:
    deadline = Deadline(tmp_path / "clip.mp4", 15, SteppingClock())

    deadline.check()
    with pytest.raises(IntegrityError) as caught:
        deadline.check()

    assert "15 s" in (caught.value.why or "")


def test_clip_of_one_frame_is_sound(clip: Callable[..., Path]) -> None:
    assert probe(clip(frames=1), VIDEO) == MediaInfo("video/mp4", 0.1, 64, 36)


def test_long_clip_with_many_keyframes_is_sound(clip: Callable[..., Path]) -> None:
    assert probe(clip(frames=600, fps=60), VIDEO).duration_s == pytest.approx(10.0)


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b'{"asset": 1}', b'{"asset": {}}', b"{" + b'"a":[' * 100_000, b'{"scenes": []}']
)
def test_json_that_is_no_gltf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gltf"
    path.write_bytes(content)

    with pytest.raises(IntegrityError):
        probe(path, MODEL)


@pytest.mark.parametrize("name", [row[0] for row in KNOWN])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_damage_is_either_survived_or_refused(
    media_folder: Path, tmp_path: Path, name: str, data: st.DataObject
) -> None:
    asset_type = next(row[1] for row in KNOWN if row[0] == name)
    content = bytearray((media_folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(content)

    with suppress(IntegrityError):
        assert probe(path, asset_type, Limits(seconds=5)).mime_type
