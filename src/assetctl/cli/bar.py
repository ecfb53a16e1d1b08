"""The progress bar on a terminal, drawn by Rich."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from assetctl.cli.labels import job_label, transfer_label, verify_label
from assetctl.cli.terminal import is_terminal, wants_colour
from assetctl.events import (
    Event,
    JobAdopted,
    JobEnded,
    JobProgressed,
    JobSubmitted,
    TransferProgressed,
    VerifyProgressed,
    WaitingForLock,
)
from assetctl.text import safe

if TYPE_CHECKING:
    from rich.progress import Task

    from assetctl.clock import Clock

_WHOLE = 1000
FEWEST_COLUMNS = 40
_ECHO_COLUMNS = 3
BAR_COLUMNS = 8
_SHARE_AND_TIME_COLUMNS = len(" 100% 0:00:00")
_LONGEST_DESCRIPTION = 48


class Share(TextColumn):
    """The share done, or nothing while it is unknown."""

    def __init__(self) -> None:
        """Four columns, to the right."""
        super().__init__("", table_column=Column(width=4, no_wrap=True, justify="right"))

    def render(self, task: Task) -> Text:
        """The share of `task`."""
        return Text("" if task.total is None else f"{task.percentage:.0f}%")


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


class ProgressBar:
    """One line that shows what is waited for, how far it is and how long it has taken."""

    def __init__(self, stream: TextIO | None, *, clock: Clock) -> None:
        """Draw on `stream` from now on."""
        console = console_on(stream)
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            Share(),
            TimeElapsedColumn(),
        ]
        self._taken = _SHARE_AND_TIME_COLUMNS
        if console.width >= FEWEST_COLUMNS:
            self._taken += BAR_COLUMNS + 1
            columns.insert(1, BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=BAR_COLUMNS)))
        self._progress = ShortLine(*columns, console=console, transient=True, expand=True, get_time=clock.elapsed_s)
        self._progress.start()
        self._task = self._progress.add_task("asking", total=None)

    def show(self, event: Event) -> None:
        """The line says what `event` says."""
        match event:
            case JobSubmitted():
                self._update(f"{event.generator}: queued", None)
            case JobAdopted():
                self._update(f"{event.generator}: joining job", None)
            case JobProgressed():
                self._update(f"{event.generator}: {job_label(event.state, event.message)}", event.fraction)
            case JobEnded():
                self._update(f"{event.generator}: verifying", None)
            case TransferProgressed():
                share = event.received_bytes / event.total_bytes if event.total_bytes else None
                self._update(f"downloading {transfer_label(event.received_bytes, event.total_bytes)}", share)
            case VerifyProgressed():
                share = min(1.0, event.read_bytes / event.total_bytes) if event.total_bytes else None
                self._update(verify_label(event), share)
            case WaitingForLock():
                self._update(f"waiting for {event.owner}", None)
            case _:
                return

    def stop(self) -> None:
        """The line is taken away."""
        self._progress.stop()

    def _update(self, description: str, fraction: float | None) -> None:
        total = None if fraction is None else _WHOLE
        completed = 0 if fraction is None else fraction * _WHOLE
        room = columns_of(self._progress.console) - self._taken
        # Cut here, because Rich would cut the share and the time as much as the words.
        words = safe(description, max_length=max(1, min(room, _LONGEST_DESCRIPTION)))
        self._progress.update(self._task, description=words, total=total, completed=completed)
