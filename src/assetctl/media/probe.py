"""Whether a file really is playable media of the type it should be.

Name and server header are not believed: the first bytes, the container and the decoder must agree, and the end of the
file must be there. Nothing is repaired.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, assert_never

from assetctl.media.endings import ending_problem
from assetctl.media.images import load_image
from assetctl.media.kinds import HEAD_BYTES, beginning_problem, format_of
from assetctl.media.limits import DEFAULT_LIMITS, refusal
from assetctl.media.models3d import check_model
from assetctl.media.streams import check_streams
from assetctl.models import AssetType, MediaInfo

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.media.kinds import MediaFormat
    from assetctl.media.limits import Limits


def probe(path: Path, expected: AssetType, limits: Limits = DEFAULT_LIMITS) -> MediaInfo:
    """What `path` holds, after its signature, its container and its decoder agreed that it is `expected`.

    The first picture or sample and the last ones are decoded; the rest is only walked. Blocking: run it in a thread.

    Raises:
        IntegrityError: it is missing, empty, another type, damaged, cut off, or beyond `limits`; `why` says which.
    """
    media_format = recognised(path, expected)
    mime_type = media_format.mime_types[expected]
    match expected:
        case AssetType.IMAGE:
            image = load_image(path, media_format.reader, limits)
            return MediaInfo(mime_type, width=image.width, height=image.height)
        case AssetType.MODEL_3D:
            check_model(path, media_format.name)
            return MediaInfo(mime_type)
        case AssetType.VIDEO | AssetType.AUDIO:
            facts = check_streams(path, media_format, expected, limits)
            return MediaInfo(mime_type, facts.duration_s, facts.width, facts.height)
        case _ as unknown:
            assert_never(unknown)


def recognised(path: Path, expected: AssetType) -> MediaFormat:
    """The format whose signature `path` bears, one that can carry `expected` and whose stated end is there.

    Raises:
        IntegrityError: it is none, another type's, or cut off.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            media_format = format_of(head)
            problem = ending_problem(file, media_format.name) if media_format else None
    except OSError as error:
        raise refusal(path, f"it cannot be read: {os.strerror(error.errno or 0)}") from error
    if not head:
        raise refusal(path, "it is empty")
    problem = beginning_problem(head, expected) or problem
    if media_format is None or problem:
        raise refusal(path, problem or "")
    return media_format
