"""Pixels as cells."""

from __future__ import annotations

import pytest

from assetctl.media.cells import cells_of


def test_two_lines_of_pixels_are_one_row_of_cells() -> None:
    assert cells_of(1, bytes([1, 2, 3, 4, 5, 6])) == [[((1, 2, 3), (4, 5, 6))]]
    pixels = bytes(range(24))
    assert [[cell[0][0] for cell in row] for row in cells_of(2, pixels)] == [[0, 3], [12, 15]]


@pytest.mark.parametrize(("columns", "size"), [(1, 7), (1, 9), (2, 9), (2, 18), (0, 6), (-1, 6)])
def test_anything_else_is_refused(columns: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"shorter|longer|pixels"):
        cells_of(columns, bytes(size))
