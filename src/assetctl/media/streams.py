"""Video and audio files: opened by the format their signature names, bounded, decoded at both ends.

FFmpeg is told which demuxer to use and never guesses: a playlist in a clip's clothes could make it read other files.
"""

from __future__ import annotations

import math
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final, cast

import av
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from av.stream import Disposition

from assetctl.media.limits import Deadline, check_pixels, refusal
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream
    from PIL.Image import Image

    from assetctl.media.kinds import MediaFormat
    from assetctl.media.limits import Limits

    MediaStream = VideoStream | AudioStream

_BROKEN: Final = (FFmpegError, OSError, MemoryError)
_MAX_HEAD_PACKETS: Final = 512
_MAX_TAIL_PACKETS: Final = 32
# What a container states may exceed what its packets fill by rounding and by an encoder's padding.
_SHORT_BY_S: Final = 0.25
_SHORT_BY_PART: Final = 0.02
_LEVELS_PER_S: Final = 100
_LEVEL_SAMPLES: Final = 80
_LOUDEST: Final = 0x8000


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What an intact clip or sound file is; width and height are None for sound alone."""

    duration_s: float
    width: int | None = None
    height: int | None = None


@contextmanager
def open_streams(path: Path, media_format: MediaFormat, limits: Limits) -> Generator[InputContainer]:
    """Within the block, `path` as a container of `media_format`; whatever a decoder says against it is a refusal.

    Raises:
        IntegrityError: it does not open, or breaks while it is read.
    """
    options = {"max_pixels": str(limits.pixels), "threads": "1"}
    try:
        with av.open(
            str(path),
            "r",
            format=media_format.reader,
            options=options,
            metadata_errors="replace",
            timeout=limits.seconds,
        ) as container:
            yield container
    except _BROKEN as error:
        raise refusal(path, f"it doesn't decode as {media_format.name}") from error


def main_stream(path: Path, container: InputContainer, asset_type: AssetType, limits: Limits) -> MediaStream:
    """The stream that makes `container` an asset of that type, set up to decode within `limits`.

    Raises:
        IntegrityError: there is none, it is too large, or an audio file turns out to be a clip.
    """
    pictures = [stream for stream in container.streams.video if not _is_cover(stream)]
    wanted = pictures if asset_type is AssetType.VIDEO else list(container.streams.audio)
    if not wanted:
        raise refusal(path, f"it has no {asset_type.value} stream")
    if asset_type is AssetType.AUDIO and pictures:
        raise refusal(path, "it is a video, not audio")
    stream = wanted[0]
    decoder: Any = stream.codec_context
    if decoder is None:
        raise refusal(path, f"no decoder for its {asset_type.value} stream is known")
    if stream.type == "video":
        check_pixels(path, stream.codec_context.width, stream.codec_context.height, limits)
    stream.codec_context.options = {"max_pixels": str(limits.pixels)}
    stream.codec_context.thread_count = 1
    return stream


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


@dataclass(slots=True)
class _Survey:
    """What one pass over all packets found.

    `end_s` is the last moment any stream fills, `tail` the wanted stream's packets from its last keyframe on.
    """

    end_s: float = 0.0
    has_frame: bool = False
    tail: list[Packet[Any]] = field(default_factory=list["Packet[Any]"])


def check_streams(path: Path, media_format: MediaFormat, asset_type: AssetType, limits: Limits) -> StreamFacts:
    """The facts of a file whose packets are all there and whose first and last pictures or samples decode.

    Raises:
        IntegrityError: it is broken, cut off, empty, or beyond `limits`.
    """
    with open_streams(path, media_format, limits) as container:
        stream = main_stream(path, container, asset_type, limits)
        survey = _surveyed(path, container, stream, limits)
        if not survey.has_frame or not _tail_decodes(stream, survey.tail):
            raise refusal(path, f"its {asset_type.value} stream doesn't decode")
        duration_s = _duration_s(path, container.duration, survey.end_s)
        if stream.type == "video":
            return StreamFacts(duration_s, stream.codec_context.width, stream.codec_context.height)
        return StreamFacts(duration_s)


def _surveyed(path: Path, container: InputContainer, stream: MediaStream, limits: Limits) -> _Survey:
    survey = _Survey()
    deadline = Deadline(path, limits.seconds)
    first_s = math.inf
    for number, packet in enumerate(container.demux()):
        deadline.check()
        if number >= limits.packets:
            raise refusal(path, f"it has more than {limits.packets:,} packets")
        if packet.is_corrupt:
            raise refusal(path, "it is cut off: a packet is not complete")
        moment = packet.dts if packet.pts is None else packet.pts
        if moment is not None:
            first_s = min(first_s, float(moment * packet.time_base))
            survey.end_s = max(survey.end_s, float((moment + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index == stream.index and packet.size:
            _look_at(packet, survey, number)
    # Times may start anywhere; a length is counted from the first one.
    survey.end_s -= min(first_s, survey.end_s)
    survey.has_frame = survey.has_frame or bool(_decoded(stream, None))
    return survey


def _look_at(packet: Packet[Any], survey: _Survey, number: int) -> None:
    if packet.is_keyframe:
        survey.tail.clear()
    if len(survey.tail) < _MAX_TAIL_PACKETS:
        survey.tail.append(packet)
    if not survey.has_frame and number < _MAX_HEAD_PACKETS:
        survey.has_frame = bool(packet.decode())


def _tail_decodes(stream: MediaStream, tail: list[Packet[Any]]) -> bool:
    stream.codec_context.flush_buffers()
    return any(packet.decode() for packet in tail) or bool(_decoded(stream, None))


def _decoded(stream: Any, packet: Packet[Any] | None) -> list[Any]:
    # PyAV's types mention NumPy, which is not installed; None asks a decoder for what it still holds back.
    return stream.decode(packet)


def _duration_s(path: Path, stated: int | None, filled_s: float) -> float:
    stated_s = filled_s if stated is None else stated / av.time_base
    if stated_s - filled_s > max(_SHORT_BY_S, stated_s * _SHORT_BY_PART):
        raise refusal(path, f"it is cut off: {filled_s:.2f} s of {stated_s:.2f} s are there")
    if stated_s <= 0:
        raise refusal(path, "it has no length")
    return stated_s


def pictures(path: Path, media_format: MediaFormat, limits: Limits) -> Iterator[Image]:
    """The first pictures of a clip in their order, at least one; not all of a long one.

    Raises:
        IntegrityError: none decodes within `limits`.
    """
    found = False
    with open_streams(path, media_format, limits) as container:
        stream = main_stream(path, container, AssetType.VIDEO, limits)
        for packet in islice(container.demux(stream), _MAX_HEAD_PACKETS):
            for frame in _decoded(stream, packet if packet.size else None):
                found = True
                yield cast("Image", frame.to_image())
    if not found:
        raise refusal(path, "its video stream doesn't decode")


def loudness(path: Path, media_format: MediaFormat, columns: int, limits: Limits) -> list[float]:
    """The highest level, 0 to 1, of each of `columns` equal parts of a sound file, in their order.

    Raises:
        IntegrityError: it doesn't decode within `limits`.
    """
    deadline = Deadline(path, limits.seconds)
    levels: list[float] = []
    with open_streams(path, media_format, limits) as container:
        stream = main_stream(path, container, AssetType.AUDIO, limits)
        resampler = AudioResampler(format="s16", layout="mono", rate=_LEVEL_SAMPLES * _LEVELS_PER_S)
        for frame in container.decode(stream):
            deadline.check()
            for converted in resampler.resample(cast("AudioFrame", frame)):
                levels += _levels(converted)
    if not levels:
        raise refusal(path, "its audio stream doesn't decode")
    starts = [column * len(levels) // columns for column in range(columns + 1)]
    return [max(levels[start : max(end, start + 1)]) for start, end in pairwise(starts)]


def _levels(frame: AudioFrame) -> list[float]:
    samples = array("h", bytes(frame.planes[0])[: frame.samples * 2])
    parts = (samples[start : start + _LEVEL_SAMPLES] for start in range(0, len(samples), _LEVEL_SAMPLES))
    return [max(map(abs, part)) / _LOUDEST for part in parts]
