"""Local files that go into a generation: what they are, that they are whole, and the digest that stands for them.

Only the first bytes and the structure are looked at, nothing is decoded, so a stranger's picture can do no harm here.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.errors import InvalidRequest
from assetctl.media.endings import ending_problem
from assetctl.media.kinds import HEAD_BYTES, format_of
from assetctl.models import AssetInput, AssetType
from assetctl.units import human_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from assetctl.models import AssetRequest

#: The largest file that is sent, by type; no generator takes more, and nobody should wait for a refusal.
MAX_INPUT_BYTES: Final[Mapping[AssetType, int]] = MappingProxyType(
    {AssetType.IMAGE: 50 * 1024**2, AssetType.VIDEO: 1024**3}
)
_NO_BLOCKING: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def with_digests(request: AssetRequest) -> AssetRequest:
    """`request` with the digest, the type and the absolute path of every local input; what has a digest is believed.

    Blocks while it reads the files.

    Raises:
        InvalidRequest: a file is missing, unreadable, too large, cut off, or no image or video.
    """
    return replace(request, inputs=tuple(with_digest(given) for given in request.inputs))


def with_digest(given: AssetInput) -> AssetInput:
    """`given` with the digest of its bytes, its type and an absolute path, if it is a local file without a digest.

    Raises:
        InvalidRequest: as `with_digests`.
    """
    if given.path is None or given.sha256 is not None:
        return given
    path = Path(given.path).absolute()
    with _opened(path) as file:
        asset_type, _ = _looked_at(file, path, given.asset_type)
        digest = filesystem.sha256_of_descriptor(file.fileno())
    return replace(given, path=path, sha256=digest, asset_type=asset_type)


def mime_type_of_input(given: AssetInput) -> str:
    """The media type of the local file of `given`, whose bytes are still those that its digest names.

    Blocks while it reads the file.

    Raises:
        InvalidRequest: as `with_digests`, or the bytes are not the same any more.
    """
    path = Path(given.path or "")
    with _opened(path) as file:
        _, mime_type = _looked_at(file, path, given.asset_type)
        if filesystem.sha256_of_descriptor(file.fileno()) != given.sha256:
            raise InvalidRequest(
                f"`{path}` is not the file any more that was asked with",
                why="its bytes have changed since",
                hint="ask again: the new bytes are another request",
            )
    return mime_type


def _opened(path: Path) -> BinaryIO:
    try:
        # Without O_NONBLOCK a pipe of that name would hold us for ever.
        descriptor = os.open(path, os.O_RDONLY | _NO_BLOCKING)
    except OSError as error:
        hint = "check the spelling" if isinstance(error, FileNotFoundError) else "check its owner and its rights"
        raise InvalidRequest(
            f"the input `{path}` can't be read", why=error.strerror or str(error), hint=hint
        ) from error
    except ValueError as error:
        raise InvalidRequest(f"`{path}` is no path", why=str(error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidRequest(f"the input `{path}` can't be read", why="it is no file", hint="name an image or a video")
    return os.fdopen(descriptor, "rb", buffering=0)  # unbuffered: the digest is read from the descriptor itself


def _looked_at(file: BinaryIO, path: Path, wanted: AssetType | None) -> tuple[AssetType, str]:
    """The type and media type of `file`, which stands at its beginning again afterwards."""
    media_format = format_of(file.read(HEAD_BYTES))
    possible = [] if media_format is None else [kind for kind in MAX_INPUT_BYTES if kind in media_format.mime_types]
    if media_format is None or not possible:
        raise InvalidRequest(
            f"the input `{path}` is neither an image nor a video",
            why="its format is unknown"
            if media_format is None
            else f"its first bytes are those of {media_format.name}",
            hint="give a PNG, JPEG, WebP, MP4 or WebM",
        )
    if wanted is not None and wanted not in possible:
        why = f"its first bytes are those of {media_format.name}"
        raise InvalidRequest(f"the input `{path}` is no {wanted}", why=why, hint=f"give it as `--{possible[0]}`")
    asset_type = wanted or possible[0]
    _check_size(os.fstat(file.fileno()).st_size, path, asset_type)
    problem = ending_problem(file, media_format.name)
    if problem is not None:
        raise InvalidRequest(f"the input `{path}` is not whole", why=problem, hint="export it again")
    file.seek(0)
    return asset_type, media_format.mime_types[asset_type]


def _check_size(size_bytes: int, path: Path, asset_type: AssetType) -> None:
    limit_bytes = MAX_INPUT_BYTES[asset_type]
    if size_bytes > limit_bytes:
        raise InvalidRequest(
            f"the input `{path}` is too large",
            why=f"it has {human_size(size_bytes)}; an input of that type has at most {human_size(limit_bytes)}",
            hint="give a smaller export of it",
        )
