"""A picture that tells what an asset is, also as small as cells of a terminal. Decoding is bounded as in `probe.py`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, assert_never

from PIL import Image, ImageOps, ImageStat

from assetctl.media.cells import MAX_CELLS
from assetctl.media.images import load_image
from assetctl.media.limits import DEFAULT_LIMITS, Deadline, refusal
from assetctl.media.probe import recognised
from assetctl.media.streams import loudness, pictures
from assetctl.models import AssetType

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.media.cells import Colour
    from assetctl.media.kinds import MediaFormat
    from assetctl.media.limits import Limits

_GROUND: Final[Colour] = (18, 20, 28)
_WAVE: Final[Colour] = (122, 162, 247)
_FADE_PICTURES: Final = 72
_LEAST_SPREAD: Final = 6.0


def preview_picture(
    path: Path, asset_type: AssetType, columns: int, rows: int, limits: Limits = DEFAULT_LIMITS
) -> Image.Image | None:
    """A picture that shows `path` in at most `columns` x `rows` cells (`cells.py`) without distorting it.

    An image and the first picture of a clip keep their shape; sound is a waveform that fills the space. A 3d model has
    none. Blocking: run it in a thread.

    Raises:
        IntegrityError: the file is not of that type, or doesn't decode within `limits`.
    """
    columns, rows = (max(1, min(number, MAX_CELLS)) for number in (columns, rows))
    match asset_type:
        case AssetType.MODEL_3D:
            return None
        case AssetType.IMAGE:
            picture = load_image(path, recognised(path, asset_type).reader, limits)
        case AssetType.VIDEO:
            picture = telling_picture(path, recognised(path, asset_type), limits)
        case AssetType.AUDIO:
            return _waveform(loudness(path, recognised(path, asset_type), columns, limits), rows)
        case _ as unknown:
            assert_never(unknown)
    return _fitted(picture, columns, rows * 2)


def telling_picture(path: Path, media_format: MediaFormat, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """The first picture of a clip that shows something; the first of all when none of the first seconds does.

    Raises:
        IntegrityError: none decodes within `limits`.
    """
    # Many clips fade in: their first picture is of one colour.
    deadline, first = Deadline(path, limits.seconds), None
    for picture in islice(pictures(path, media_format, limits), _FADE_PICTURES):
        deadline.check()
        if _shows_something(picture):
            return picture
        first = first or picture
    if first is None:
        raise refusal(path, "its video stream doesn't decode")
    return first


def _shows_something(picture: Image.Image) -> bool:
    spread = ImageStat.Stat(ImageOps.fit(picture.convert("L"), (32, 32), Image.Resampling.BOX)).stddev[0]
    return spread >= _LEAST_SPREAD


def on_ground(picture: Image.Image) -> Image.Image:
    """`picture`, which may be transparent, on a dark ground."""
    ground = Image.new("RGBA", picture.size, _GROUND)
    ground.alpha_composite(picture)
    return ground.convert("RGB")


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """`picture` on a dark ground, scaled to fit, with an even height so that every cell has two halves."""
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(2, round(picture.height * scale / 2) * 2))
    return on_ground(ImageOps.fit(picture.convert("RGBA"), size, Image.Resampling.BOX))


def _waveform(levels: list[float], rows: int) -> Image.Image:
    picture = Image.new("RGB", (len(levels), rows * 2), _GROUND)
    for column, level in enumerate(levels):
        half = max(1, round(level * rows))
        picture.paste(_WAVE, (column, rows - half, column + 1, rows + half))
    return picture
