"""The look into media files, loaded when the first of them is looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.models import AssetType, MediaInfo


def probe(path: Path, asset_type: AssetType) -> MediaInfo:
    """What a look into the media file at `path` finds (`media.probe`).

    Raises:
        IntegrityError: it is not playable media of that type.
    """
    from assetctl.media.probe import probe as look

    return look(path, asset_type)
