"""A small picture as coloured cells, for whoever can draw half blocks; it knows nothing of terminals."""

from __future__ import annotations

from typing import Final

Colour = tuple[int, int, int]
Cell = tuple[Colour, Colour]
"""The colours of a cell's upper and lower half."""

MAX_CELLS: Final = 1000
"""The most columns and the most rows that are drawn; more are cut down to it."""


def cells_of(columns: int, pixels: bytes) -> list[list[Cell]]:
    """Rows of cells, top to bottom, from `pixels`, three bytes each, `columns` in a line, an even number of lines.

    Raises:
        ValueError: they are something else.
    """
    if columns < 1:
        raise ValueError("a line has pixels")
    colours: list[Colour] = list(zip(pixels[0::3], pixels[1::3], pixels[2::3], strict=True))
    lines = [colours[start : start + columns] for start in range(0, len(colours), columns)]
    return [list(zip(upper, lower, strict=True)) for upper, lower in zip(lines[0::2], lines[1::2], strict=True)]
