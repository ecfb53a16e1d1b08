"""Draws the card that stands for a scene: what it is, what was asked for, and that it is not the real thing.

Text of strangers is drawn as text only: controls become visible marks, what is too long ends in an ellipsis. The same
card gives the same pixels on one machine; another machine's fonts may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import ImageDraw

from assetctl.media.fonts import font_for, one_line, wrapped
from assetctl.media.palette import ground, palette_of
from assetctl.text import safe

if TYPE_CHECKING:
    from PIL import Image

    from assetctl.media.palette import Colour, Palette
    from assetctl.models import AssetRequest

WIDTH: Final = 1280
HEIGHT: Final = 720
FOOTER: Final = 104
"""Height at full size of the strip at the bottom that a running timecode may use."""

_MARGIN: Final = 72
_WARNING: Final[Colour] = (255, 184, 77)
_INK: Final[Colour] = (14, 14, 18)
_SMALLEST_TITLE: Final = 44


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says. `material` decides colours and pattern; `reason` marks a placeholder and says why it is one."""

    request: AssetRequest
    material: str
    facts: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def mark(self) -> str:
        """What the card is, in one word."""
        return "ANIMATIC" if self.reason is None else "PLACEHOLDER"

    @property
    def palette(self) -> Palette:
        """The colours it is drawn with."""
        return palette_of(self.material, is_muted=self.reason is not None)


def material_of(request: AssetRequest, key: str) -> str:
    """What decides the look of the card for `request`: its key, its seed and its style."""
    return f"{key}|{request.seed}|{request.style}"


def draw_card(card: Card, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """The card as an RGB picture of that size; its bottom strip (`FOOTER`, scaled) holds nothing that moves."""
    picture = ground(width, height, card.material, card.request.style, card.palette)
    _Painter(picture, card).paint()
    return picture


def scale_of(width: int, height: int) -> float:
    """How much smaller or larger than the full-size card everything on it is drawn."""
    return min(width / WIDTH, height / HEIGHT)


class _Painter:
    """Draws one card from top to bottom; `_y` is where the next line begins, in pixels of the full-size card."""

    def __init__(self, picture: Image.Image, card: Card) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._card = card
        self._palette = card.palette
        self._scale = scale_of(picture.width, picture.height)
        self._width = picture.width / self._scale
        self._height = picture.height / self._scale
        self._y = 52.0

    def paint(self) -> None:
        request = self._card.request
        self._head()
        self._title(request.scene_id or request.location_id or request.character_id or "No scene")
        if request.choice_id:
            self._choice(request.choice_id)
        self._context(request)
        if request.prompt:
            self._prompt(request.prompt)
        self._facts()

    def _head(self) -> None:
        ink, fill = _INK, self._palette.accent
        if self._card.reason is not None:
            fill = _WARNING
            self._stripes()
        mark = " ".join(self._card.mark)
        font = font_for(mark, 20 * self._scale)
        right = _MARGIN + font.getlength(mark) / self._scale + 40
        self._draw.rounded_rectangle(self._box(_MARGIN, self._y, right, self._y + 40), 20 * self._scale, fill=fill)
        middle = self._at((_MARGIN + right) / 2, self._y + 20)
        self._draw.text(middle, mark, font=font, fill=ink, anchor="mm")
        note = self._card.reason or ""
        self._text(right + 20, self._y + 20, note, 22, _WARNING, anchor="lm")
        self._y += 84

    def _stripes(self) -> None:
        """A band of slanted stripes along the top, the sign for "do not ship"."""
        step = 36
        for left in range(-step, int(self._width) + step, step):
            corners = [(left, 14), (left + 14, 0), (left + 32, 0), (left + 18, 14)]
            self._draw.polygon([self._at(x, y) for x, y in corners], fill=_WARNING)

    def _title(self, title: str) -> None:
        size, shown = 80, safe(title, max_length=400)
        while size > _SMALLEST_TITLE and font_for(shown, size).getlength(shown) > self._width - 2 * _MARGIN:
            size -= 6
        self._text(_MARGIN - 3, self._y, title, size, self._palette.text)
        self._y += size * 1.24

    def _choice(self, choice: str) -> None:
        top = self._y + 14
        arrow = [self._at(_MARGIN, top), self._at(_MARGIN + 22, top + 14), self._at(_MARGIN, top + 28)]
        self._draw.polygon(arrow, fill=self._palette.accent)
        self._text(_MARGIN + 40, self._y, choice, 46, self._palette.accent)
        self._y += 66

    def _context(self, request: AssetRequest) -> None:
        parts = [part for part in (request.character_id, request.location_id) if part]
        if parts:
            self._text(_MARGIN, self._y + 4, "  ·  ".join(parts), 26, self._palette.muted)
            self._y += 44

    def _prompt(self, prompt: str) -> None:
        size, leading, top = 30, 44, self._y + 22
        room = self._height - FOOTER - 64 - top
        font = font_for(prompt, size * self._scale)
        width = (self._width - 2 * _MARGIN - 120) * self._scale
        lines = wrapped(prompt, font, width, max(1, int(room / leading)))
        bar = self._box(_MARGIN, top + 4, _MARGIN + 4, top + len(lines) * leading - 4)
        self._draw.rectangle(bar, fill=self._palette.accent)
        for number, line in enumerate(lines):
            at = self._at(_MARGIN + 28, top + number * leading + 4)
            self._draw.text(at, line, font=font, fill=self._palette.text)

    def _facts(self) -> None:
        request = self._card.request
        facts = [request.style.value if request.style else "", *self._card.facts]
        facts += [f"seed {request.seed}"] if request.seed is not None else []
        shown = "   /   ".join(fact for fact in facts if fact)
        self._text(_MARGIN, self._height - FOOTER - 20, shown, 22, self._palette.muted, anchor="lm")

    def _text(self, x: float, y: float, text: str, size: float, fill: Colour, *, anchor: str = "la") -> None:
        font = font_for(text, size * self._scale)
        line = one_line(text, font, (self._width - _MARGIN - x) * self._scale)
        self._draw.text(self._at(x, y), line, font=font, fill=fill, anchor=anchor)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return x * self._scale, y * self._scale

    def _box(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return (*self._at(left, top), *self._at(right, bottom))
