"""Whether a file goes on to the end that its own container promises.

Decoders forgive a cut-off tail; a download that broke off must not pass for the asset. Only the structure is walked,
nothing is decoded, and formats that don't state their length are left to the comparison of times in `streams.py`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TAIL_BYTES: Final = 1 << 17
_MAX_BOXES: Final = 200_000
_CUT_OFF: Final = "it is cut off: its end is missing"


def ending_problem(file: BinaryIO, format_name: str) -> str | None:
    """Why `file`, a seekable one of the named format, cannot be whole; None when nothing speaks against it."""
    check = _CHECKS.get(format_name)
    if check is None:
        return None
    size = file.seek(0, os.SEEK_END)
    return None if check(file, size) else _CUT_OFF


def _boxes_fill_file(file: BinaryIO, size: int) -> bool:
    """Whether the top-level boxes of ISO 14496-12 (section 4.2) end where the file ends."""
    position = 0
    for _ in range(_MAX_BOXES):
        if position == size:
            return True
        length = _box_length(file, position, size)
        if length is None or position + length > size:
            return False
        position += length
    return False


def _box_length(file: BinaryIO, position: int, size: int) -> int | None:
    file.seek(position)
    header = file.read(16)
    length = int.from_bytes(header[:4])
    if length == 0 and len(header) >= 8:  # noqa: PLR2004 - the last box may say "to the end"
        return size - position
    if length == 1:
        length = int.from_bytes(header[8:])
    return length if length >= 8 else None  # noqa: PLR2004 - a box has at least its header


def _riff_fits(file: BinaryIO, size: int) -> bool:
    file.seek(4)
    length = int.from_bytes(file.read(4), "little")
    # A recorder that could not seek back leaves the length at zero or all ones.
    return length in (0, 0xFFFFFFFF) or length + 8 <= size


def _tail_has(marker: bytes) -> Callable[[BinaryIO, int], bool]:
    return lambda file, size: marker in _tail(file, size)


def _gif_has_trailer(file: BinaryIO, size: int) -> bool:
    return _tail(file, size).rstrip(b"\x00").endswith(b";")


def _ogg_has_last_page(file: BinaryIO, size: int) -> bool:
    """Whether the last page (RFC 3533, section 6) is whole and says that it ends its stream."""
    tail = _tail(file, size)
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27:  # noqa: PLR2004 - the fixed part of a page header
        return False
    segments = page[27 : 27 + page[26]]
    return bool(page[5] & 4) and len(segments) == page[26] and len(page) >= 27 + page[26] + sum(segments)


def _segment_fits(file: BinaryIO, size: int) -> bool:
    """Whether the Segment of a Matroska file (RFC 8794, section 4; RFC 9559, section 5.1) lies inside the file."""
    file.seek(4)
    header_length, position = _ebml_length(file, 4)
    if header_length is None:
        return False
    position += header_length
    file.seek(position)
    if file.read(4) != b"\x18\x53\x80\x67":
        return False
    segment_length, position = _ebml_length(file, position + 4)
    return segment_length is None or position + segment_length <= size


def _ebml_length(file: BinaryIO, position: int) -> tuple[int | None, int]:
    """The length stored at `position`, where `file` stands, and the position behind it; None is "unknown"."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None, position + 1
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(width - 1)) & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), position + width


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - _TAIL_BYTES))
    return file.read(_TAIL_BYTES)


_CHECKS: Final[Mapping[str, Callable[[BinaryIO, int], bool]]] = {
    "MP4": _boxes_fill_file,
    "QuickTime": _boxes_fill_file,
    "AVIF": _boxes_fill_file,
    "WAV": _riff_fits,
    "AVI": _riff_fits,
    "WebP": _riff_fits,
    "PNG": _tail_has(b"IEND\xaeB`\x82"),
    "JPEG": _tail_has(b"\xff\xd9"),
    "GIF": _gif_has_trailer,
    "Ogg": _ogg_has_last_page,
    "WebM": _segment_fits,
    "Matroska": _segment_fits,
}
