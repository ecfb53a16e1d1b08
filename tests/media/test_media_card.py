"""Cards: what is drawn, what never is, and that the same card is the same picture."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from assetctl.media.card import FOOTER, HEIGHT, Card, draw_card, material_of
from assetctl.media.fonts import font_for, one_line, wrapped
from assetctl.media.palette import palette_of
from assetctl.models import AssetRequest, Style
from assetctl.text import safe

REQUEST = AssetRequest(
    scene_id="romance_5", choice_id="confess", character_id="mia", location_id="park", prompt="Rain."
)
HARD_TEXTS = [
    "\x1b[31mred\x1b[0m",
    "\u202etxet desrever",
    "line\nline\r\ntab\t",
    "\ud800 lone",
    "告白シーン ひと言",
    "מתוודה אליה",
    "اعتراف في المطر",
    "👩‍👩‍👧‍👦 🎬 ❤️",
    "e" + "\u0301" * 300,
    "x" * 10_000,
    "\U0010ffff",
    " ",
    "",
]


def drawn(request: AssetRequest, key: str = "key", reason: str | None = None) -> bytes:
    return draw_card(Card(request, material_of(request, key), reason=reason), 320, 180).tobytes()


def test_same_card_is_the_same_picture() -> None:
    assert drawn(REQUEST) == drawn(REQUEST)


def test_whatever_is_asked_changes_the_picture() -> None:
    others = [
        AssetRequest(scene_id="romance_6", choice_id="confess", character_id="mia", location_id="park", prompt="Rain."),
        AssetRequest(scene_id="romance_5", character_id="mia", location_id="park", prompt="Rain."),
        AssetRequest(scene_id="romance_5", choice_id="confess", prompt="Rain."),
        AssetRequest(scene_id="romance_5", choice_id="confess", character_id="mia", location_id="park"),
        AssetRequest(prompt="Rain."),
        *(AssetRequest(scene_id="romance_5", seed=seed) for seed in range(3)),
        *(AssetRequest(scene_id="romance_5", style=style) for style in Style),
    ]
    pictures = [drawn(REQUEST), drawn(REQUEST, key="other"), *(drawn(other) for other in others)]

    for one, other in itertools.combinations(pictures, 2):
        assert one != other


def test_placeholder_cannot_be_taken_for_an_animatic() -> None:
    animatic, placeholder = Card(REQUEST, "m"), Card(REQUEST, "m", reason="the backend cannot be reached")

    assert (animatic.mark, placeholder.mark) == ("ANIMATIC", "PLACEHOLDER")
    # The warning stripes along the top are on one of them only.
    assert (255, 184, 77) in {colour for _, colour in draw_card(placeholder).crop((0, 0, 1280, 14)).getcolors(99_999)}
    assert (255, 184, 77) not in {colour for _, colour in draw_card(animatic).crop((0, 0, 1280, 14)).getcolors(99_999)}


def test_strip_at_the_bottom_is_free_of_text() -> None:
    long = AssetRequest(scene_id="s", choice_id="c", character_id="x", location_id="y", prompt="word " * 2000, seed=1)
    picture = draw_card(Card(long, "m"))

    strip = picture.crop((0, HEIGHT - FOOTER + 10, 640, HEIGHT))
    assert max(high for _, high in strip.getextrema()) < 128


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_hard_text_is_drawn_everywhere(text: str) -> None:
    request = AssetRequest(scene_id=text, choice_id=text, character_id=text, location_id=text, prompt=text)

    assert drawn(request, reason=text)


@settings(max_examples=30)
@given(st.text(max_size=80), st.integers(32, 200), st.integers(32, 200))
def test_any_text_is_drawn_at_any_size(text: str, width: int, height: int) -> None:
    request = AssetRequest(scene_id=text, choice_id=text, prompt=text)

    assert draw_card(Card(request, "m", (text,), text), width, height).size == (width, height)


@settings(max_examples=50)
@given(st.text(max_size=300), st.integers(1, 400), st.integers(1, 5))
def test_wrapped_text_stays_within_its_lines(text: str, width: int, max_lines: int) -> None:
    font = font_for("abc", 20)

    lines = wrapped(text, font, width, max_lines)

    assert 0 <= len(lines) <= max_lines
    for line in lines:
        assert line == safe(line)
        # One character and an ellipsis are drawn even where there is no room for them.
        assert font.getlength(line) <= width or len(line) <= 2


def test_long_text_ends_in_an_ellipsis() -> None:
    font = font_for("abc", 20)

    assert wrapped("one two three four five", font, 90, 2)[-1].endswith("…")
    assert wrapped("one two", font, 900, 2) == ["one two"]
    assert one_line("abcdef " * 20, font, 120).endswith("…")
    assert one_line("abc", font, 120) == "abc"


def test_controls_become_visible_marks() -> None:
    assert one_line("\x1b[31m\u202e", font_for("a", 20), 900) == "\\x1b[31m\\u202e"


def test_text_beyond_the_own_font_gets_a_wider_one() -> None:
    try:
        ImageFont.truetype("DejaVuSans.ttf", 10)
    except OSError:
        pytest.skip("this machine has no DejaVu font")

    assert font_for("plain", 20).getname()[0] == "Aileron"
    assert font_for("מתוודה", 20).getname()[0] == "DejaVu Sans"


def test_colours_belong_to_their_material() -> None:
    assert palette_of("a") == palette_of("a")
    assert palette_of("a") != palette_of("b")
    assert palette_of("a") != palette_of("a", is_muted=True)
