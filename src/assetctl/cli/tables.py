"""Tables, drawn by Rich."""

from __future__ import annotations

import io
import os
import shutil
from typing import TYPE_CHECKING, TextIO

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assetctl.cli.terminal import is_terminal, wants_colour

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNLIMITED = 10_000
_ROWS_AT_ONCE = 1_000
_GAP = 2
_NARROW = 8
_NARROWEST = 3


def render_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str], stdout: TextIO | None
) -> Iterator[str]:
    """The table for `stdout`: as wide as its terminal, uncut elsewhere. Cells are plain text, never markup.

    In pieces of whole lines: Rich takes some kilobytes for each row that it draws, and a chapter has many.
    """
    width = shutil.get_terminal_size().columns if is_terminal(stdout) else _UNLIMITED
    natural = [max(cell_len(cell) for cell in cells) for cells in zip(columns, *rows, strict=True)]
    widths = _fitting(natural, width - _GAP * (len(columns) - 1))
    colour = wants_colour(stdout, os.environ)
    for start in range(0, max(1, len(rows)), _ROWS_AT_ONCE):
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), show_header=not start)
        for column, column_width in zip(columns, widths, strict=True):
            table.add_column(
                Text(column),
                justify="right" if column in right else "left",
                no_wrap=True,
                overflow="ellipsis",
                width=column_width,
            )
        for row in rows[start : start + _ROWS_AT_ONCE]:
            table.add_row(*(Text(cell) for cell in row))
        target = io.StringIO()
        Console(file=target, width=width, force_terminal=colour, no_color=not colour, highlight=False).print(table)
        yield "\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n"


def _fitting(natural: Sequence[int], room: int) -> list[int]:
    """Widths that fit into `room` if that can be: the widest columns are cut first, the one that names a row last.

    Where even short columns don't fit, the last ones are left to be cropped: a row of ellipses says nothing.
    """
    widths = list(natural)
    others = range(1, len(widths))
    for columns, smallest in ((others, _NARROW), (others, _NARROWEST), (range(1), _NARROW)):
        while sum(widths) > room and (widest := max(columns, key=widths.__getitem__, default=None)) is not None:
            if widths[widest] <= smallest:
                break
            widths[widest] -= 1
    return widths
