"""The bar of a run on a terminal: how far all of it is, and a line for each item that is worked on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from rich.progress import BarColumn, ProgressColumn
from rich.table import Column

from assetctl.cli.chapter.progress import RunProgress
from assetctl.cli.chapter.words import item_name
from assetctl.cli.progress.drawing import BAR_COLUMNS, FEWEST_COLUMNS, Share, ShortLine, Words, columns_of, console_on
from assetctl.cli.progress.labels import job_label, transfer_label, turn_label
from assetctl.events import AssetGenerated, Event, JobEnded, JobProgressed, TransferProgressed, TurnAwaited
from assetctl.text import safe

if TYPE_CHECKING:
    from rich.progress import Task, TaskID

    from assetctl.cli.output import Printer
    from assetctl.clock import Clock
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.results import Result

_WHOLE: Final = 1000
_OTHER_ROWS: Final = 3
_MOST_ROWS: Final = 12
_SHORTEST_NAME: Final = 8


class BarProgress(RunProgress):
    """Draws on the stderr of a printer until it is closed."""

    def __init__(self, total: int, clock: Clock, printer: Printer) -> None:
        """Draw from now on."""
        super().__init__(total, clock)
        console = console_on(printer.stderr)
        columns: list[ProgressColumn] = [
            Words(self._words),
            Share(),
        ]
        taken = len(" 100% ")
        if console.width >= FEWEST_COLUMNS:
            taken += BAR_COLUMNS + 1
            columns.insert(1, BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=BAR_COLUMNS)))
        self._printer = printer
        self._bar = ShortLine(*columns, console=console, transient=True, expand=True, get_time=clock.elapsed_s)
        self._room = max(8, columns_of(console) - taken)
        self._rows = max(0, min(_MOST_ROWS, shutil.get_terminal_size().lines - _OTHER_ROWS))
        self._lines: dict[str, TaskID] = {}
        self._overall = self._bar.add_task("", total=total or None)
        self._bar.start()

    def began(self, item: Item) -> None:
        """A line for `item`, if there is room."""
        super().began(item)
        if len(self._lines) < self._rows:
            self._lines[item.key] = self._bar.add_task(self._cut(f"  {item_name(item)}"), total=None)
        self._update()

    def ended(self, result: Result) -> None:
        """Its line is gone."""
        super().ended(result)
        line = self._lines.pop(result.item.key, None)
        if line is not None:
            self._bar.remove_task(line)
        self._update()

    def say(self, text: str) -> None:
        """`text` stands above the bar."""
        if not self._printer.quiet:
            self._bar.say(text)

    def close(self) -> None:
        """The bar is gone."""
        self._bar.stop()

    def _update(self) -> None:
        self._bar.update(self._overall, completed=self.done)

    def _words(self, task: Task) -> str:
        # How long it still takes changes while nothing happens.
        return self._cut(self.sentence()) if task.id == self._overall else task.description

    def heard(self, event: Event) -> None:
        """The line of the item that `event` is about says so."""
        super().heard(event)
        line = self._lines.get(event.key or "")
        item = self.active.get(event.key or "")
        if line is None or item is None:
            return
        match event:
            case JobProgressed():
                self._show(line, item, job_label(event, room=self._room // 2), event.fraction)
            case TurnAwaited():
                self._show(line, item, turn_label(event), None)
            case JobEnded() | AssetGenerated():
                self._show(line, item, "verifying", None)
            case TransferProgressed():
                share = event.received_bytes / event.total_bytes if event.total_bytes else None
                self._show(line, item, transfer_label(event.received_bytes, event.total_bytes), share)
            case _:
                return

    def _show(self, line: TaskID, item: Item, what: str, fraction: float | None) -> None:
        task = next(task for task in self._bar.tasks if task.id == line)
        # By hand: to `update`, a total of None means the one before.
        task.total, task.completed = (None, 0) if fraction is None else (_WHOLE, fraction * _WHOLE)
        # The name gives way: what becomes of the item is news.
        name = safe(item_name(item), max_length=max(_SHORTEST_NAME, self._room - len(what) - 4))
        self._bar.update(line, description=self._cut(f"  {name}: {what}"))

    def _cut(self, text: str) -> str:
        return safe(text, max_length=self._room)
