"""The fonts that cards are drawn with, and how text is broken to fit.

Pillow's own font is the first choice because it is the same everywhere; text it cannot show gets the font of this
machine that shows most of it. A missing font, script or emoji costs a glyph, never the card.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from PIL import ImageFont

from assetctl.text import safe

Font = ImageFont.FreeTypeFont

_OWN: Final = ""
# Found by file name in the system's font folders (Pillow knows where they are); wide coverage before beauty.
_WIDE: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "segoeui.ttf",
    "YuGothM.ttc",
    "msyh.ttc",
    "malgun.ttf",
    "seguisym.ttf",
)
_TEST_SIZE: Final = 16
_NO_CHARACTER: Final = "\U0010ffff"
_ELLIPSIS: Final = "…"


def font_for(text: str, size: float) -> Font:
    """The font that shows most of `text`, in pixels of height about `size`."""
    wanted = "".join(sorted({character for character in safe(text, max_length=4000) if not character.isspace()}))
    return _loaded(_best(wanted), max(4.0, size))


@lru_cache(maxsize=256)
def _best(characters: str) -> str:
    best, missing = _OWN, _missing(_OWN, characters)
    for name in _WIDE:
        if not missing:
            break
        still_missing = _missing(name, characters) if _exists(name) else missing
        if still_missing < missing:
            best, missing = name, still_missing
    return best


def _missing(name: str, characters: str) -> int:
    return sum(not _has_glyph(name, character) for character in characters)


@lru_cache(maxsize=8192)
def _has_glyph(name: str, character: str) -> bool:
    font = _loaded(name, _TEST_SIZE)
    return _drawn(font, character) != _drawn(font, _NO_CHARACTER)


def _drawn(font: Font, character: str) -> bytes:
    mask: Any = font.getmask(character)  # Pillow's own image type; its bytes are its pixels
    return bytes(mask)


@lru_cache(maxsize=64)
def _loaded(name: str, size: float) -> Font:
    if name == _OWN:
        own = ImageFont.load_default(size)
        if not isinstance(own, ImageFont.FreeTypeFont):  # pragma: no cover - no wheel of Pillow lacks FreeType
            raise TypeError("Pillow was built without FreeType")
        return own
    return ImageFont.truetype(name, size)


@lru_cache(maxsize=64)
def _exists(name: str) -> bool:
    try:
        ImageFont.truetype(name, _TEST_SIZE)
    except OSError:
        return False
    return True


def one_line(text: str, font: Font, width: float) -> str:
    """`text` on one line, made safe, and cut with an ellipsis where it would be wider than `width` pixels."""
    shown = safe(text, max_length=400)
    if font.getlength(shown) <= width:
        return shown
    return _cut(shown, font, width - font.getlength(_ELLIPSIS)).rstrip() + _ELLIPSIS


def wrapped(text: str, font: Font, width: float, max_lines: int) -> list[str]:
    """`text` made safe, in at most `max_lines` lines of `width` pixels; the last ends in an ellipsis when cut.

    Lines break between words, and inside a word (or a script without spaces) that is wider than a line.
    """
    words = safe(" ".join(text.split()), max_length=4000).split(" ")
    lines: list[str] = []
    while words and len(lines) < max_lines:
        lines.append(_taken(words, font, width))
    if words and lines:
        lines[-1] = one_line(f"{lines[-1]} {words[0]}{_ELLIPSIS}", font, width)
    return lines


def _taken(words: list[str], font: Font, width: float) -> str:
    """As many of `words` as fit on a line, joined; they are removed from the list. At least one character is taken."""
    line = words.pop(0)
    if font.getlength(line) > width:
        fitting = _cut(line, font, width)
        words.insert(0, line[len(fitting) :])
        return fitting
    while words and font.getlength(f"{line} {words[0]}") <= width:
        line = f"{line} {words.pop(0)}"
    return line


def _cut(text: str, font: Font, width: float) -> str:
    """The longest beginning of `text` that is no wider than `width`, by halving; at least one character."""
    low, high = 1, max(1, len(text))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return text[:low]
