"""What every bar is drawn with: a stream that may refuse, a line that leaves room, a share that may be unknown."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import Progress, ProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

from assetctl.cli.terminal import is_terminal, wants_colour
from assetctl.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Task

#: A narrower terminal gets no bar beside the words.
FEWEST_COLUMNS: Final = 40
BAR_COLUMNS: Final = 8
_ECHO_COLUMNS: Final = 3


class Share(TextColumn):
    """The share done, or nothing while it is unknown."""

    def __init__(self) -> None:
        """Take four columns."""
        super().__init__("", table_column=Column(width=4, no_wrap=True, justify="right"))

    def render(self, task: Task) -> Text:
        """The share of `task`."""
        return Text("" if task.total is None else f"{task.percentage:.0f}%")


class Words(ProgressColumn):
    """What is said of a task, asked anew each time it is drawn."""

    def __init__(self, words: Callable[[Task], str]) -> None:
        """Ask `words`, which makes them safe and short enough."""
        super().__init__(table_column=Column(no_wrap=True, overflow="ellipsis"))
        self._words = words

    def render(self, task: Task) -> Text:
        """The words of `task`."""
        return Text(self._words(task))


class ForgivingStream:
    """A stream to draw on whose refusals cost nothing: the work and its exit code are what counts."""

    def __init__(self, stream: TextIO | None) -> None:
        """Draw on `stream`, or nowhere."""
        self._stream = stream

    def write(self, text: str) -> int:
        """`text` is drawn, or lost."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """What was written is drawn."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether there is a terminal."""
        return is_terminal(self._stream)

    @property
    def encoding(self) -> str:
        """The stream's own."""
        return "utf-8" if self._stream is None else self._stream.encoding


class ShortLine(Progress):
    """Leaves room at the end of its line for the `^C` that a terminal echoes: were it full, that would begin a new one.

    What is on the line is erased with it; what a wrapped line leaves above it is not.
    """

    def get_renderable(self) -> RenderableType:
        """The line, with room left."""
        return _Short(super().get_renderable())

    def say(self, text: str) -> None:
        """`text` stands above the line.

        Stopped and started again, a line would take itself for the one before and erase what was said meanwhile.
        """
        self.console.print(Text(safe(text)), soft_wrap=True)


class _Short:
    def __init__(self, whole: RenderableType) -> None:
        self._whole = whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return console.render(self._whole, options.update_width(columns_of(console)))


def console_on(stream: TextIO | None) -> Console:
    """What bars are drawn on: `stream`, whose refusals cost nothing."""
    colour = wants_colour(stream, os.environ)
    # Without a stream Rich would draw on stdout, which is data.
    return Console(
        file=cast("IO[str]", ForgivingStream(stream)), no_color=not colour, highlight=False, legacy_windows=False
    )


def columns_of(console: Console) -> int:
    """How many columns a line may take."""
    return max(1, console.width - _ECHO_COLUMNS)
