"""Tables, drawn by Rich."""

from __future__ import annotations

import io
import os
import shutil
from typing import TYPE_CHECKING, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assetctl.cli.output import is_terminal, wants_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNLIMITED = 10_000


def render_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str], stdout: TextIO | None
) -> str:
    """The table as text for `stdout`: as wide as its terminal, uncut elsewhere. Cells are plain text, never markup."""
    width = shutil.get_terminal_size().columns if is_terminal(stdout) else _UNLIMITED
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        # The first column names the row: it is the last to be cut.
        table.add_column(
            Text(column),
            justify="right" if column in right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=min(8, len(column)),
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    target = io.StringIO()
    colour = wants_colour(stdout, os.environ)
    Console(file=target, width=width, force_terminal=colour, no_color=not colour, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n"
