"""A picture in the terminal: half blocks, whose foreground is the upper and background the lower half of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assetctl.media.cells import Cell, Colour

_UPPER_HALF = "▀"
_RESET = "\x1b[0m"


def render_cells(rows: Sequence[Sequence[Cell]]) -> str:
    """The cells as text with 24-bit colours, a line per row."""
    return "".join("".join(_cell(top, bottom) for top, bottom in row) + _RESET + "\n" for row in rows)


def _cell(top: Colour, bottom: Colour) -> str:
    foreground = ";".join(map(str, top))
    background = ";".join(map(str, bottom))
    return f"\x1b[38;2;{foreground}m\x1b[48;2;{background}m{_UPPER_HALF}"
