"""The colours and the quiet pattern behind a card, drawn from its key, seed and style and from nothing else."""

from __future__ import annotations

import colorsys
import hashlib
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops, ImageDraw, ImageOps

from assetctl.models import Style

if TYPE_CHECKING:
    from collections.abc import Callable

Colour = tuple[int, int, int]

_OVERSAMPLED: Final = 2
_PATTERN_STRENGTH: Final = 0.30


@dataclass(frozen=True, slots=True)
class Palette:
    """What a card is painted with. `dark` and `deep` are the two ends of its ground."""

    dark: Colour
    deep: Colour
    accent: Colour
    text: Colour
    muted: Colour
    track: Colour


def palette_of(material: str, *, is_muted: bool = False) -> Palette:
    """The palette that belongs to `material`: the same text, the same colours. `is_muted` takes most colour out."""
    hue = int.from_bytes(hashlib.sha256(material.encode()).digest()[:4]) / 2**32
    strength = 0.25 if is_muted else 1.0
    return Palette(
        dark=_colour(hue, 0.055, 0.35 * strength),
        deep=_colour(hue + 0.06, 0.155, 0.50 * strength),
        accent=_colour(hue + 0.03, 0.68, 0.78 * strength),
        text=_colour(hue, 0.95, 0.30 * strength),
        muted=_colour(hue, 0.66, 0.16 * strength),
        track=_colour(hue, 0.24, 0.25 * strength),
    )


def _colour(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def ground(width: int, height: int, material: str, style: Style | None, palette: Palette) -> Image.Image:
    """A dark gradient with the pattern of `style`, calm on the left where text stands."""
    slope = Image.linear_gradient("L").rotate(90)
    base = ImageOps.colorize(ImageOps.fit(slope, (width, height)), palette.dark, palette.deep)
    calm = ImageOps.fit(Image.eval(slope, lambda level: round(255 * (level / 255) ** 1.6)), (width, height))
    mask = ImageChops.multiply(_pattern(width, height, material, style), calm)
    mask = Image.eval(mask, lambda level: round(level * _PATTERN_STRENGTH))
    base.paste(palette.accent, mask=mask)
    return base


def _pattern(width: int, height: int, material: str, style: Style | None) -> Image.Image:
    size = (width * _OVERSAMPLED, height * _OVERSAMPLED)
    mask = Image.new("L", size)
    # Not for secrets: the generator is seeded so that one order always gives one picture.
    dice = random.Random(hashlib.sha256(material.encode()).digest())  # noqa: S311
    _PATTERNS[style](ImageDraw.Draw(mask), size[0], size[1], dice)
    return mask.reduce(_OVERSAMPLED)


def _rings(draw: ImageDraw.ImageDraw, width: int, height: int, dice: random.Random) -> None:
    x, y = width * dice.uniform(0.72, 0.95), height * dice.uniform(0.1, 0.9)
    for ring in range(1, 14):
        radius = ring * height * 0.085
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, outline=dice.randint(60, 220), width=max(1, round(height * dice.uniform(0.002, 0.012))))


def _speed_lines(draw: ImageDraw.ImageDraw, width: int, height: int, dice: random.Random) -> None:
    x, y = width * dice.uniform(0.7, 0.9), height * dice.uniform(0.25, 0.75)
    reach = math.hypot(width, height)
    for _ in range(110):
        angle, spread = dice.uniform(0, math.tau), dice.uniform(0.002, 0.014)
        start = height * dice.uniform(0.16, 0.45)
        tip = (x + math.cos(angle) * start, y + math.sin(angle) * start)
        sides = [(x + math.cos(angle + s) * reach, y + math.sin(angle + s) * reach) for s in (-spread, spread)]
        draw.polygon([tip, *sides], fill=dice.randint(50, 220))


def _bokeh(draw: ImageDraw.ImageDraw, width: int, height: int, dice: random.Random) -> None:
    for _ in range(34):
        x, y = width * dice.uniform(0.35, 1.05), height * dice.uniform(-0.05, 1.05)
        radius = height * dice.uniform(0.02, 0.13)
        level = dice.randint(30, 130)
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=level, outline=min(255, level + 60), width=max(1, round(height * 0.003)))


def _bands(draw: ImageDraw.ImageDraw, width: int, height: int, dice: random.Random) -> None:
    lean = height * dice.uniform(0.4, 0.9)
    left = width * 0.3
    while left < width * 1.5:
        breadth = width * dice.uniform(0.015, 0.09)
        corners = [(left, 0), (left + breadth, 0), (left + breadth - lean, height), (left - lean, height)]
        draw.polygon(corners, fill=dice.randint(20, 190))
        left += breadth + width * dice.uniform(0.0, 0.03)


def _facets(draw: ImageDraw.ImageDraw, width: int, height: int, dice: random.Random) -> None:
    side = height / dice.choice((4, 5, 6))
    for row in range(int(height / side) + 1):
        for column in range(int(width / side) + 1):
            x, y = column * side, row * side
            corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
            skipped = dice.randrange(4)
            draw.polygon(corners[:skipped] + corners[skipped + 1 :], fill=dice.randint(0, 200))


_PATTERNS: Final[dict[Style | None, Callable[[ImageDraw.ImageDraw, int, int, random.Random], None]]] = {
    None: _rings,
    Style.ANIME: _speed_lines,
    Style.REALISTIC: _bokeh,
    Style.SEMI_REALISTIC: _bands,
    Style.STYLIZED: _facets,
}
