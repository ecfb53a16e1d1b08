"""Renders what stands in until the real asset exists: a clip with a running timecode, a card, or a metronome.

The same order gives the same bytes on one machine; another seed gives other colours, another pattern, another pitch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from PIL import ImageDraw

from assetctl.errors import InvalidRequest
from assetctl.media.card import FOOTER, HEIGHT, WIDTH, Card, draw_card, material_of, scale_of
from assetctl.media.encode import write_image, write_metronome, write_video
from assetctl.media.fonts import font_for
from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL.Image import Image

    from assetctl.media.fonts import Font
    from assetctl.media.palette import Palette
    from assetctl.models import AssetRequest

_DIGIT_WIDTH: Final = 17
_CODE_SIZE: Final = 28
_MARGIN: Final = 72


@dataclass(frozen=True, slots=True)
class Animatic:
    """What to render: the request it stands for, its key, and how. Sides are even; `bpm` is for sound alone."""

    request: AssetRequest
    key: str
    duration_s: float
    fps: int = 24
    width: int = WIDTH
    height: int = HEIGHT
    bpm: int = 60

    @property
    def frame_count(self) -> int:
        """How many frames the clip has; at least one."""
        return max(1, round(self.duration_s * self.fps))


def render(animatic: Animatic, path: Path, on_progress: Callable[[float], None] = lambda _fraction: None) -> None:
    """`path` is the animatic, of the type its request asks for.

    `on_progress` is told the part that is done, 0 to 1, often; what it raises ends the work and leaves a broken file.

    Raises:
        InvalidRequest: a type that has no animatic.
        CacheError: it could not be written.
    """
    match animatic.request.asset_type:
        case AssetType.VIDEO:
            count = animatic.frame_count
            write_video(path, _frames(animatic), animatic.fps, lambda done: on_progress(done / count))
        case AssetType.IMAGE:
            write_image(path, draw_card(_card(animatic, ()), animatic.width, animatic.height))
            on_progress(1.0)
        case AssetType.AUDIO:
            write_metronome(path, animatic.duration_s, animatic.bpm, _pitch_hz(animatic), on_progress)
        case AssetType.MODEL_3D:
            raise InvalidRequest("there is no animatic of a 3d model", hint="put the model into the library")
        case _ as unknown:
            assert_never(unknown)


def _card(animatic: Animatic, facts: tuple[str, ...]) -> Card:
    size = f"{animatic.width} x {animatic.height}"
    return Card(animatic.request, material_of(animatic.request, animatic.key), (*facts, size))


def _pitch_hz(animatic: Animatic) -> float:
    """A note between A4 and A5, chosen by what also chooses a card's colours."""
    digest = hashlib.sha256(material_of(animatic.request, animatic.key).encode()).digest()
    return 440 * 2 ** (digest[0] % 12 / 12)


def _frames(animatic: Animatic) -> Iterator[Image]:
    """Every frame in turn, as one picture that is drawn on again: only the strip with the timecode changes."""
    card = _card(animatic, (f"{animatic.duration_s:g} s", f"{animatic.fps} fps"))
    picture = draw_card(card, animatic.width, animatic.height)
    strip = _Strip(picture, animatic, card.palette)
    for number in range(animatic.frame_count):
        strip.draw(number)
        yield picture


class _Strip:
    """The strip at the bottom of a clip: a bar that fills, and the timecode in digits that stay where they are."""

    def __init__(self, picture: Image, animatic: Animatic, palette: Palette) -> None:
        self._picture = picture
        self._palette = palette
        self._animatic = animatic
        self._scale = scale_of(picture.width, picture.height)
        self._top = picture.height - round(FOOTER * self._scale)
        self._still = picture.crop((0, self._top, picture.width, picture.height))
        self._pen = ImageDraw.Draw(picture)

    def draw(self, number: int) -> None:
        """The strip shows frame `number`, counted from 0."""
        self._picture.paste(self._still, (0, self._top))
        last = max(1, self._animatic.frame_count - 1)
        self._bar(number / last)
        self._code(timecode(number, self._animatic.fps))

    def _bar(self, part: float) -> None:
        left, right = _MARGIN * self._scale, self._picture.width - (_MARGIN + 240) * self._scale
        middle, half = self._top + 46 * self._scale, max(1.0, 4 * self._scale)
        reached = left + max(0.0, right - left) * part
        radius = 11 * self._scale
        self._pen.rounded_rectangle(
            (left, middle - half, max(left, right), middle + half), half, fill=self._palette.track
        )
        self._pen.rounded_rectangle((left, middle - half, reached, middle + half), half, fill=self._palette.accent)
        knob = (reached - radius, middle - radius, reached + radius, middle + radius)
        self._pen.ellipse(knob, fill=self._palette.text)

    def _code(self, code: str) -> None:
        font: Font = font_for("0123456789:", _CODE_SIZE * self._scale)
        step = _DIGIT_WIDTH * self._scale
        x = self._picture.width - _MARGIN * self._scale - step * (len(code) - 0.5)
        for place, character in enumerate(code):
            at = (x + place * step, self._top + 46 * self._scale)
            self._pen.text(at, character, font=font, fill=self._palette.text, anchor="mm")


def timecode(number: int, fps: int) -> str:
    """Frame `number`, counted from 0, as hours, minutes, seconds and frames: `00:00:04:23`."""
    seconds, frame = divmod(number, fps)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frame:02}"
