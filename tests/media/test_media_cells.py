"""Cells on their way through a pipe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetctl.media.cells import bytes_of_cells, cells_from_bytes, cells_of

_BYTE = st.integers(0, 255)
_COLOUR = st.tuples(_BYTE, _BYTE, _BYTE)


@given(
    st.integers(1, 6).flatmap(
        lambda width: st.lists(st.lists(st.tuples(_COLOUR, _COLOUR), min_size=width, max_size=width))
    )
)
def test_what_comes_out_of_the_pipe_is_what_went_in(
    cells: list[list[tuple[tuple[int, int, int], tuple[int, int, int]]]],
) -> None:
    assert cells_from_bytes(bytes_of_cells(cells)) == cells


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\1\0\1", b"\0\1\0\1" + b"x" * 7, b"\xff\xff\xff\xff" + b"x" * 100])
def test_anything_else_is_no_picture(data: bytes) -> None:
    assert cells_from_bytes(data) is None


def test_two_lines_of_pixels_are_one_row_of_cells() -> None:
    assert cells_of(1, bytes([1, 2, 3, 4, 5, 6])) == [[((1, 2, 3), (4, 5, 6))]]
