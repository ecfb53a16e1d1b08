"""What a page draws itself, as SVG in the page: shares, waveforms, signs for what has no picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl.prefetch.report.escaping import html_text
from assetctl.prefetch.report.states import WORDS, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SPACING: Final = 4
_HEIGHT: Final = 100
_WIDTH: Final = 1000

#: The signs, defined once and used by name.
SYMBOLS: Final = (
    '<svg class="symbols" aria-hidden="true" width="0" height="0">'
    '<symbol id="sign-video" viewBox="0 0 48 48"><rect x="5" y="11" width="38" height="26" rx="3"/>'
    '<path d="M13 11v26M35 11v26M5 19.7h8M5 28.3h8M35 19.7h8M35 28.3h8"/></symbol>'
    '<symbol id="sign-image" viewBox="0 0 48 48"><rect x="5" y="9" width="38" height="30" rx="3"/>'
    '<circle cx="16" cy="19" r="3.5"/><path d="M6 36l12-10 7 6 9-9 9 8"/></symbol>'
    '<symbol id="sign-audio" viewBox="0 0 48 48"><path d="M6 22v4M12 17v14M18 9v30M24 15v18M30 20v8M36 13v22M42 21v6"/>'
    "</symbol>"
    '<symbol id="sign-3d_model" viewBox="0 0 48 48">'
    '<path d="M24 5l17 9.5v19L24 43 7 33.5v-19zM7 14.5L24 24l17-9.5M24 24v19"/></symbol></svg>'
)


def sign(asset_type: str) -> str:
    """The sign for a type of asset; for the eye alone."""
    return f'<svg class="sign" aria-hidden="true"><use href="#sign-{html_text(asset_type)}"/></svg>'


def waveform(levels: Sequence[int], label: str) -> str:
    """A sound as upright strokes, the loudest as high as there is room."""
    loudest = max((*levels, 1))
    strokes: list[str] = []
    for column, level in enumerate(levels):
        half = max(1.0, 46 * level / loudest)
        strokes.append(f"M{column * _SPACING + 2} {_HEIGHT / 2 - half:.1f}v{2 * half:.1f}")
    width = len(levels) * _SPACING
    return (
        f'<svg class="wave" viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{html_text(label)}"><path d="{"".join(strokes)}"/></svg>'
    )


def shares(counts: Mapping[State, int], label: str) -> str:
    """How many are in each state, as the parts of one bar: the best first."""
    total, x, parts = sum(counts.values()), 0.0, list[str]()
    for state in reversed(State):
        width = _WIDTH * counts.get(state, 0) / total if total else 0.0
        if width:
            title = f"<title>{counts[state]:,} {WORDS[state]}</title>"
            parts.append(f'<rect class="{state.value}" x="{x:.2f}" width="{width:.2f}" height="10">{title}</rect>')
            x += width
    return (
        f'<svg class="shares" viewBox="0 0 {_WIDTH} 10" preserveAspectRatio="none" role="img"'
        f' aria-label="{html_text(label)}">{"".join(parts)}</svg>'
    )
