"""Tables as plain columns: each row is measured, cut and written, and none is kept."""

from __future__ import annotations

import os
import shutil
from itertools import islice
from typing import TYPE_CHECKING, Final, TextIO

from rich.cells import cell_len, set_cell_size

from assetctl.cli.terminal import is_terminal, wants_colour

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_UNLIMITED: Final = 10_000
_ROWS_AT_ONCE: Final = 1_000
_GAP: Final = "  "
_READABLE: Final = 20
_NAME: Final = 12
_NARROW: Final = 8
_NARROWEST: Final = 3
_FLOW: Final = 24
_ELLIPSIS: Final = "…"


def fits(columns: Sequence[str], rows: Iterable[Sequence[str]], stdout: TextIO | None) -> bool:
    """Whether the table of `rows`, which are walked, is uncut on `stdout`."""
    return sum(_natural(columns, rows)) <= _room(columns, stdout)


def render_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str],
    stdout: TextIO | None,
    flows: bool = False,
) -> Iterator[str]:
    """The table for `stdout`: as wide as its terminal, uncut elsewhere. Cells are plain text, never markup.

    In pieces of whole lines. `rows` are walked twice, and have no control characters. With `flows`, the words of the
    last column that have no room on a row's line stand below it.
    """
    room = _room(columns, stdout)
    natural = _natural(columns, rows)
    if flows:
        natural[-1] = min(natural[-1], max(_FLOW, room - sum(natural[:-1])))
    are_right = [column in right for column in columns]
    widths = _fitting(natural, room, are_right)
    gaps = len(_GAP) * (len(columns) - 1)

    def line(cells: Sequence[str]) -> str:
        named = [_shortened(cells[0], widths[0]), *cells[1:]]
        placed = zip(named, widths, are_right, strict=True)
        return _cropped(
            _GAP.join(_cell(text, cell_width, is_right=is_right) for text, cell_width, is_right in placed), room + gaps
        )

    head, rule = line(columns), "─" * (min(room, sum(widths)) + gaps)
    yield f"\x1b[1m{head}\x1b[0m\n{rule}\n" if wants_colour(stdout, os.environ) else f"{head}\n{rule}\n"
    lines = map(line, _flowing(rows, widths[-1]) if flows else rows)
    while piece := list(islice(lines, _ROWS_AT_ONCE)):
        yield "\n".join(piece) + "\n"


def _room(columns: Sequence[str], stdout: TextIO | None) -> int:
    width = shutil.get_terminal_size().columns if is_terminal(stdout) else _UNLIMITED
    return width - len(_GAP) * (len(columns) - 1)


def _flowing(rows: Iterable[Sequence[str]], width: int) -> Iterator[Sequence[str]]:
    """The rows, each with what is too wide of its last cell in rows of its own below it."""
    for *cells, last in rows:
        first, *further = _lines_of(last, width)
        yield [*cells, first]
        for text in further:
            yield [*("" for _ in cells), text]


def _lines_of(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and _width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _natural(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[int]:
    widths = [_width(column) for column in columns]
    for row in rows:
        for place, cell in enumerate(row):
            # Most are no wider than those before.
            if len(cell) * 2 > widths[place]:
                widths[place] = max(widths[place], _width(cell))
    return widths


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _cell(text: str, width: int, *, is_right: bool) -> str:
    taken = _width(text)
    if taken > width:
        return set_cell_size(text, width - 1) + _ELLIPSIS
    space = " " * (width - taken)
    return space + text if is_right else text + space


def _shortened(text: str, width: int) -> str:
    """`text` without its middle, where it is wider than `width`: a scene's number and a choice stand at its end."""
    if _width(text) <= width:
        return text
    end = width * 2 // 3
    tail = text[max(0, len(text) - end) :]
    while _width(tail) > end:
        tail = tail[1:]
    return set_cell_size(text, width - 1 - _width(tail)) + _ELLIPSIS + tail


def _cropped(line: str, width: int) -> str:
    kept = line.rstrip()
    return kept if _width(kept) <= width else set_cell_size(kept, width).rstrip()


def _fitting(natural: Sequence[int], room: int, are_right: Sequence[bool]) -> list[int]:
    """Widths that fit into `room` if that can be: long texts are cut first, numbers last of all that is beside a name.

    Where even short columns don't fit, the last ones are left to be cropped: a row of ellipses says nothing.
    """
    widths = list(natural)
    name, others = range(1), range(1, len(widths))
    texts = [column for column in others if not are_right[column]]
    steps = (
        ([*name, *texts], _READABLE), (texts, _NARROW), (name, _NAME), (others, _NARROW), (others, _NARROWEST),
        (name, _NARROW),
    )  # fmt: skip
    for columns, smallest in steps:
        while sum(widths) > room and (widest := max(columns, key=widths.__getitem__, default=None)) is not None:
            if widths[widest] <= smallest:
                break
            widths[widest] -= 1
    return widths
