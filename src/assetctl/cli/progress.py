"""Progress on stderr, as a listener: a bar on a terminal, lines or JSON elsewhere.

The bar tells the truth: a fraction only when the generator states one, otherwise the time gone by. Rich is loaded with
the first job, so an answer from the cache never pays for it.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, assert_never

from assetctl.cli.labels import verify_label
from assetctl.cli.state import ProgressMode
from assetctl.cli.terminal import is_terminal
from assetctl.documents import asset_document, estimate_document, request_document
from assetctl.events import (
    AssetGenerated,
    CacheTroubled,
    Event,
    JobAdopted,
    JobEnded,
    JobProgressed,
    JobSubmitted,
    TransferProgressed,
    VerifyProgressed,
    WaitingForLock,
)
from assetctl.models import Asset, AssetRequest, Estimate
from assetctl.units import human_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from assetctl.cli.output import Printer
    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus

_LINE_EVERY_S = 10.0


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
    try:
        yield
    finally:
        unsubscribe()
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


class Lines:
    """A line per change of state, and while waiting at most one each 10 s."""

    def __init__(self, say: Callable[[str], None], clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._started_s = clock.elapsed_s()
        self._last: tuple[str, str] | None = None
        self._last_said_s = 0.0

    def __call__(self, event: Event) -> None:
        """`event` is shown, if it is one to show."""
        match event:
            case JobProgressed():
                self._progress(event)
            case VerifyProgressed():
                self._verified(event)
            case WaitingForLock():
                self._say_rarely("lock", f"waiting {human_duration(event.waited_s)} for {event.owner}")
            case _:
                if (sentence := _sentence(event)) is not None:
                    self._say(sentence)

    def close(self) -> None:
        """Nothing to clean up."""

    def _progress(self, event: JobProgressed) -> None:
        gone = human_duration(self._clock.elapsed_s() - self._started_s)
        share = "" if event.fraction is None else f" {event.fraction:.0%}"
        self._say_rarely(event.state, f"{event.generator} job {event.job_id}: {event.state}{share}, {gone}")

    def _verified(self, event: VerifyProgressed) -> None:
        # Most caches are read before the first line is due; the summary says it all then.
        if self._clock.elapsed_s() - max(self._started_s, self._last_said_s) >= _LINE_EVERY_S:
            self._say_rarely("verify", f"verifying: {verify_label(event)}")

    def _say_rarely(self, state: str, sentence: str) -> None:
        now_s = self._clock.elapsed_s()
        if self._last is None or self._last[0] != state or now_s - self._last_said_s >= _LINE_EVERY_S:
            self._last, self._last_said_s = (state, sentence), now_s
            self._say(sentence)


def _sentence(event: Event) -> str | None:
    match event:
        case JobSubmitted():
            return f"{event.generator} job {event.job_id}: submitted"
        case JobAdopted():
            return f"{event.generator} job {event.job_id}: already under way, waiting for it"
        case JobEnded():
            return f"{event.generator} job {event.job_id}: {event.state}"
        case CacheTroubled():
            return event.detail
        case _:
            return None


class LazyBar:
    """A Rich bar from the first job or transfer on; nothing before."""

    def __init__(self, printer: Printer, clock: Clock) -> None:
        self._printer = printer
        self._clock = clock
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """`event` is shown, if it is one to show."""
        shown = (
            JobSubmitted
            | JobAdopted
            | JobProgressed
            | JobEnded
            | TransferProgressed
            | VerifyProgressed
            | WaitingForLock
        )
        if isinstance(event, shown):
            self._started().show(event)
        elif isinstance(event, AssetGenerated):
            self.close()
        elif isinstance(event, CacheTroubled):
            # It comes after the last of the transfer; a note between two frames of a bar would tear it.
            self.close()
            self._printer.note(event.detail)

    def close(self) -> None:
        """The bar is gone and the cursor stands at the start of a clean line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _started(self) -> Any:
        if self._bar is None:
            from assetctl.cli.bar import ProgressBar  # noqa: PLC0415 - Rich is loaded with the first job

            self._bar = ProgressBar(self._printer.stderr, clock=self._clock)
        return self._bar
