"""Which progress of a run is shown: a bar, lines, or only what goes wrong."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, assert_never

from assetctl.cli.chapter_progress import LineProgress, Quiet
from assetctl.cli.state import ProgressMode
from assetctl.cli.terminal import is_terminal

if TYPE_CHECKING:
    from collections.abc import Generator

    from assetctl.cli.chapter_progress import RunProgress
    from assetctl.cli.output import Printer
    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus


@contextmanager
def showing_run(
    total: int, mode: ProgressMode, printer: Printer, events: AssetEventBus, clock: Clock
) -> Generator[RunProgress]:
    """Within the block, the progress of a run of `total` items is shown in `mode`; afterwards the screen is clean."""
    progress = _progress(total, mode, printer, events, clock)
    try:
        yield progress
    finally:
        progress.close()


def _progress(total: int, mode: ProgressMode, printer: Printer, events: AssetEventBus, clock: Clock) -> RunProgress:
    if mode is ProgressMode.AUTO:
        mode = ProgressMode.BAR if is_terminal(printer.stderr) else ProgressMode.LINES
        if printer.quiet:
            mode = ProgressMode.NONE
    match mode:
        case ProgressMode.BAR:
            from assetctl.cli.chapter_bar import BarProgress  # noqa: PLC0415 - Rich is loaded for a bar alone

            return BarProgress(total, clock, printer, events)
        case ProgressMode.LINES:
            return LineProgress(total, clock, printer)
        case ProgressMode.JSON | ProgressMode.NONE:
            return Quiet(total, clock, printer)
        case _ as unknown:
            assert_never(unknown)
