"""The process that draws pictures of files, one for each line of stdin until it ends; started by `decoder.py`."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, assert_never

from PIL import Image

from assetctl.errors import IntegrityError
from assetctl.media.bounding import bound_memory, bound_time
from assetctl.media.images import load_image
from assetctl.media.limits import DEFAULT_LIMITS
from assetctl.media.probe import recognised
from assetctl.media.stills import LEVELS, SIDE
from assetctl.media.streams import loudness
from assetctl.media.thumbnail import on_ground, preview_picture, telling_picture
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUALITY: Final = 74


def main() -> None:
    """Every line of stdin is answered on stdout."""
    bound_memory()
    serve(sys.stdin, sys.stdout.buffer)


def serve(asked: Iterable[str], answers: BinaryIO) -> None:
    """For each JSON line of `asked` there is one in `answers`, and after it the picture that it tells of."""
    for line in asked:
        bound_time()
        head, picture = _answer(json.loads(line))
        answers.write(json.dumps(head).encode() + b"\n" + picture)
        answers.flush()


def _answer(asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    path, asset_type = Path(asked["path"]), AssetType(asked["type"])
    try:
        if asked["draw"] == "preview":
            return _preview(path, asset_type, asked["columns"], asked["rows"])
        return _still(path, asset_type)
    except IntegrityError as error:
        return {"why": error.why or error.what}, b""


def _preview(path: Path, asset_type: AssetType, columns: int, rows: int) -> tuple[dict[str, Any], bytes]:
    picture = preview_picture(path, asset_type, columns, rows)
    if picture is None:
        return {}, b""
    pixels = picture.tobytes()
    return {"columns": picture.width, "size": len(pixels)}, pixels


def _still(path: Path, asset_type: AssetType) -> tuple[dict[str, Any], bytes]:
    match asset_type:
        case AssetType.MODEL_3D:
            return {}, b""
        case AssetType.AUDIO:
            levels = loudness(path, recognised(path, asset_type), LEVELS, DEFAULT_LIMITS)
            return {"levels": [round(100 * level) for level in levels]}, b""
        case AssetType.IMAGE:
            picture = load_image(path, recognised(path, asset_type).reader, DEFAULT_LIMITS)
        case AssetType.VIDEO:
            picture = telling_picture(path, recognised(path, asset_type), DEFAULT_LIMITS)
        case _ as unknown:
            assert_never(unknown)
    small = _small(picture)
    data = BytesIO()
    small.save(data, "WEBP", quality=_QUALITY)
    return {"width": small.width, "height": small.height, "size": len(data.getvalue())}, data.getvalue()


def _small(picture: Image.Image) -> Image.Image:
    small = picture.convert("RGBA")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return on_ground(small)
