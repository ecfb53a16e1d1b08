"""Writes pictures, clips and sound so that the same input gives the same bytes.

Clips are H.264 in MP4 with the index in front, so that a player starts before it has all. Encoders get a fixed number
of threads and leave no version or date in the file. Names are final here: whoever needs a file whole or not at all
writes to a temporary one.
"""

from __future__ import annotations

import math
import sys
import wave
from array import array
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, cast

import av
from av.codec.context import Flags
from av.error import FFmpegError

from assetctl.errors import AssetctlError
from assetctl.filesystem import storage_error, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from PIL.Image import Image

SAMPLE_RATE: Final = 44_100
_SOFT: Final = 0.3 * 0x7FFF
_QUIET: Final = 0.12 * 0x7FFF
_TICK_S: Final = 0.06
_BEATS_PER_BAR: Final = 4

# Measured on 5 s of animatic: "veryfast" costs about as much as the presets below it and makes files of half the size.
_X264: Final = {"preset": "veryfast", "crf": "23", "threads": "1", "x264-params": "log-level=none"}
_MP4: Final = {"movflags": "+faststart", "fflags": "+bitexact"}


def write_image(path: Path, picture: Image) -> None:
    """`path` is `picture` as a PNG without any metadata.

    Raises:
        CacheError: it could not be written.
    """
    with translated(path):
        picture.save(path, "PNG", compress_level=6)


def write_video(
    path: Path, frames: Iterable[Image], fps: int, on_frame: Callable[[int], None] = lambda _count: None
) -> None:
    """`path` is an H.264 clip of `frames`: at least one, all RGB, of one size with even sides.

    `on_frame` is told the number of frames encoded after each; what it raises ends the work and leaves a broken file.
    A frame is taken before the next one is asked for, so the same picture may be drawn on and handed out again.

    Raises:
        CacheError: it could not be written.
        AssetctlError: the encoder is missing or refuses.
    """
    try:
        with av.open(str(path), "w", format="mp4", options=_MP4) as container:
            _encode(container, frames, fps, on_frame)
    except FFmpegError as error:
        raise _encoder_error(error, path) from error


def _encode(container: Any, frames: Iterable[Image], fps: int, on_frame: Callable[[int], None]) -> None:
    # Any, because PyAV's types mention NumPy, which is not installed.
    stream: Any = None
    for count, picture in enumerate(frames):
        stream = stream or _h264(container, picture, fps)
        frame = cast("Any", av.VideoFrame).from_image(picture)
        frame.pts, frame.time_base = count, Fraction(1, fps)
        container.mux(stream.encode(frame))
        on_frame(count + 1)
    container.mux(stream.encode(None))


def _h264(container: Any, picture: Image, fps: int) -> Any:
    stream = container.add_stream("libx264", rate=fps, options=dict(_X264))
    stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
    stream.codec_context.time_base = Fraction(1, fps)
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _encoder_error(error: FFmpegError, path: Path) -> AssetctlError:
    # FFmpeg answers with the system's own error where one is behind it, a full disk for instance.
    if isinstance(error, OSError):
        return storage_error(error, path)
    return AssetctlError(
        f"the clip `{path.name}` could not be encoded",
        why=str(error),
        hint="reinstall PyAV from its wheel: `pip install --force-reinstall av`",
    )


def write_metronome(
    path: Path, seconds: float, bpm: int, pitch_hz: float, on_part: Callable[[float], None] = lambda _part: None
) -> None:
    """`path` is a soft metronome of that length, 16-bit mono at 44.1 kHz; the first of four beats is higher.

    `on_part` is told the part written, 0 to 1, after each beat; what it raises ends the work.

    Raises:
        CacheError: it could not be written.
    """
    beat_samples = round(SAMPLE_RATE * 60 / bpm)
    beats = [_beat(beat_samples, pitch_hz * 1.5), _beat(beat_samples, pitch_hz)]
    left = total = round(seconds * SAMPLE_RATE)
    with translated(path), path.open("wb") as file, wave.open(file, "wb") as sound:
        _set_up(sound)
        for number in range(math.ceil(total / beat_samples)):
            samples = beats[0 if number % _BEATS_PER_BAR == 0 else 1][:left]
            sound.writeframes(_little_endian(samples))
            left -= len(samples)
            on_part(1 - left / total)


def write_tone(path: Path, seconds: float, pitch_hz: float) -> None:
    """`path` is a quiet tone that swells and fades each second, 16-bit mono at 44.1 kHz.

    Raises:
        CacheError: it could not be written.
    """
    second = array("h", (round(_QUIET * _swell(n) * _sine(n, pitch_hz)) for n in range(SAMPLE_RATE)))
    total = round(seconds * SAMPLE_RATE)
    with translated(path), path.open("wb") as file, wave.open(file, "wb") as sound:
        _set_up(sound)
        for start in range(0, total, SAMPLE_RATE):
            sound.writeframes(_little_endian(second[: total - start]))


def _swell(n: int) -> float:
    return math.sin(math.pi * n / SAMPLE_RATE) ** 2


def _sine(n: int, pitch_hz: float) -> float:
    return math.sin(math.tau * pitch_hz * n / SAMPLE_RATE)


def _set_up(sound: wave.Wave_write) -> None:
    sound.setnchannels(1)
    sound.setsampwidth(2)
    sound.setframerate(SAMPLE_RATE)


def _beat(samples: int, pitch_hz: float) -> array[int]:
    """One beat: a short sine that dies away, then silence."""
    tick = min(samples, round(_TICK_S * SAMPLE_RATE))
    beat = array("h", bytes(2 * samples))
    for n in range(tick):
        fade = (1 - n / tick) ** 2
        beat[n] = round(_SOFT * fade * _sine(n, pitch_hz))
    return beat


def _little_endian(samples: array[int]) -> bytes:
    if sys.byteorder == "big":  # pragma: no cover - WAV is little-endian everywhere
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()
