"""Small media files of every format this machine can write, made once for all tests."""

from __future__ import annotations

import json
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image

from assetctl.media.encode import write_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLIPS = {
    "clip.mp4": ("mp4", "libx264"),
    "clip.mov": ("mov", "libx264"),
    "clip.webm": ("webm", "libvpx-vp9"),
    "clip.mkv": ("matroska", "libx264"),
    "clip.avi": ("avi", "mpeg4"),
}
SOUNDS = {
    "sound.wav": ("wav", "pcm_s16le"),
    "sound.mp3": ("mp3", "libmp3lame"),
    "sound.ogg": ("ogg", "libopus"),
    "sound.flac": ("flac", "flac"),
    "sound.m4a": ("ipod", "aac"),
    "sound.weba": ("webm", "libopus"),
}
IMAGES = {"card.png": "PNG", "card.jpg": "JPEG", "card.webp": "WEBP", "card.gif": "GIF", "card.avif": "AVIF"}


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sound file of each format, one second long or 64 x 36 pixels large."""
    folder = tmp_path_factory.mktemp("media")
    for name, (muxer, encoder) in CLIPS.items():
        _write_clip(folder / name, muxer, encoder)
    for name, (muxer, encoder) in SOUNDS.items():
        _write_sound(folder / name, muxer, encoder)
    for name, pillow_format in IMAGES.items():
        _picture(7).save(folder / name, pillow_format)
    _write_models(folder)
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """Writes a clip of plain frames and returns its path."""

    def write(frames: int = 10, fps: int = 10, size: tuple[int, int] = (64, 36)) -> Path:
        path = tmp_path / f"clip-{frames}-{fps}-{size[0]}.mp4"
        write_video(path, (Image.new("RGB", size, (200, number % 256, 40)) for number in range(frames)), fps)
        return path

    return write


def _picture(seed: int) -> Image.Image:
    picture = Image.frombytes("L", (64, 36), Random(seed).randbytes(64 * 36)).convert("RGB")
    picture.paste((seed * 30 % 256, 80, 200), (0, 0, 20, 36))
    return picture


def _write_clip(path: Path, muxer: str, encoder: str) -> None:
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(encoder, rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 36, "yuv420p", 4
        for number in range(10):
            frame = av.VideoFrame.from_image(_picture(number))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_sound(path: Path, muxer: str, encoder: str) -> None:
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(encoder, rate=48_000, layout="mono")
        container.mux(stream.encode(_noise()))
        container.mux(stream.encode(None))


def _noise() -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=48_000)
    frame.planes[0].update(bytes((number * number) % 251 for number in range(2 * 48_000)))
    frame.sample_rate, frame.pts = 48_000, 0
    return frame


def _write_models(folder: Path) -> None:
    body = b"JSON-and-BIN-chunks."
    (folder / "model.glb").write_bytes(b"glTF" + (2).to_bytes(4, "little") + (32).to_bytes(4, "little") + body)
    (folder / "model.gltf").write_text(json.dumps({"asset": {"version": "2.0"}, "scenes": []}))
    (folder / "model.fbx").write_bytes(b"Kaydara FBX Binary  \x00\x1a\x00" + bytes(20))
    (folder / "model.obj").write_text("# a triangle\n\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
