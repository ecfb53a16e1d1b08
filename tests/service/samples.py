"""Small media that really play, of any size and length, never two alike.

One clip of two frames is kept here; its clock is set anew for the length asked for. Every format gets its size, and
what makes it unique, from a part that players skip.
"""

from __future__ import annotations

import base64
import random
import struct
import zlib
from typing import Final

WIDTH: Final = 320
HEIGHT: Final = 180
SUFFIXES: Final = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "model/gltf-binary": ".glb",
}
_RATE: Final = 8000
_NOISE_BYTES: Final = 1 << 16

# Two frames of H.264 in 320 x 180, written by `assetctl.media.encode.write_video`.
_CLIP: Final = zlib.decompress(
    base64.b64decode(
        "eNp9VF9oHEUYn7skJS1RAl4waqQT7IuQu+zeXWK9spIzFq8VUZD2oQqb2Z3Z2/X2X2YnubvUUB8UBEFBRNM+pFHxQZGgNlCLbSlUBRFUig8N/i"
        "EWLSYPFh+qgf45v9lLzDW1HXbm+//79pvv20UIYUvUQycKPISSSFLYWTJpql6YV0F31QuCSYSQ603aFN2w2v6IdwLJZ2MlbvTaLI+g264kPE8I"
        "TirAPycqcc62m9Fk7tvn+b+8CXksxOIORkUEtI+5kdiIWMONYxNnPeoQYLBHN9c+Eu99X8RC2qYuX7dMOpS1eu4HOSgRn7pM+iR8z/EtYFKTXg"
        "za+po7aNPWRzmzWsromuAubvKJTCQMF/j5SES0xWdWNu0WVyELX0AlYEq38rhp9TYacOYBdTRBUVfjV3RPGehHi8Xi0dlu2ZT4GPnr0cNjCdRu"
        "X3r9m2urqzIyZQi+dqX3rXe7NxLxda/nhjbj2BeqaNXL3Qc6c5Mu2WKb2jQuy0APNbHMoKWVA0C1CSpkC4c8FlO5+lvbBS3mJAzd1tI7neZMdF"
        "qcQS/bQo8SkJOzWzoajSM/7V4+dXGxdPytgfN48YE/L9Wyw3mcxmbAGVaHh4AtZUA1+OTTux9P53Fx/yjYKDPBMBqEdZdZAmcVJZfOKlnpbQsR"
        "FgYHq9VqRs5O4BI/E/DyoMTN2MJzwScIhRP4UQGbxCCmpmKYDzgpM9zArGhqQSkomPjErUdMU2q5glJT1Rz2mGazGo4mDOCyOIzqEASnzqmmZh"
        "QIggN7To1RXSICz3RO/DLT1GFs2jzwiA6hKhacua4TgcfO2k5qClCZ4x6IlBE6FfgArw6oKrZIJPQwqjih9GgCjId6YFkRE+AubA4BERjdIKgQ"
        "GwR9Qxe5jsk2FAr2eZzCdDwi5Gs4vmDcJeAEesOd4KSum4EXEoltwg3Bn8PxAQIcOZE+Ficei7QcNvSwDrxD4SIMnVASyiIM3XCIzARjwOKyqs"
        "wp28IALgiZr5eDEKxNpaypwuqArWWHlDVWh+8ZICOT+cycEFpewXFyeaGcRTZEc1P/r1pNlbJmcgt78J0wWRUIWjaXUfC4rEVTMsPAhhI3pqSm"
        "DT8MTCRYqOWxE0KLYBygg5CLjEP3ZS/RizCxo+yVl9BdjYuNjqUr4wPbG4d2dd+f+tv/5+vrn86/vfrVzOkD3z/07K7LSysouXT13Wc+2Hpu39"
        "53UHsvQntGy8k7T64UT14GmIPFI/09xa2J83Od27Y3Zs7Wjp55P3Xs5wcPa0v59FT6kfmDT/1ybea3Ow7sNXq+Qz9Md82triRPfJLq+HzLey+/"
        "+VhP291f/t6/B3UtL2x7dTrXXco975777MzxweCNuQtXXrPGEJqW/472uc6+E/fqP35cuF798IXqBfPYWNu3/wKR86KF"
    )
)
_MOVIE_RATE: Final = 1000
_TRACK_RATE: Final = 16384
_FRAMES: Final = 2


def sample(media_type: str, *, seed: str, duration_s: float = 5.0, size_bytes: int = 0) -> tuple[bytes, str]:
    """A playable file and its MIME type; `size_bytes` long unless it needs more. Another seed gives other bytes."""
    match media_type:
        case "video":
            return _with_free_box(_clip_of(duration_s), seed, size_bytes), "video/mp4"
        case "image":
            return _picture(seed, size_bytes), "image/png"
        case "audio":
            return _tone(seed, duration_s, size_bytes), "audio/wav"
        case "3d_model":
            return _model(seed, size_bytes), "model/gltf-binary"
        case _:
            raise ValueError(media_type)


def _noise(seed: str, size: int) -> bytes:
    piece = random.Random(seed).randbytes(min(size, _NOISE_BYTES))
    return (piece * (size // len(piece) + 1))[:size] if size else b""


def _filling(seed: str, have: int, want: int, least: int = 16) -> bytes:
    return _noise(seed, max(least, want - have))


def _with_free_box(clip: bytes, seed: str, size_bytes: int) -> bytes:
    filling = _filling(seed, len(clip) + 8, size_bytes)
    return clip + struct.pack(">I4s", len(filling) + 8, b"free") + filling


def _clip_of(duration_s: float) -> bytes:
    clip = bytearray(_CLIP)
    movie, track = round(duration_s * _MOVIE_RATE), round(duration_s * _TRACK_RATE)
    _set(clip, b"mvhd", 20, movie)
    _set(clip, b"tkhd", 24, movie)
    _set(clip, b"elst", 12, movie)
    _set(clip, b"mdhd", 20, track)
    _set(clip, b"stts", 16, track // _FRAMES)
    return bytes(clip)


def _set(clip: bytearray, box: bytes, after_name: int, value: int) -> None:
    struct.pack_into(">I", clip, clip.index(box) + after_name, value)


def _picture(seed: str, size_bytes: int) -> bytes:
    colour = random.Random(seed).randbytes(3)
    rows = (b"\0" + colour * WIDTH) * HEIGHT
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0))
    data, end = _chunk(b"IDAT", zlib.compress(rows, 6)), _chunk(b"IEND", b"")
    filling = _filling(seed, len(head) + len(data) + len(end) + 12, size_bytes)
    return head + _chunk(b"fiLl", filling) + data + end


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _tone(seed: str, duration_s: float, size_bytes: int) -> bytes:
    period = b"".join(struct.pack("<h", round(6000 * (step - 8) / 8)) for step in range(16))
    sound = (period * (round(duration_s * _RATE) // 16 + 1))[: round(duration_s * _RATE) * 2]
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE, _RATE * 2, 2, 16)
    filling = _filling(seed, 12 + len(form) + 8 + len(sound) + 8, size_bytes)
    filling += b"\0" * (len(filling) % 2)
    body = (
        form + struct.pack("<4sI", b"JUNK", len(filling)) + filling + struct.pack("<4sI", b"data", len(sound)) + sound
    )
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WAVE") + body


def _model(seed: str, size_bytes: int) -> bytes:
    head = b'{"asset":{"version":"2.0","generator":"'
    filling = _filling(seed, 20 + len(head) + 3, size_bytes).hex()[: max(16, size_bytes - 20 - len(head) - 3)]
    document = head + filling.encode() + b'"}}'
    document += b" " * (-len(document) % 4)
    return struct.pack("<4sII", b"glTF", 2, 20 + len(document)) + struct.pack("<I4s", len(document), b"JSON") + document
