"""A small picture as coloured cells, for whoever can draw half blocks; it knows nothing of terminals."""

from __future__ import annotations

import struct
from typing import Final

Colour = tuple[int, int, int]
Cell = tuple[Colour, Colour]
"""The colours of a cell's upper and lower half."""

MAX_CELLS: Final = 1000
"""The most columns and the most rows that are drawn; more are cut down to it."""

_HEAD: Final = struct.Struct(">HH")


def cells_of(columns: int, pixels: bytes) -> list[list[Cell]]:
    """Rows of cells from `pixels`, three bytes each, `columns` in a line, an even number of lines."""
    colours: list[Colour] = list(zip(pixels[0::3], pixels[1::3], pixels[2::3], strict=True))
    lines = [colours[start : start + columns] for start in range(0, len(colours), columns)]
    return [list(zip(upper, lower, strict=True)) for upper, lower in zip(lines[0::2], lines[1::2], strict=True)]


def bytes_of_cells(cells: list[list[Cell]]) -> bytes:
    """`cells` for a pipe: columns and rows as two big-endian 16-bit numbers, then six bytes a cell."""
    head = _HEAD.pack(len(cells[0]) if cells else 0, len(cells))
    return head + b"".join(bytes(part for half in cell for part in half) for row in cells for cell in row)


def cells_from_bytes(data: bytes) -> list[list[Cell]] | None:
    """The cells that `bytes_of_cells` wrote; None when `data` is anything else."""
    if len(data) < _HEAD.size:
        return None
    columns, rows = _HEAD.unpack_from(data)
    body = data[_HEAD.size :]
    if len(body) != columns * rows * 6:
        return None
    width = columns * 6
    return [[_cell(body[at : at + 6]) for at in range(row * width, (row + 1) * width, 6)] for row in range(rows)]


def _cell(data: bytes) -> Cell:
    return (data[0], data[1], data[2]), (data[3], data[4], data[5])
