"""What the structure of a file says about its end."""

from __future__ import annotations

import io

import pytest

from assetctl.media.endings import ending_problem

FTYP = (16).to_bytes(4) + b"ftypisom" + bytes(4)
PAGE = b"OggS\x00" + b"\x04" + bytes(20) + b"\x02" + bytes([3, 2])


@pytest.mark.parametrize(
    ("format_name", "content", "is_whole"),
    [
        ("MP4", FTYP, True),
        ("MP4", FTYP + bytes(4) + b"mdat" + b"to the end", True),
        ("MP4", FTYP + (1).to_bytes(4) + b"mdat" + (20).to_bytes(8) + b"long", True),
        ("MP4", FTYP + (1).to_bytes(4) + b"mdat" + (21).to_bytes(8) + b"long", False),
        ("MP4", FTYP + b"\x00\x00", False),
        ("MP4", FTYP + (4).to_bytes(4) + b"mdat", False),
        ("MP4", (8).to_bytes(4) + b"free" + FTYP * 250_000, False),
        ("WAV", b"RIFF" + bytes(4) + b"WAVE", True),
        ("WAV", b"RIFF\xff\xff\xff\xffWAVE", True),
        ("WAV", b"RIFF\x05\x00\x00\x00WAVE", False),
        ("GIF", b"GIF89a...;\x00", True),
        ("GIF", b"GIF89a...", False),
        ("Ogg", PAGE + b"12345", True),
        ("Ogg", PAGE + b"1234", False),
        ("Ogg", PAGE[:20], False),
        ("Ogg", PAGE.replace(b"\x04", b"\x00") + b"12345", False),
        ("WebM", b"\x1aE\xdf\xa3\x81x\x18S\x80g\x82ab", True),
        ("WebM", b"\x1aE\xdf\xa3\x81x\x18S\x80g\x83ab", False),
        ("WebM", b"\x1aE\xdf\xa3\x81x\x18S\x80g\xffab", True),
        ("WebM", b"\x1aE\xdf\xa3\x81xcut", False),
        ("WebM", b"\x1aE\xdf\xa3", False),
        ("WebM", b"\x1aE\xdf\xa3\x00", False),
        ("FLAC", b"fLaC", True),
    ],
)
def test_end_is_found_or_missed(format_name: str, content: bytes, is_whole: bool) -> None:  # noqa: FBT001 - a table
    problem = ending_problem(io.BytesIO(content), format_name)

    assert (problem is None) is is_whole
