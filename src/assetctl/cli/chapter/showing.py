"""Which progress of a run is shown: a bar, lines, or only what goes wrong."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from assetctl.cli.chapter.progress import FoldedProgress, JsonProgress, LineProgress, Quiet
from assetctl.cli.state import ProgressMode
from assetctl.cli.terminal import is_terminal

if TYPE_CHECKING:
    from collections.abc import Generator

    from assetctl.cli.chapter.progress import RunProgress
    from assetctl.cli.output import Printer
    from assetctl.cli.pipelines import Pipeline
    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus


@dataclass(frozen=True, slots=True)
class Showing:
    """How a run is shown: in which mode, as what it is called, and in which CI job."""

    mode: ProgressMode
    title: str
    pipeline: Pipeline


@contextmanager
def showing_run(
    total: int, showing: Showing, printer: Printer, events: AssetEventBus, clock: Clock
) -> Generator[RunProgress]:
    """Within the block, the progress of a run of `total` items is shown; afterwards the screen is clean."""
    progress = _progress(total, showing, printer, clock)
    unsubscribe = events.subscribe(progress.heard)
    try:
        yield progress
    finally:
        unsubscribe()
        progress.close()


def _progress(total: int, showing: Showing, printer: Printer, clock: Clock) -> RunProgress:
    mode = showing.mode
    if mode is ProgressMode.AUTO:
        mode = ProgressMode.BAR if is_terminal(printer.stderr) else ProgressMode.LINES
        if printer.quiet:
            mode = ProgressMode.NONE
    match mode:
        case ProgressMode.BAR:
            from assetctl.cli.chapter.bar import BarProgress  # noqa: PLC0415 - Rich is loaded for a bar alone

            return BarProgress(total, clock, printer)
        case ProgressMode.LINES:
            # Marks for a CI system are no talk for a program that reads JSON.
            if showing.pipeline.system is None or printer.as_json or printer.quiet:
                return LineProgress(total, clock, printer)
            return FoldedProgress(total, clock, printer, showing.pipeline, showing.title)
        case ProgressMode.JSON:
            return JsonProgress(total, clock, printer)
        case ProgressMode.NONE:
            return Quiet(total, clock, printer)
        case _ as unknown:
            assert_never(unknown)
