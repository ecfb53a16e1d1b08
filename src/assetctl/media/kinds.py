"""Which file suffixes and formats of media there are, and how the first bytes of each look.

The one table of both. It loads no media library, so a folder of a million files can be sorted cheaply; whether a file
really is what its name or its first bytes say is `probe.py`'s to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

HEAD_BYTES: Final = 4096
"""How much of a file's beginning `format_of` wants to see."""

_VIDEO, _IMAGE, _AUDIO, _MODEL = AssetType.VIDEO, AssetType.IMAGE, AssetType.AUDIO, AssetType.MODEL_3D


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """A file format as its first bytes show it.

    `mime_types` holds the media type for each asset type the format can carry. `reader` is how the library that decodes
    it calls the format (Pillow for images, FFmpeg for video and audio), "" for 3d models.
    """

    name: str
    reader: str
    mime_types: Mapping[AssetType, str]


_TYPES: Final[Mapping[str, AssetType]] = MappingProxyType(
    {
        **dict.fromkeys((".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".ogv"), _VIDEO),
        **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"), _IMAGE),
        **dict.fromkeys((".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".weba", ".mka"), _AUDIO),
        **dict.fromkeys((".glb", ".gltf", ".fbx", ".obj"), _MODEL),
    }
)
_DEFAULT_SUFFIXES: Final = MappingProxyType({_VIDEO: ".mp4", _IMAGE: ".png", _AUDIO: ".wav", _MODEL: ".glb"})


def asset_type_of(path: PurePath) -> AssetType | None:
    """The asset type that the suffix of `path` promises, None when it is no media file by name."""
    return _TYPES.get(path.suffix.lower())


def suffixes_of(asset_type: AssetType) -> tuple[str, ...]:
    """Every suffix of `asset_type`, lower case with its dot, the usual one first."""
    own = [suffix for suffix, its_type in _TYPES.items() if its_type is asset_type]
    return (default_suffix(asset_type), *(suffix for suffix in own if suffix != default_suffix(asset_type)))


def default_suffix(asset_type: AssetType) -> str:
    """The suffix of the files that assetctl itself makes for `asset_type`."""
    return _DEFAULT_SUFFIXES[asset_type]


def _format(name: str, reader: str, **mime_types: str) -> MediaFormat:
    return MediaFormat(name, reader, MappingProxyType({AssetType(key): mime for key, mime in mime_types.items()}))


_MP4 = _format("MP4", "mov", video="video/mp4", audio="audio/mp4")
_QUICKTIME = _format("QuickTime", "mov", video="video/quicktime")
_AVIF = _format("AVIF", "AVIF", image="image/avif")
_WEBM = _format("WebM", "matroska", video="video/webm", audio="audio/webm")
_MATROSKA = _format("Matroska", "matroska", video="video/x-matroska", audio="audio/x-matroska")
_MP3 = _format("MP3", "mp3", audio="audio/mpeg")

# (offset, bytes, format): the registered signatures, each long enough not to be met by chance.
_SIGNATURES: Final[tuple[tuple[int, bytes, MediaFormat], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", _format("PNG", "PNG", image="image/png")),
    (0, b"\xff\xd8\xff", _format("JPEG", "JPEG", image="image/jpeg")),
    (0, b"GIF87a", _format("GIF", "GIF", image="image/gif")),
    (0, b"GIF89a", _format("GIF", "GIF", image="image/gif")),
    (8, b"WEBP", _format("WebP", "WEBP", image="image/webp")),
    (8, b"WAVE", _format("WAV", "wav", audio="audio/wav")),
    (8, b"AVI ", _format("AVI", "avi", video="video/x-msvideo")),
    (4, b"ftypqt  ", _QUICKTIME),
    (4, b"ftypavif", _AVIF),
    (4, b"ftypavis", _AVIF),
    (4, b"ftyp", _MP4),
    (0, b"OggS", _format("Ogg", "ogg", audio="audio/ogg", video="video/ogg")),
    (0, b"fLaC", _format("FLAC", "flac", audio="audio/flac")),
    (0, b"ID3", _MP3),
    (0, b"glTF", MediaFormat("GLB", "", MappingProxyType({_MODEL: "model/gltf-binary"}))),
    (0, b"Kaydara FBX Binary  \x00", MediaFormat("FBX", "", MappingProxyType({_MODEL: "model/vnd.fbx"}))),
    (0, b"; FBX ", MediaFormat("FBX", "", MappingProxyType({_MODEL: "model/vnd.fbx"}))),
)
_GLTF = MediaFormat("glTF", "", MappingProxyType({_MODEL: "model/gltf+json"}))
_OBJ = MediaFormat("OBJ", "", MappingProxyType({_MODEL: "model/obj"}))
_EBML = b"\x1a\x45\xdf\xa3"
_OBJ_KEYWORDS = frozenset({b"v", b"vt", b"vn", b"o", b"g", b"f", b"mtllib", b"usemtl", b"s"})


def format_of(head: bytes) -> MediaFormat | None:
    """The format whose signature `head` (the first `HEAD_BYTES` of a file) bears, None when it is none we know."""
    for offset, signature, media_format in _SIGNATURES:
        if head.startswith(signature, offset) and (offset != _RIFF_OFFSET or head.startswith(b"RIFF")):
            return media_format
    if head.startswith(_EBML):
        return _WEBM if b"webm" in head[:64] else _MATROSKA
    if _is_mpeg_audio(head):
        return _MP3
    return _text_format(head)


def beginning_problem(head: bytes, expected: AssetType) -> str | None:
    """Why a file that begins with `head` (its first `HEAD_BYTES`) is none of type `expected`; None when it may be."""
    media_format = format_of(head)
    if media_format is None:
        return "its first bytes are those of no media format known here"
    if expected not in media_format.mime_types:
        return f"it is {media_format.name}, which holds no {expected.value}"
    return None


_RIFF_OFFSET = 8


def _is_mpeg_audio(head: bytes) -> bool:
    # Eleven set bits, then layer III, then rate and frequency that are not reserved (ISO 11172-3, section 2.4.2.3).
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # noqa: PLR2004 - bit masks of that header
        return False
    return head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3  # noqa: PLR2004 - as above


def _text_format(head: bytes) -> MediaFormat | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return _GLTF
    for line in start.splitlines():
        if line.strip() and not line.startswith(b"#"):
            return _OBJ if line.split()[0] in _OBJ_KEYWORDS else None
    return None
