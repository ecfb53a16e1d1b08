"""Progress on stderr, as a listener: a bar on a terminal, lines or JSON elsewhere.

The bar tells the truth: a fraction only when the generator states one, otherwise the time gone by. Rich is loaded with
the first job, so an answer from the cache never pays for it.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, assert_never

from assetctl.cli.progress.in_hand import JobsInHand
from assetctl.cli.progress.labels import BACK_LABEL, away_label
from assetctl.cli.progress.lines import Lines
from assetctl.cli.state import ProgressMode
from assetctl.cli.terminal import is_terminal
from assetctl.documents import asset_document, estimate_document, request_document
from assetctl.events import (
    AssetGenerated,
    CacheTroubled,
    CancelAsked,
    Event,
    ItemsPlanned,
    JobAdopted,
    JobCollected,
    JobEnded,
    JobFileArrived,
    JobProgressed,
    JobSubmitted,
    OutcomeAwaited,
    ScenesRead,
    ServiceAway,
    ServiceBack,
    TransferProgressed,
    TurnAwaited,
    VerifyProgressed,
    WaitingForLock,
)
from assetctl.models import Asset, AssetRequest, Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from assetctl.cli.output import Printer
    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus


@contextmanager
def showing_progress(
    events: AssetEventBus, printer: Printer, mode: ProgressMode, *, clock: Clock, terminal_ok: bool = True
) -> Generator[None]:
    """Within the block `events` are shown on the printer's stderr in `mode`; afterwards the line is clean again."""
    listener = _listener(printer, mode, clock, terminal_ok=terminal_ok)
    if listener is None:
        yield
        return
    unsubscribe = events.subscribe(listener)
    # A line printed between two frames of a bar would tear it.
    printer.curtains.append(listener.close)
    try:
        yield
    finally:
        unsubscribe()
        printer.curtains.remove(listener.close)
        listener.close()


def _listener(
    printer: Printer, mode: ProgressMode, clock: Clock, *, terminal_ok: bool
) -> JsonLines | Lines | LazyBar | None:
    if mode is ProgressMode.AUTO:
        mode = ProgressMode.BAR if terminal_ok and is_terminal(printer.stderr) else ProgressMode.LINES
        if printer.quiet:
            mode = ProgressMode.NONE
    match mode:
        case ProgressMode.JSON:
            return JsonLines(printer.event)
        case ProgressMode.LINES:
            return Lines(printer.note, clock)
        case ProgressMode.BAR:
            return LazyBar(printer, clock)
        case ProgressMode.NONE:
            return None
        case _ as unknown:
            assert_never(unknown)


class JsonLines:
    """Every event as one JSON line: its fields, and its type under `event`."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say

    def __call__(self, event: Event) -> None:
        """`event` is shown, if it is one to show."""
        fields = {f.name: _jsonable(getattr(event, f.name)) for f in dataclasses.fields(event)}
        self._say({"event": type(event).__name__, **fields})

    def close(self) -> None:
        """Nothing to clean up."""


def _jsonable(value: Any) -> Any:
    if isinstance(value, Asset):
        return asset_document(value)
    if isinstance(value, AssetRequest):
        return request_document(value)
    if isinstance(value, Estimate):
        return estimate_document(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


_SHOWN = (
    JobSubmitted
    | JobAdopted
    | JobProgressed
    | JobEnded
    | JobFileArrived
    | CancelAsked
    | OutcomeAwaited
    | ScenesRead
    | TurnAwaited
    | TransferProgressed
    | VerifyProgressed
    | WaitingForLock
)


_SOON_S: Final = 0.5


class LazyBar:
    """A Rich bar from the first job or transfer on; nothing before."""

    def __init__(self, printer: Printer, clock: Clock) -> None:
        self._printer = printer
        self._clock = clock
        self._began_s = clock.elapsed_s()
        self._jobs = JobsInHand()
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """`event` is shown, if it is one to show."""
        self._jobs.note(event)
        if isinstance(event, ScenesRead | ItemsPlanned) and event.is_all:
            self.close()
        elif isinstance(event, ItemsPlanned):
            # Most chapters are planned before anybody could read it.
            if self._clock.elapsed_s() - self._began_s >= _SOON_S:
                self._started().show(event)
        elif isinstance(event, _SHOWN):
            self._started().show(event)
        elif isinstance(event, AssetGenerated | JobCollected):
            self.close()
        elif isinstance(event, CacheTroubled):
            self._printer.note(event.detail)
        elif isinstance(event, ServiceAway):
            self._printer.note(away_label(event))
        elif isinstance(event, ServiceBack):
            self._printer.note(BACK_LABEL)

    def close(self) -> None:
        """The bar is gone and the cursor stands at the start of a clean line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _started(self) -> Any:
        if self._bar is None:
            from assetctl.cli.progress.bar import ProgressBar  # noqa: PLC0415 - Rich is loaded with the first job

            self._bar = ProgressBar(self._printer.stderr, clock=self._clock, jobs=self._jobs)
        return self._bar
