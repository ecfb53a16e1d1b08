"""Draws `docs/terminal.svg`: the real command, run in a pseudo-terminal, replayed at its own speed.

Run it after a change in what the terminal shows: `uv run python docs/terminal_svg.py`. Viewers that don't animate show
the last screen.
"""

from __future__ import annotations

import html
import itertools
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pyte

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS, ROWS = 100, 15
REQUEST = 'assetctl request --scene romance_5 --choice confess --prompt "She says it at last"'
COMMANDS = (REQUEST, REQUEST, "assetctl cache ls")
SHOWN_HOME = "/home/you"
READING_S, LAST_S = 1.2, 6.0
CELL_WIDTH, CELL_HEIGHT, MARGIN, BAR = 8.4, 19, 16, 34
COLOURS = {
    "default": "#d8dee9",
    "black": "#4c566a",
    "red": "#f0808a",
    "green": "#a3d9a5",
    "brown": "#f0d08a",
    "blue": "#8ab4f0",
    "magenta": "#d8a0e0",
    "cyan": "#88d8e0",
    "white": "#eceff4",
    "brightblack": "#7b88a1",
}


@dataclass(frozen=True)
class Frame:
    """One screen, and how long it stood."""

    lines: tuple[str, ...]
    seconds: float


def played(home: Path) -> Iterator[Frame]:
    """The screens of the commands, one after the other in one terminal."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    for command in COMMANDS:
        stream.feed(f"\x1b[1;32m$\x1b[0m {command}\r\n".encode())
        yield Frame(drawn(screen), READING_S)
        for output, seconds in run(command, home):
            stream.feed(output)
            yield Frame(drawn(screen), seconds)
    stream.feed(b"\x1b[1;32m$\x1b[0m ")
    yield Frame(drawn(screen), LAST_S)


def run(command: str, home: Path) -> Iterator[tuple[bytes, float]]:
    """What the command writes to its terminal, piece by piece, with the time until the next piece."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    child = pexpect.spawn("/bin/sh", ["-c", command], cwd=home, env=environment, dimensions=(ROWS, COLUMNS), timeout=60)
    piece = b""
    started = time.monotonic()
    while True:
        try:
            following = child.read_nonblocking(1 << 16)
        except pexpect.EOF:
            break
        now = time.monotonic()
        if piece:
            yield piece, now - started
        piece, started = following.replace(str(home).encode(), SHOWN_HOME.encode()), now
    child.close()
    if child.exitstatus:
        raise SystemExit(f"`{command}` ended with exit code {child.exitstatus}")
    yield piece, READING_S


def drawn(screen: pyte.Screen) -> tuple[str, ...]:
    """Each line of the screen as SVG text."""
    return tuple(_line(screen, row) for row in range(ROWS))


def _line(screen: pyte.Screen, row: int) -> str:
    cells = [screen.buffer[row][column] for column in range(COLUMNS)]
    while cells and cells[-1].data == " ":
        cells.pop()
    words, column = [], 0
    for (colour, bold, is_blank), group in itertools.groupby(cells, key=_kind):
        text = "".join(cell.data for cell in group)
        if not is_blank:
            words.append(_word(text, column, row, colour, bold=bold))
        column += len(text)
    return "".join(words)


def _kind(cell: pyte.screens.Char) -> tuple[str, bool, bool]:
    # Each word is placed by itself, so that a viewer with another font or without `textLength` keeps the columns.
    return cell.fg, cell.bold, cell.data == " "


def _word(text: str, column: int, row: int, colour: str, *, bold: bool) -> str:
    fill = COLOURS.get(colour, f"#{colour}" if len(colour) == len("rrggbb") else COLOURS["default"])
    x, y = MARGIN + column * CELL_WIDTH, BAR + MARGIN + (row + 0.75) * CELL_HEIGHT
    weight = ' font-weight="bold"' if bold else ""
    length = f'textLength="{len(text) * CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{weight} {length}>{html.escape(text)}</text>'


def merged(frames: Iterator[Frame]) -> list[Frame]:
    """`frames` without repetitions; a screen that came again stands longer."""
    groups = itertools.groupby(frames, key=lambda frame: frame.lines)
    return [Frame(lines, sum(frame.seconds for frame in group)) for lines, group in groups]


def svg(frames: list[Frame]) -> str:
    """The picture."""
    width = 2 * MARGIN + COLUMNS * CELL_WIDTH
    height = BAR + 2 * MARGIN + ROWS * CELL_HEIGHT
    total = sum(frame.seconds for frame in frames)
    ends = list(itertools.accumulate(frame.seconds for frame in frames))
    starts = [0.0, *ends[:-1]]
    shown = [
        _group(frame, start / total, end / total, total) for frame, start, end in zip(frames, starts, ends, strict=True)
    ]
    dots = "".join(f'<circle cx="{20 + 20 * place}" cy="20" r="6" fill="#4c566a"/>' for place in range(3))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" '
        'font-size="14" role="img">\n'
        "<title>assetctl in a terminal: a request renders a clip, the same request again is answered at once</title>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#242933"/>{dots}\n' + "\n".join(shown) + "\n</svg>\n"
    )


def _group(frame: Frame, start: float, end: float, total: float) -> str:
    is_last = end > 1 - 1e-9
    hidden, visible = "hidden", "visible"
    values = [(0.0, visible)] if start == 0 else [(0.0, hidden), (start, visible)]
    values += [] if is_last else [(end, hidden)]
    animation = (
        f'<animate attributeName="visibility" values="{";".join(value for _, value in values)}" '
        f'keyTimes="{";".join(f"{at:.4f}" for at, _ in values)}" calcMode="discrete" dur="{total:.2f}s" '
        'repeatCount="indefinite"/>'
    )
    return f'<g visibility="{visible if is_last else hidden}">{animation}{"".join(frame.lines)}</g>'


def main() -> None:
    """Write the picture beside this file."""
    home = Path(tempfile.mkdtemp())
    try:
        picture = svg(merged(played(home)))
    finally:
        shutil.rmtree(home)
    target = Path(__file__).with_name("terminal.svg")
    target.write_text(picture, "utf-8")
    print(f"{target.name}: {len(picture):,} bytes")


if __name__ == "__main__":
    main()
