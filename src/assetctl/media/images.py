"""Still pictures: opened by the format their signature names, bounded, and loaded to the last pixel."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from PIL import Image, UnidentifiedImageError

from assetctl.media.limits import check_pixels, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.media.limits import Limits

# Everything Pillow's readers let through when a file is broken; its bomb checks come twice, as warning and as error.
_BROKEN: Final = (
    UnidentifiedImageError,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def load_image(path: Path, reader: str, limits: Limits) -> Image.Image:
    """The first picture in `path`, fully decoded, with the file closed again. `reader` is the only format tried.

    Raises:
        IntegrityError: it does not decode to its end, or has more pixels than `limits` allow.
    """
    try:
        with Image.open(path, formats=[reader]) as image:
            check_pixels(path, image.width, image.height, limits)
            image.load()
            return image.copy()
    except _BROKEN as error:
        raise refusal(path, "its picture doesn't decode to the end") from error
